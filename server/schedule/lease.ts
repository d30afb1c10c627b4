/** One of a node's slots, held by a call. */

import type { Route } from "../node/audience.ts";
import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import type { CallRequest } from "./call.ts";
import type { Charge } from "./token_shares.ts";

export class Lease {
  #isReleased = false;
  /** The node answered BUSY: its slot was never free. */
  isBounced = false;
  /** How near the node is to the call's account. */
  route: Route = "any";
  /** What its call comes under at the node; undefined: the node is for everyone. */
  audience: string | undefined;
  /** What its call costs the account's share; null: nothing. */
  charge: Charge | null = null;

  /** `onRelease` is called once, to free the slot. */
  constructor(
    readonly node: Node,
    readonly service: Service & Pick<CallRequest, "plan">,
    private readonly onRelease: (lease: Lease) => void,
  ) {}

  /** Frees the slot; harmless when called again. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.onRelease(this);
  }
}
