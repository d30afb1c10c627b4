/** A call's body as it was received. */

import type { Body } from "./attempt.ts";

const decoder = new TextDecoder();
const GIVEN_UP = new Uint8Array();

export class ReceivedBody implements Body {
  #bytes: Uint8Array;
  #digest: number | bigint | null = null;
  #copies = 0;
  #onFreed = () => {};

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
      if (--this.#copies === 0) this.#onFreed();
    };
  }

  /**
   * Frees the memory: the call's node has the body, and no other will need it. `onFreed` is called when
   * no copy of it waits to be sent either.
   */
  giveUp(onFreed: () => void = () => {}): void {
    // The call may still fail, and is then told from others by its body.
    this.#digest ??= Bun.hash(this.#bytes);
    this.#bytes = GIVEN_UP;
    if (this.#copies === 0) onFreed();
    else this.#onFreed = onFreed;
  }
}
