/**
 * How much the nodes of one account may offer together: each of them, and each of their models, is
 * kept in memory and listed. And how often they may announce models, which costs every gateway's
 * event loop some microseconds a model, at however many endpoints it is served.
 */

import type { Budget, Budgets } from "../base/budgets.ts";
import { type Clock, MINUTE_MS } from "../base/clock.ts";
import { type Config, settingNames } from "../base/config.ts";
import { LruCache } from "../base/lru.ts";
import type { NodeOffer } from "./node.ts";

/** What a link offers: each model is kept once for every group and user that the node is for. */
export type LinkOffer = Pick<NodeOffer, "models" | "shareWith">;

export type OfferBudgetConfig = Pick<Config, "offersPerAccount">;

/** Different models of one account's nodes: each is a row of every list of models, however many nodes offer it. */
const MAX_MODELS_PER_ACCOUNT = 2_000;

/**
 * Models that an account may announce at once, in offers that did not have them before: as many as it
 * may offer, so that all its nodes can come back, or these.
 */
const MIN_ANNOUNCED = 20_000;
/** After so long without any it may announce as many again. */
const ANNOUNCED_WITHIN_MS = 5 * MINUTE_MS;
/** Accounts of which it is known how much they have announced. */
const MAX_ANNOUNCERS = 10_000;

/** What the links of one account offer together. */
interface Offers {
  /** The links and their models. */
  count: number;
  /** How many links offer each model. */
  models: Map<string, number>;
}

export class OfferBudget {
  readonly #byAccount = new Map<string, Offers>();
  /** How many models an account had announced lately, at a monotonic time since which the count sinks. */
  readonly #announced = new LruCache<string, { count: number; atMs: number }>(MAX_ANNOUNCERS);
  readonly #mostAnnounced: number;
  readonly #budget: Budget;

  constructor(
    private readonly config: OfferBudgetConfig,
    budgets: Budgets,
    private readonly clock: Pick<Clock, "monotonic">,
  ) {
    this.#mostAnnounced = Math.max(MIN_ANNOUNCED, config.offersPerAccount);
    this.#budget = budgets.add("offers_per_account", {
      limit: config.offersPerAccount,
      used: () => Math.max(0, ...[...this.#byAccount.values()].map(({ count }) => count)),
    });
  }

  /**
   * A link's offer is replaced; null: there is no such link, before or from now on. Returns why the
   * account may not offer so much, and then nothing has changed.
   */
  change(
    accountId: string,
    before: LinkOffer | null,
    after: LinkOffer | null,
  ): string | null {
    const offers = this.#byAccount.get(accountId) ?? { count: 0, models: new Map() };
    add(offers, before, -1);
    const reason = after === null
      ? null
      : this.#refusal(offers, after) ?? this.#announce(accountId, before, after);
    if (reason !== null) this.#budget.refused();
    add(offers, reason === null ? after : before, 1);
    if (offers.count > 0) this.#byAccount.set(accountId, offers);
    else this.#byAccount.delete(accountId);
    return reason;
  }

  /** Counts the models that the link has not announced before. Returns why that is too much, and then nothing is counted. */
  #announce(accountId: string, before: LinkOffer | null, after: LinkOffer): string | null {
    const known = new Set(before?.models);
    const fresh = after.models.filter((model) => !known.has(model)).length;
    if (fresh === 0) return null;
    const atMs = this.clock.monotonic();
    const last = this.#announced.get(accountId) ?? { count: 0, atMs };
    const sunk = this.#mostAnnounced * (atMs - last.atMs) / ANNOUNCED_WITHIN_MS;
    const count = Math.max(0, last.count - sunk) + fresh;
    if (count > this.#mostAnnounced) {
      return `This account's nodes announce models again and again: more than ` +
        `${this.#mostAnnounced} within ${ANNOUNCED_WITHIN_MS / MINUTE_MS} minutes`;
    }
    this.#announced.set(accountId, { count, atMs });
    return null;
  }

  #refusal({ count, models }: Offers, more: LinkOffer): string | null {
    const { offersPerAccount } = this.config;
    if (count + sizeOf(more) > offersPerAccount) {
      return `This account's nodes and their models are more than ${offersPerAccount} ` +
        `(${settingNames.offersPerAccount})`;
    }
    const fresh = new Set(more.models.filter((model) => !models.has(model)));
    if (models.size + fresh.size <= MAX_MODELS_PER_ACCOUNT) return null;
    return `This account's nodes offer more than ${MAX_MODELS_PER_ACCOUNT} different models`;
  }
}

/** The link itself, and its models. */
function sizeOf({ models, shareWith }: LinkOffer): number {
  return 1 + models.length * (Array.isArray(shareWith) ? shareWith.length : 1);
}

/** Counts a link and its models, or with a `sign` of −1 no more. */
function add(offers: Offers, link: LinkOffer | null, sign: 1 | -1): void {
  if (link === null) return;
  offers.count += sign * sizeOf(link);
  for (const model of link.models) {
    const links = (offers.models.get(model) ?? 0) + sign;
    if (links > 0) offers.models.set(model, links);
    else offers.models.delete(model);
  }
}
