/** Parses HTTP/1.1 responses that arrive in arbitrary pieces (RFC 9112). */

import { Buffer } from "node:buffer";
import type { HttpHeaders } from "./http_response.ts";

/** A status line with its headers, and a chunked body's trailers. */
const MAX_HEAD_BYTES = 64 * 1024;
/** The digits of a chunk's size: more would exceed what a number holds exactly. */
const MAX_SIZE_DIGITS = 12;

/** A smaller part of a large read is copied: else it would hold the read's memory. */
const LARGE_BYTES = 16 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const NOTHING: Buffer = Buffer.alloc(0);

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\0]*)?$/;
/**
 * A header's value holds no control characters but the tab. The blanks around it are part of the match,
 * because an expression that leaves them out takes minutes over a long row of them.
 */
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~\w]+):([\t\x20-\x7e\x80-\xff]*)$/;

export interface ResponseHead {
  status: number;
  headers: ResponseHeaders;
  /** Whether the connection may carry another request once the body has ended. */
  keepsAlive: boolean;
}

/** Called in the order of the bytes. */
export interface ResponseEvents {
  head(head: ResponseHead): void;
  /** Bytes of the body, which belong to the receiver. */
  body(bytes: Uint8Array): void;
  end(): void;
}

/** The response breaks HTTP's rules: its connection is of no more use. */
export class MalformedResponse extends Error {
  readonly code = "HPE_INVALID_RESPONSE";
}

export class ResponseHeaders implements HttpHeaders {
  readonly #values = new Map<string, string>();

  /** Lines of one name are joined, as HTTP says. */
  add(name: string, value: string): void {
    const known = this.#values.get(name);
    this.#values.set(name, known === undefined ? value : `${known}, ${value}`);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#values.entries();
  }
}

type State =
  | "head"
  | "sized"
  | "until close"
  | "chunk size"
  | "chunk extension"
  | "chunk"
  | "chunk end"
  | "trailers"
  | "ended";

export class ResponseParser {
  #state: State = "head";
  /** The beginning of a head that is not whole. */
  #begun: Buffer | null = null;
  /** Holds it at its start, with space behind it; empty: the beginning has come in one piece. */
  #room: Buffer = NOTHING;
  /** Bytes that are left of the body, or of the chunk. */
  #left = 0;
  #sizeDigits = 0;
  /** Bytes of the extensions or trailers, and of the trailer's line. */
  #extraBytes = 0;
  #lineBytes = 0;

  constructor(private readonly events: ResponseEvents) {}

  /** Whether the response has come whole. Further bytes belong to no request. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Makes ready for the response to another request. */
  reset(): void {
    this.#state = "head";
  }

  /**
   * Takes the next bytes, which are the parser's own from then on. Returns whether all of them belong to
   * the response. Throws a MalformedResponse.
   */
  feed(bytes: Buffer): boolean {
    if (this.#state === "head") return this.#feedHead(bytes);
    return this.#feedBody(bytes, 0) === bytes.length;
  }

  /** The connection has ended. Returns whether the response has come whole. */
  feedEnd(): boolean {
    if (this.#state === "until close") this.#end();
    return this.hasEnded;
  }

  #feedHead(bytes: Buffer): boolean {
    const begunBytes = this.#begun?.length ?? 0;
    const all = this.#begun === null ? bytes : this.#joined(this.#begun, bytes);
    let at = 0;
    for (;;) {
      // The end has three bytes at most: the others were searched before.
      const end = endOfHead(all, Math.max(at, begunBytes - 2));
      if (end - at > MAX_HEAD_BYTES) throw new MalformedResponse("The response's head is too long");
      if (end < 0) break;
      const isFinal = this.#takeHead(all.toString("latin1", at, end));
      at = end;
      if (isFinal) {
        this.#begun = null;
        this.#room = NOTHING;
        return this.#feedBody(all, at) === all.length;
      }
    }
    if (all.length - at > MAX_HEAD_BYTES) {
      throw new MalformedResponse("The response's head is too long");
    }
    this.#begun = all.subarray(at);
    if (at > 0) this.#room = NOTHING;
    return true;
  }

  /** The room doubles, because a head that comes byte by byte would else be copied for each of them. */
  #joined(begun: Buffer, bytes: Buffer): Buffer {
    const length = begun.length + bytes.length;
    if (this.#room.length < length) {
      this.#room = Buffer.allocUnsafeSlow(2 * length);
      begun.copy(this.#room);
    }
    bytes.copy(this.#room, begun.length);
    return this.#room.subarray(0, length);
  }

  /** Returns whether it is the head of the response itself, not of an interim one. */
  #takeHead(text: string): boolean {
    const [statusLine = "", ...lines] = text.split(/\r?\n/).slice(0, -2);
    const [, minor, code] = STATUS_LINE.exec(statusLine) ?? [];
    if (code === undefined) throw new MalformedResponse("The response is not of HTTP/1.1");
    const status = Number(code);
    if (status === 101) throw new MalformedResponse("The server switches protocols unasked");
    if (status < 200) return false;
    const headers = headersOf(lines);
    const length = this.#frameBody(status, headers);
    const connection = headers.get("connection")?.toLowerCase() ?? "";
    const isPersistent = minor === "1"
      ? !/\bclose\b/.test(connection)
      : /\bkeep-alive\b/.test(connection);
    const keepsAlive = isPersistent && this.#state !== "until close" && length !== "ambiguous";
    this.events.head({ status, headers, keepsAlive });
    if (this.#state === "sized" && this.#left === 0) this.#end();
    return true;
  }

  /** Decides where the body ends. Two headers that say it are taken for an attempt to smuggle a response. */
  #frameBody(status: number, headers: ResponseHeaders): "clear" | "ambiguous" {
    const length = headers.get("content-length");
    const coding = headers.get("transfer-encoding")?.toLowerCase();
    this.#left = 0;
    if (status === 204 || status === 304) {
      this.#state = "sized";
      // Its server may think that a body follows, and so the next response would be one of its own.
      return coding === undefined && (length ?? "0") === "0" ? "clear" : "ambiguous";
    }
    if (coding !== undefined && coding !== "identity") {
      if (coding !== "chunked") throw new MalformedResponse("The response's coding is not known");
      this.#beginChunkSize();
      if (length === null) return "clear";
      // Readers rely on a length for how much they will hold.
      headers.delete("content-length");
      return "ambiguous";
    } else if (length !== null) {
      this.#left = sizeOf(length);
      this.#state = "sized";
    } else this.#state = "until close";
    return "clear";
  }

  /** Returns how many of the bytes, from `at`, belong to the response. */
  #feedBody(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "ended":
        return at;
      case "sized": {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        if (end > at) this.events.body(part(bytes, at, end));
        if (this.#left === 0) this.#end();
        return end;
      }
      case "until close":
        if (at < bytes.length) this.events.body(part(bytes, at, bytes.length));
        return bytes.length;
      default:
        return this.#feedChunks(bytes, at);
    }
  }

