/** Which nodes presumably have the beginnings of which conversations in their caches. */

import { LruCache } from "../../base/lru.ts";
import type { Prefix } from "./conversation.ts";

/** Beginnings remembered, of all models together; those used longest ago are evicted. */
const MAX_PREFIXES = 100_000;

/** Nodes remembered per beginning: many hold what all calls begin with. */
const MAX_HOLDERS = 8;

/** Model servers evict their caches, too. */
const FORGET_AFTER_MS = 15 * 60 * 1000;

/** Beginnings of one call that are looked up. */
const MAX_LOOKUPS = 32;

interface Holder {
  nodeKey: string;
  /** What the node has written behind the beginning, which it holds as well. */
  answerChars: number;
  atMs: number;
}

export class HeldPrefixes {
  readonly #holders = new LruCache<bigint, readonly Holder[]>(MAX_PREFIXES);

  /** The characters of the prompt that each node holds, by node key, those of the longest beginning first. */
  heldOf(prefixes: readonly Prefix[], nowMs: number): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    const promptChars = prefixes.at(-1)?.chars ?? 0;
    const lowest = Math.max(0, prefixes.length - MAX_LOOKUPS);
    for (let i = prefixes.length - 1; i >= 0; i = i > lowest ? i - 1 : i > 0 ? 0 : -1) {
      const { digest, chars } = prefixes[i]!;
      for (const { nodeKey, answerChars, atMs } of this.#holders.get(digest) ?? []) {
        if (nowMs - atMs > FORGET_AFTER_MS || held.has(nodeKey)) continue;
        held.set(nodeKey, Math.min(promptChars, chars + answerChars));
      }
    }
    return held;
  }

  /** The node has read these beginnings and answered the last. */
  keep(
    prefixes: readonly Prefix[],
    answerChars: number,
    nodeKey: string,
    atMs: number,
  ): void {
    const last = prefixes.at(-1);
    if (last === undefined) return;
    const known = this.#holders;
    const add = ({ digest }: Prefix, holder: Holder) => {
      const others = (known.get(digest) ?? []).filter((other) => other.nodeKey !== nodeKey);
      known.set(digest, [holder, ...others.slice(0, MAX_HOLDERS - 1)]);
    };
    add(last, { nodeKey, answerChars, atMs });
    // What many conversations begin with.
    if (prefixes.length > 1) add(prefixes[0]!, { nodeKey, answerChars: 0, atMs });
  }
}
