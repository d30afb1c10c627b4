/** The policy that brings a conversation back to the node that has its beginning in its cache. */

import { LruCache } from "../../base/lru.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { CallRequest } from "../call.ts";
import { prefixDigests } from "./conversation.ts";
import { leastBusy, type Policy, type PoolLoad } from "./policy.ts";

/** So much more than its share of the calls may run on a node because their conversations live there. */
const BOUND = 1.25;

/** Conversations of each model that are remembered, and models; the ones used longest ago are forgotten. */
const MAX_CONVERSATIONS = 10_000;
const MAX_MODELS = 200;

/**
 * New conversations go to the least busy node, so none starves. One that goes on returns to its node, unless
 * that already runs 1.25 times its share of the calls: the share goes by slots and is rounded up to
 * a whole call. (These are the bounds of consistent hashing with bounded loads; there is no hashing, as what is
 * remembered is where each conversation really was.)
 */
export class Affinity implements Policy {
  /** By model: digest of all messages of an answered call → private identity of the node that has them. */
  readonly #homes = new LruCache<string, LruCache<bigint, string>>(MAX_MODELS);
  readonly #digests = new WeakMap<CallRequest, readonly bigint[]>();
  readonly cost = leastBusy.cost;

  /** `seed` is this process's own secret: it keeps digests from being made elsewhere. */
  constructor(private readonly hub: Hub, private readonly seed: bigint) {}

  /** The longest beginning that was answered decides. A whole call is no beginning: sent again, it may go anywhere. */
  preferred(request: CallRequest, { slots, active }: PoolLoad): Node | null {
    const homes = this.#homes.get(request.model);
    if (homes === undefined) return null;
    for (const digest of this.#digestsOf(request).slice(0, -1).reverse()) {
      const identity = homes.get(digest);
      const node = identity === undefined ? undefined : this.hub.find(identity);
      if (!node?.serves(request)) continue;
      const share = (active + 1) * node.offer.maxParallel / slots;
      return node.active < Math.ceil(BOUND * share) ? node : null;
    }
    return null;
  }

  learn(node: Node, request: CallRequest): void {
    const whole = this.#digestsOf(request).at(-1);
    if (whole === undefined) return;
    const homes = this.#homes.get(request.model) ?? new LruCache(MAX_CONVERSATIONS);
    this.#homes.set(request.model, homes);
    homes.set(whole, node.who.nodeKey);
  }

  /** Accounts do not share beginnings: nobody is to find out what others have said from where a call goes. */
  #digestsOf(request: CallRequest): readonly bigint[] {
    const known = this.#digests.get(request);
    if (known !== undefined) return known;
    const { accountId, endpoint, body } = request;
    const digests = prefixDigests(endpoint, body.text, BigInt(Bun.hash(accountId, this.seed)));
    this.#digests.set(request, digests);
    return digests;
  }
}
