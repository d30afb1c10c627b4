/** A call's body: as it was received, or with a few members changed. */

import { type BodyEdit, edited, growthBy, othersTurn, SLICE_BYTES } from "../../protocol/mod.ts";
import type { Body } from "./attempt.ts";

const decoder = new TextDecoder();
const GIVEN_UP = new Uint8Array();

/** Of a longer body, so much of its beginning and of its end is digested: all of 10 MiB would take milliseconds. */
const DIGESTED_BYTES = 256 * 1024;
const NOTHING = (): void => {};

export class ReceivedBody implements Body {
  #bytes: Uint8Array;
  #digest: number | bigint | null = null;
  #copies = 0;
  /** Called when a body that was given up waits in no copy any more. */
  onFreed: () => void = NOTHING;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Empty once the body was given up. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** Decoded on each use and not kept: it would pin the body's memory a second time. */
  get text(): string {
    return decoder.decode(this.#bytes);
  }

  get digest(): number | bigint {
    return this.#digest ??= digestOf(this.#bytes);
  }

  copied(): () => void {
    this.#copies++;
    return () => {
      if (--this.#copies === 0) this.onFreed();
    };
  }

  /**
   * Frees the memory: the call's node has the body, and no other will need it. False: a copy waits to
   * be sent, and `onFreed` is called once none does.
   */
  giveUp(): boolean {
    // The call may still fail; the digest then distinguishes it from other calls.
    this.#digest ??= digestOf(this.#bytes);
    this.#bytes = GIVEN_UP;
    return this.#copies === 0;
  }
}

/** Distinguishes a call's prompt from others'. Long bodies of one length that differ in the middle alone are taken for the same. */
function digestOf(bytes: Uint8Array): number | bigint {
  if (bytes.byteLength <= 2 * DIGESTED_BYTES) return Bun.hash(bytes);
  const beginning = Bun.hash(bytes.subarray(0, DIGESTED_BYTES), BigInt(bytes.byteLength));
  return Bun.hash(bytes.subarray(-DIGESTED_BYTES), BigInt(beginning));
}

/**
 * The text of a long body, decoded with others' turns in between. Null once it is not wanted any more,
 * which is asked for in each turn.
 */
export async function textInTurns(
  bytes: Uint8Array,
  isWanted: () => boolean,
): Promise<string | null> {
  const streaming = new TextDecoder();
  let text = "";
  for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) {
    if (!isWanted()) return null;
    text += streaming.decode(bytes.subarray(at, at + SLICE_BYTES), { stream: true });
    await othersTurn();
  }
  return isWanted() ? text + streaming.decode() : null;
}

/** A received body with other values for a few members. Made on each use and not kept: it would take the body's memory a second time. */
export class EditedBody implements Body {
  constructor(
    private readonly received: Body,
    private readonly edits: readonly BodyEdit[],
  ) {}

  /** Empty once the body was given up. */
  get bytes(): Uint8Array {
    const { bytes } = this.received;
    return bytes.byteLength === 0 ? bytes : edited(bytes, this.edits);
  }

  get byteLength(): number {
    const { byteLength } = this.received;
    return byteLength === 0 ? 0 : byteLength + growthBy(this.edits);
  }

  get text(): string {
    return decoder.decode(this.bytes);
  }

  get digest(): number | bigint {
    return this.received.digest;
  }

  copied(): () => void {
    return this.received.copied?.() ?? (() => {});
  }
}
