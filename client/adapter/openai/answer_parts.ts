/** Passes a large whole answer on in parts, as they arrive: the model's name is replaced, usage counted, and the rest unread. */

import { JsonFault, JsonFeed } from "../../../protocol/mod.ts";
import { type AdapterCall, type Piece, UpstreamFailure } from "../adapter.ts";
import type { Json } from "../json_object.ts";
import { disconnected, type ResponseBody } from "../sse/event_stream.ts";

/** Members that are read. Their values are held until they are complete. */
const WATCHED: ReadonlySet<string> = new Set(["model", "usage", "error"]);

/** A longer value is no model's name and no usage, and passes unread. */
const MAX_VALUE_BYTES = 64 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Member {
  name: string;
  start: number;
  end: number;
}

/**
 * Yields the answer whose beginning was read already. Throws what `failureIn` makes of an error in it,
 * and an UpstreamFailure when it is no JSON or breaks off.
 */
export async function* answerParts(
  read: readonly Uint8Array[],
  body: ResponseBody,
  call: AdapterCall,
  failureIn: (answer: Json) => UpstreamFailure,
): AsyncGenerator<Piece, undefined> {
  const parts = new AnswerParts(call, failureIn);
  try {
    for (const bytes of read) yield* parts.take(bytes);
    for (;;) {
      const { done, value } = await body.read().catch((cause: unknown) => {
        throw body.lossFrom(cause);
      });
      if (done) return parts.end();
      yield* parts.take(value);
    }
  } finally {
    body.release();
  }
}

class AnswerParts {
  #members: Member[] = [];
  readonly #feed = new JsonFeed({
    watched: WATCHED,
    onMember: (name, start, end) => void this.#members.push({ name, start, end }),
  });
  /** What arrived and was not passed on, which begins at `#at`. */
  #rest: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(
    private readonly call: AdapterCall,
    private readonly failureIn: (answer: Json) => UpstreamFailure,
  ) {}

  /** What can be passed on now. */
  take(bytes: Uint8Array): Piece[] {
    try {
      this.#feed.feed(bytes);
    } catch (cause) {
      if (!(cause instanceof JsonFault)) throw cause;
      throw new UpstreamFailure(502, "The provider sent something that is not JSON", { cause });
    }
    this.#rest = joined([this.#rest, bytes]);
    const { openValueAt, bytesRead } = this.#feed;
    const isShort = openValueAt !== null && bytesRead - openValueAt <= MAX_VALUE_BYTES;
    const end = isShort ? Math.max(openValueAt, this.#at) : bytesRead;
    return end === this.#at ? [] : [this.#pass(end)];
  }

  /** Throws if the answer is not complete. */
  end(): undefined {
    if (this.#feed.closingAt === null) throw disconnected();
  }

  #pass(end: number): Piece {
    const passed: Uint8Array[] = [];
    let report: string | null = null;
    for (const { name, start, end } of this.#members.splice(0)) {
      // The beginning of a long value has gone already.
      if (start < this.#at || end - start > MAX_VALUE_BYTES) continue;
      const text = decoder.decode(this.#rest.subarray(start - this.#at, end - this.#at));
      const value: unknown = JSON.parse(text);
      if (name === "usage") report = `{"usage":${text}}`;
      else if (name === "error" && value) throw this.failureIn({ error: value });
      else if (name === "model" && value === this.call.model) {
        passed.push(this.#cutAt(start), encoder.encode(JSON.stringify(this.call.askedModel)));
        this.#cutAt(end);
      }
    }
    passed.push(this.#cutAt(end));
    return { bytes: joined(passed), tokenEvents: 0, ...(report === null ? {} : { report }) };
  }

  /** Removes and returns what stands before the position. */
  #cutAt(position: number): Uint8Array {
    const cut = this.#rest.subarray(0, position - this.#at);
    this.#rest = this.#rest.subarray(position - this.#at);
    this.#at = position;
    return cut;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const some = parts.filter(({ byteLength }) => byteLength > 0);
  if (some.length === 1) return some[0]!;
  const all = new Uint8Array(some.reduce((size, { byteLength }) => size + byteLength, 0));
  let at = 0;
  for (const part of some) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}
