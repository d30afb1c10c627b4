/** One of a node's slots, held. Released exactly once, whatever happens. */

import type { Node } from "../node/node.ts";

export class Lease {
  #isReleased = false;

  /** `onRelease` hears of the free slot once. */
  constructor(readonly node: Node, private readonly onRelease: (node: Node) => void) {
    node.active++;
  }

  /** Frees the slot; harmless when called again. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.node.active--;
    this.onRelease(this.node);
  }
}
