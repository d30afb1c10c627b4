/**
 * A call's body as both ends check it: a gateway when a caller sends it, a node when a gateway does.
 * A server that reads the body more loosely than this check must not find another model in it.
 */

import { isUtf8 } from "node:buffer";
import { isEmptyArray, JsonFault, type JsonKind, type JsonSpan, ObjectScan } from "./json_scan.ts";
import { MAX_JSON_DEPTH, MAX_JSON_MEMBERS } from "./limits.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const OPEN_BRACE = 0x7b;

const LIMITS = { maxDepth: MAX_JSON_DEPTH, maxMembers: MAX_JSON_MEMBERS };

/** A longer body is handled in slices of so many bytes, each in its own turn of the event loop: a few milliseconds. */
export const SLICE_BYTES = 256 * 1024;

/** A body that is a valid JSON object. It is passed on as received; only the members that are asked for are parsed. */
export class CallBody {
  readonly #members: ReadonlyMap<string, JsonSpan>;

  private constructor(
    /** The body, without a byte order mark. */
    readonly bytes: Uint8Array,
    members: ReadonlyMap<string, JsonSpan>,
  ) {
    this.#members = members;
    for (const name of this.#members.keys()) refuseOtherCase(name);
  }

  /** Throws JsonFault or OtherCase. */
  static of(received: Uint8Array): CallBody {
    const { bytes, scan } = begun(received);
    scan.step(Infinity);
    return new CallBody(bytes, scan.members);
  }

  /** As `of`, with a promise for a long body, whose check lets other work in between. */
  static inSlices(received: Uint8Array): CallBody | Promise<CallBody> {
    const { bytes, scan } = begun(received);
    return scan.step(SLICE_BYTES)
      ? new CallBody(bytes, scan.members)
      : CallBody.#ofLong(bytes, scan);
  }

  static async #ofLong(bytes: Uint8Array, scan: ObjectScan): Promise<CallBody> {
    do await othersTurn(); while (!scan.step(SLICE_BYTES));
    // What follows has a turn of its own.
    await othersTurn();
    return new CallBody(bytes, scan.members);
  }

  /** The kind of a member's value; undefined: there is no such member. */
  kind(name: string): JsonKind | undefined {
    return this.#members.get(name)?.kind;
  }

  /** How many bytes a member's value takes; 0: there is no such member. */
  size(name: string): number {
    const span = this.#members.get(name);
    return span === undefined ? 0 : span.end - span.start;
  }

  /** Whether a member is an empty list. */
  isEmptyList(name: string): boolean {
    const span = this.#members.get(name);
    return span !== undefined && isEmptyArray(this.bytes, span);
  }

  /** What gives some members other values, and adds those that the body lacks. Not for a body without members. `values`: JSON by name. */
  edits(values: Readonly<Record<string, string>>): BodyEdit[] {
    return Object.entries(values).map(([name, json]) => this.#edit(name, json))
      .sort((a, b) => a.start - b.start);
  }

  #edit(name: string, json: string): BodyEdit {
    const span = this.#members.get(name);
    if (span !== undefined) {
      return { start: span.start, end: span.end, bytes: encoder.encode(json) };
    }
    const start = this.bytes.indexOf(OPEN_BRACE) + 1;
    return { start, end: start, bytes: encoder.encode(`${JSON.stringify(name)}:${json},`) };
  }

  /** A member's value, parsed on each call; undefined: there is no such member. */
  value(name: string): unknown {
    const span = this.#members.get(name);
    if (span === undefined) return undefined;
    return JSON.parse(decoder.decode(this.bytes.subarray(span.start, span.end)));
  }
}

function begun(received: Uint8Array): { bytes: Uint8Array; scan: ObjectScan } {
  const bytes = withoutByteOrderMark(received);
  if (!isUtf8(bytes)) throw new JsonFault("not UTF-8", 0);
  return { bytes, scan: new ObjectScan(bytes, LIMITS) };
}

/** Bytes in the place of others. */
export interface BodyEdit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/** By how many bytes the edits make a body longer; negative: shorter. */
export function growthBy(edits: readonly BodyEdit[]): number {
  return edits.reduce((sum, { start, end, bytes }) => sum + bytes.length - end + start, 0);
}

/** A copy of the bytes with the edits made, which are in order and do not overlap. */
export function edited(bytes: Uint8Array, edits: readonly BodyEdit[]): Uint8Array {
  const copy = new Uint8Array(bytes.length + growthBy(edits));
  let [from, to] = [0, 0];
  const append = (part: Uint8Array) => {
    copy.set(part, to);
    to += part.length;
  };
  for (const edit of edits) {
    append(bytes.subarray(from, edit.start));
    append(edit.bytes);
    from = edit.end;
  }
  append(bytes.subarray(from));
  return copy;
}

/** Resolves when whatever else has arrived was handled. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * A member that servers written in Go read as `member`, such as `Model`: they would run another
 * model than the one that was checked.
 */
export class OtherCase extends Error {
  override readonly name = "OtherCase";
  constructor(readonly member: string) {
    super(`"${member}" must be written in small letters`);
  }
}

/** The members that decide where a call goes and how it is answered, by name in upper case, which is also that of letters that look different, such as ſ. */
const routingMembers: ReadonlyMap<string, string> = new Map(
  ["model", "stream"].map((name) => [name.toUpperCase(), name]),
);

/** Of the longest of them. No name gets shorter in upper case. */
const MAX_ROUTING_CHARS = "stream".length;

function refuseOtherCase(name: string): void {
  if (name === "model" || name === "stream" || name.length > MAX_ROUTING_CHARS) return;
  const meant = routingMembers.get(name.toUpperCase());
  if (meant !== undefined && meant !== name) throw new OtherCase(meant);
}

/** Some editors and shells write a byte order mark, which is not JSON. */
function withoutByteOrderMark(bytes: Uint8Array): Uint8Array {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? bytes.subarray(3) : bytes;
}
