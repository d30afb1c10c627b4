/** The policy that sends a conversation back to the node that has its beginning in its cache. */

import { LruCache } from "../../base/lru.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { CallRequest } from "../call.ts";
import { prefixDigests } from "./conversation.ts";
import { leastBusy, type Policy, type PoolLoad } from "./policy.ts";

/** How many times its share of the calls a node may run because their conversations were there before. */
const BOUND = 1.25;

/** Conversations remembered per model, and models; those used longest ago are evicted. */
const MAX_CONVERSATIONS = 10_000;
const MAX_MODELS = 200;

interface Digests {
  /** Of each beginning of the call's conversation, the shortest first. */
  prefixes: readonly bigint[];
  session: bigint | null;
}

/**
 * A new conversation goes to the least busy node, so that no node starves. A conversation that goes
 * on returns to its node, and so does a call of a session that the client names, unless the node
 * already runs 1.25 times its share of the calls; the share is proportional to the nodes' shares of
 * slots and rounded up to a whole call. These are the bounds of consistent hashing with bounded
 * loads, without the hashing: the policy remembers where each conversation was.
 */
export class Affinity implements Policy {
  /** By model: digest of all messages of an answered call, or of its session → key of the node that has them. */
  readonly #byModel = new LruCache<string, LruCache<bigint, string>>(MAX_MODELS);
  readonly #digests = new WeakMap<CallRequest, Digests>();
  readonly cost = leastBusy.cost;

  /** `seed` is secret to this process, so that digests cannot be computed elsewhere. */
  constructor(private readonly hub: Hub, private readonly seed: bigint) {}

  /**
   * The node of the longest beginning that was answered, else that of the session. The whole call
   * does not count: sent again, it may go anywhere.
   */
  preferred(request: CallRequest, { shares, active }: PoolLoad): Node | null {
    // Read now in any case: the body is given up before the call has ended, and `learn` needs them.
    const { prefixes, session } = this.#digestsOf(request);
    const nodeKeys = this.#byModel.get(request.model);
    if (nodeKeys === undefined) return null;
    const beginnings = prefixes.slice(0, -1).reverse();
    for (const digest of session === null ? beginnings : [...beginnings, session]) {
      const nodeKey = nodeKeys.get(digest);
      const node = nodeKey === undefined ? undefined : this.hub.find(nodeKey);
      if (!node?.serves(request)) continue;
      const share = (active + 1) * node.share / shares;
      return node.active < Math.ceil(BOUND * share) ? node : null;
    }
    return null;
  }

  learn(node: Node, request: CallRequest): boolean {
    const { prefixes, session } = this.#digestsOf(request);
    const whole = prefixes.at(-1);
    if (whole === undefined && session === null) return false;
    const nodeKeys = this.#byModel.get(request.model) ?? new LruCache(MAX_CONVERSATIONS);
    this.#byModel.set(request.model, nodeKeys);
    if (whole !== undefined) nodeKeys.set(whole, node.who.nodeKey);
    if (session !== null) nodeKeys.set(session, node.who.nodeKey);
    return false;
  }

  /** Seeded by account: a call's node must reveal to no account what others have sent. */
  #digestsOf(request: CallRequest): Digests {
    const known = this.#digests.get(request);
    if (known !== undefined) return known;
    const { accountId, endpoint, body, sessionHint } = request;
    const seed = BigInt(Bun.hash(accountId, this.seed));
    const digests = {
      prefixes: prefixDigests(endpoint, body.text, seed),
      session: sessionHint === null ? null : BigInt(Bun.hash(`session ${sessionHint}`, seed)),
    };
    this.#digests.set(request, digests);
    return digests;
  }
}
