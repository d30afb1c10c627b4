/** How many requests of one network are answered with 401 or 404: these cost no key's allowance. */

import { networkOf } from "../account/network.ts";
import type { Budget, Budgets } from "../base/budgets.ts";
import type { Clock } from "../base/clock.ts";
import { type Config, settingNames } from "../base/config.ts";
import { ColinkError } from "../base/error.ts";
import { LruCache } from "../base/lru.ts";
import type { Limiter } from "../limit/limiter.ts";

/** Networks whose minute is used up; an evicted one is met again at its next refusal. */
const MAX_NETWORKS = 10_000;

export interface RefusalLimitParts {
  limiter: Pick<Limiter, "take">;
  clock: Pick<Clock, "monotonic">;
  config: Pick<Config, "refusedPerMinute">;
  budgets: Budgets;
}

export class RefusalLimit {
  readonly #parts: RefusalLimitParts;
  readonly #budget: Budget;
  /** In monotonic milliseconds. */
  readonly #fullUntil = new LruCache<string, number>(MAX_NETWORKS);

  constructor(parts: RefusalLimitParts) {
    this.#parts = parts;
    const limit = parts.config.refusedPerMinute;
    this.#budget = parts.budgets.add("refused_per_network", { limit });
  }

  /** Throws `rate_limit_exceeded` where the address's network has been refused too often: before work is done for it. */
  expectRoom(address: string): void {
    const leftMs = (this.#fullUntil.get(networkOf(address)) ?? 0) - this.#parts.clock.monotonic();
    if (leftMs <= 0) return;
    this.#budget.refused();
    throw new ColinkError(
      "rate_limit_exceeded",
      `Cannot check the key: ${this.#parts.config.refusedPerMinute} requests of your network were ` +
        `refused within a minute (${settingNames.refusedPerMinute}); correct the key and try again later`,
      { retryAfterMs: leftMs },
    );
  }

  /** Counts a refused request. Resolves with whether it was within the limit. */
  async count(address: string): Promise<boolean> {
    const { limiter, clock, config } = this.#parts;
    const network = networkOf(address);
    const verdict = await limiter.take(`refused:${network}`, config.refusedPerMinute);
    const { allowed, remaining, resetMs } = verdict;
    if (remaining === 0) this.#fullUntil.set(network, clock.monotonic() + resetMs);
    if (!allowed) this.#budget.refused();
    return allowed;
  }
}