  /** What the chunks hold is moved together, so that one read gives one piece without an allocation. */
  #feedChunks(bytes: Buffer, from: number): number {
    let at = from;
    let begin = -1;
    let end = -1;
    while (at < bytes.length && this.#state !== "ended") {
      if (this.#state !== "chunk") {
        at = this.#feedFraming(bytes, at);
        continue;
      }
      const next = Math.min(bytes.length, at + this.#left);
      if (begin < 0) begin = end = at;
      else bytes.copyWithin(end, at, next);
      end += next - at;
      this.#left -= next - at;
      at = next;
      if (this.#left === 0) this.#state = "chunk end";
    }
    if (end > begin) this.events.body(part(bytes, begin, end));
    if (this.hasEnded) this.events.end();
    return at;
  }

  /** Takes what stands between the chunks' contents; returns the position of the first byte not taken. */
  #feedFraming(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && this.#state !== "chunk" && this.#state !== "ended") {
      const byte = bytes[at++]!;
      switch (this.#state) {
        case "chunk size":
          this.#takeSizeByte(byte);
          break;
        case "chunk extension":
          this.#countExtra();
          if (byte === LF) this.#beginChunk();
          break;
        case "chunk end":
          if (byte === LF) this.#beginChunkSize();
          else if (byte !== CR) throw new MalformedResponse("A chunk is longer than announced");
          break;
        default:
          this.#takeTrailerByte(byte);
      }
    }
    return at;
  }

  #takeSizeByte(byte: number): void {
    const digit = digits[byte]!;
    if (digit < 16) {
      if (++this.#sizeDigits > MAX_SIZE_DIGITS) throw new MalformedResponse("A chunk is too large");
      this.#left = this.#left * 16 + digit;
    } else if (this.#sizeDigits === 0) throw new MalformedResponse("A chunk has no size");
    else if (byte === LF) this.#beginChunk();
    else if (isSizeEnd(byte)) this.#state = "chunk extension";
    else throw new MalformedResponse("A chunk's size is not a number");
  }

  #takeTrailerByte(byte: number): void {
    this.#countExtra();
    if (byte === CR) return;
    if (byte !== LF) this.#lineBytes++;
    else if (this.#lineBytes === 0) this.#state = "ended";
    else this.#lineBytes = 0;
  }

  #beginChunkSize(): void {
    this.#state = "chunk size";
    this.#left = this.#sizeDigits = this.#extraBytes = 0;
  }

  #beginChunk(): void {
    this.#state = this.#left === 0 ? "trailers" : "chunk";
    this.#extraBytes = this.#lineBytes = 0;
  }

  #countExtra(): void {
    if (++this.#extraBytes > MAX_HEAD_BYTES) {
      throw new MalformedResponse("A chunk's framing is too long");
    }
  }

  #end(): void {
    this.#state = "ended";
    this.events.end();
  }
}

/** The position after the empty line that ends the head; -1: it is not whole. */
function endOfHead(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

function headersOf(lines: readonly string[]): ResponseHeaders {
  const headers = new ResponseHeaders();
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined) throw new MalformedResponse("The response has a malformed header");
    headers.add(name.toLowerCase(), withoutBlanks(value!));
  }
  return headers;
}

/** The text without spaces and tabs around it: other whitespace may be a part of a letter in UTF-8. */
function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Repeated equal lengths are one length. */
function sizeOf(text: string): number {
  const [size = "", ...others] = text.split(/,[ \t]*/);
  const isClear = /^\d{1,15}$/.test(size) && others.every((other) => other === size);
  if (!isClear) throw new MalformedResponse("The response's length is not a number");
  return Number(size);
}

function isSizeEnd(byte: number): boolean {
  return byte === CR || byte === 0x3b || isBlank(byte);
}

/** Most pieces are one whole read; even a view of it would cost. */
function part(bytes: Buffer, from: number, to: number): Uint8Array {
  if (from === 0 && to === bytes.length) return bytes;
  const view = bytes.subarray(from, to);
  return bytes.length >= LARGE_BYTES && view.length < bytes.length / 8
    ? new Uint8Array(view)
    : view;
}

/** The value of each hexadecimal digit's byte; 16 for other bytes. */
const digits = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? 16 : value;
});
