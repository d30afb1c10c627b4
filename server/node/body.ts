/** A call's body as it was received. */

import type { Body } from "./attempt.ts";

const decoder = new TextDecoder();

export class ReceivedBody implements Body {
  #text: string | null = null;

  constructor(readonly bytes: Uint8Array) {}

  /** Decoded on first use: calls to v2 nodes do not need it. */
  get text(): string {
    return this.#text ??= decoder.decode(this.bytes);
  }
}
