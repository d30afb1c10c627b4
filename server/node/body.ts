/** A call's body: as it was received, or with a few members changed. */

import { type BodyEdit, edited } from "../../protocol/mod.ts";
import type { Body } from "./attempt.ts";

const decoder = new TextDecoder();
const GIVEN_UP = new Uint8Array();
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

  /** Decoded on each use and not kept: it would pin the body's memory a second time. */
  get text(): string {
    return decoder.decode(this.#bytes);
  }

  get digest(): number | bigint {
    return this.#digest ??= Bun.hash(this.#bytes);
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
    this.#digest ??= Bun.hash(this.#bytes);
    this.#bytes = GIVEN_UP;
    return this.#copies === 0;
  }
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
