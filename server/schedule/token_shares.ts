/**
 * What each account has received of each model's slots lately, in tokens by its weight: where calls
 * wait, the account that has received the fewest is served next (virtual token counters, Sheng et
 * al., OSDI 2024). Counts the calls on this gateway's nodes, of whichever gateway's callers.
 */

import { Endpoint } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import { LruCache } from "../base/lru.ts";
import type { Tally } from "../node/attempt.ts";
import { ALONE, type Memberships, noMemberships, type Part } from "../node/audience.ts";
import type { Node } from "../node/node.ts";
import type { CallRequest, Wanted } from "./call.ts";

export interface TokenSharesParts {
  clock: Pick<Clock, "monotonic">;
  /** Default: all accounts have the same weight and no group. */
  memberships?: Memberships;
  /** How many tokens of a prompt one token of an answer counts as. */
  completionWeight?: number;
}

const COMPLETION_WEIGHT = 2;

/** An account that has had no call waiting for so long has been idle. Callers who send one call after the other are not. */
const IDLE_AFTER_MS = 2_000;

/** What running calls have produced is looked at this often, at most, while calls wait. */
const REFRESH_EVERY_MS = 250;

/** Accounts, and groups, times models that are remembered. One that was evicted begins as a newcomer does. */
const MAX_SHARES = 50_000;
const MAX_MODELS = 10_000;
/** Groups, and accounts that nodes name, by model. */
const MAX_LEVELS = 1_000;

/** Of a request's JSON, and of an answer's, on average. */
const BYTES_PER_TOKEN = 4;

/** Tokens of a prompt that a node may report beyond the bytes of the request: templates, images behind addresses. */
const UNSEEN_PROMPT_TOKENS = 1_024;

/** The assumed length of an answer while none of the model was counted. */
const FIRST_ANSWER_TOKENS = 200;

/** Weight of the newest answer in the average lengths. */
const NEWEST_WEIGHT = 0.1;

/** Where calls wait for nodes for everyone. */
const EVERYONE = "";

/** What is ordered by a share; moved whenever the share changes. */
export interface Ordered {
  moved(): void;
}

/** What one account, or one group, has received of a model. */
export class Share {
  /** In tokens by weight; only differences mean anything. */
  received = 0;
  /** The place of its last call among those that were served from a queue; 0: it had none. */
  servedAt = 0;
  /** The average length of its answers in tokens; null: none was counted. */
  answerTokens: number | null = null;
  /** The queues that it is ordered in. */
  readonly ordered = new Set<Ordered>();
  /** By whether its calls can be served by any node for everyone: others must not keep its counter low. */
  readonly any: Presence = { waiting: 0, seenMs: -Infinity };
  readonly near: Presence = { waiting: 0, seenMs: -Infinity };

  constructor(readonly model: object) {}

  add(received: number): void {
    this.received += received;
    for (const one of this.ordered) one.moved();
  }
}

interface Presence {
  waiting: number;
  seenMs: number;
}

/** What is common to the shares of one model. */
interface Model {
  readonly name: string;
  /** Calls that run on this gateway's nodes, unordered. */
  readonly running: Charge[];
  /** By whom the node is for: what the account had received that was served last. Newcomers begin with that. */
  readonly levels: Map<string, number>;
  /** The same of groups. */
  groupLevel: number;
  refreshedMs: number;
  answerTokens: number | null;
  served: number;
}

/** What a running call shows of its tokens. */
export interface Metered {
  tally(): Tally;
  /** Of the answer, as they came from the node. */
  answerBytes(): number;
}

/** A call's wishes as far as they decide what it is charged. */
type Priced = Wanted & Partial<Pick<CallRequest, "maxTokens" | "choices">>;

export class TokenShares {
  readonly #shares = new LruCache<string, Share>(MAX_SHARES);
  readonly #models = new LruCache<string, Model>(MAX_MODELS);
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #memberships: Memberships;
  readonly #completionWeight: number;
  /** The latest of each cache: a call that gets a slot at once asks for the same ones several times. */
  #lastModel: Model | null = null;
  #lastShare: Share | null = null;
  #lastSubject = "";

  constructor(
    { clock, memberships = noMemberships, completionWeight = COMPLETION_WEIGHT }: TokenSharesParts,
  ) {
    this.#clock = clock;
    this.#memberships = memberships;
    this.#completionWeight = completionWeight;
  }

  /** A call begins to wait. To be followed by one `left`. `known`: the share of the account's calls that wait already. */
  entered(wanted: Wanted, known?: Share): Share {
    const share = this.seen(wanted, known);
    presenceOf(share, wanted).waiting++;
    return share;
  }

  /** The call does not wait any more. */
  left(share: Share, wanted: Wanted): void {
    const presence = presenceOf(share, wanted);
    presence.waiting--;
    presence.seenMs = this.#clock.monotonic();
  }

  /**
   * The share of a call that waits here or at another gateway, or gets a slot. That of a newcomer, or
   * of one who was idle, begins at the present minimum.
   */
  seen(wanted: Wanted, known?: Share): Share {
    const { model: name, accountId = "" } = wanted;
    const model = this.#modelOf(name);
    const share = this.#shareOf(model, accountId, known);
    const nowMs = this.#clock.monotonic();
    const level = this.#levelFor(share, wanted, nowMs, model);
    if (level > share.received) share.add(level - share.received);
    presenceOf(share, wanted).seenMs = nowMs;
    const { group } = this.#partOf(accountId);
    if (group !== null) this.#groupShare(model, group.id, nowMs).any.seenMs = nowMs;
    return share;
  }

  /** The share that such a call would have. Changes nothing. */
  preview(wanted: Wanted): Pick<Share, "received" | "servedAt" | "answerTokens"> {
    const { model, accountId = "" } = wanted;
    const known = this.#models.peek(model);
    const found = this.#shares.peek(keyOf(model, accountId));
    const share = found?.model === known && found ? found : new Share({});
    const { servedAt, answerTokens } = share;
    const level = this.#levelFor(share, wanted, this.#clock.monotonic());
    const received = Math.max(share.received, level);
    return { received, servedAt, answerTokens };
  }

  /** A call has left the queue with a slot. */
  served(share: Share, { model }: Wanted): void {
    share.servedAt = ++this.#modelOf(model).served;
  }

  /**
   * A slot of a node is taken for the call, which is charged from now on until the slot is free. Null:
   * another gateway charges for its nodes.
   */
  take(node: Node, wanted: Priced, promptBytes: number): Charge | null {
    const { model: name, accountId = "", route = "any", requiredNode = null } = wanted;
    if (node.gateway !== null) return null;
    const model = this.#modelOf(name);
    const share = this.seen(wanted);
    const level = levelOf(node, accountId, this.#memberships);
    // A call that only this node can serve may go before others that have received less.
    if (requiredNode === null && (route === "any" || level !== EVERYONE)) {
      const { levels } = model;
      const before = levels.get(level);
      if (before === undefined && levels.size >= MAX_LEVELS) evictLevel(levels);
      if (before === undefined || before < share.received) levels.set(level, share.received);
    }
    const { weight, group } = this.#partOf(accountId);
    let groupPayer: Payer | null = null;
    if (group !== null) {
      const share = this.#groupShare(model, group.id);
      model.groupLevel = Math.max(model.groupLevel, share.received);
      groupPayer = { share, weight: group.weight };
    }
    const price = this.#priceOf(share, wanted, promptBytes);
    const { endpoint } = wanted;
    return new Charge(share, weight, groupPayer, price, model, this.#completionWeight, endpoint);
  }

  /** What such a call is expected to be charged, by the account's weight. */
  cost(share: Pick<Share, "answerTokens">, wanted: Priced, promptBytes: number): number {
    const { promptTokens, answerTokens } = this.#priceOf(share, wanted, promptBytes);
    const tokens = promptTokens + this.#completionWeight * answerTokens;
    return tokens / this.#partOf(wanted.accountId ?? "").weight;
  }

  /** The account's group, with its share; null: it has none. */
  groupOf({ model, accountId = "" }: Wanted): { id: string; weight: number; share: Share } | null {
    const { group } = this.#partOf(accountId);
    return group && { ...group, share: this.#groupShare(this.#modelOf(model), group.id) };
  }

  /** What the group had received that was served last: accounts without a group are ordered by it. */
  groupLevel({ model }: Wanted): number {
    return this.#models.peek(model)?.groupLevel ?? 0;
  }

  /** Charges what the running calls of the model have produced since it was last done. */
  refresh(name: string): void {
    const model = this.#models.get(name);
    const nowMs = this.#clock.monotonic();
    if (model === undefined || nowMs - model.refreshedMs < REFRESH_EVERY_MS) return;
    model.refreshedMs = nowMs;
    for (const charge of model.running) charge.refresh();
  }

  #priceOf(
    { answerTokens }: Pick<Share, "answerTokens">,
    { model, endpoint, maxTokens = null, choices = 1 }: Priced,
    promptBytes: number,
  ): Price {
    const most = maxTokens === null ? Infinity : maxTokens * choices;
    const average = answerTokens ?? this.#models.peek(model)?.answerTokens ?? FIRST_ANSWER_TOKENS;
    return {
      promptBytes,
      promptTokens: Math.ceil(promptBytes / BYTES_PER_TOKEN),
      answerTokens: endpoint === Endpoint.embeddings ? 0 : Math.min(average, most),
      mostAnswerTokens: most,
    };
  }

  /** What a new or idle account begins with; 0 for an account that was not idle. */
  #levelFor(
    share: Share,
    wanted: Wanted,
    nowMs: number,
    model = this.#models.peek(wanted.model),
  ): number {
    if (model === undefined || model.levels.size === 0) return 0;
    const { waiting, seenMs } = presenceOf(share, wanted);
    if (waiting > 0 || nowMs - seenMs < IDLE_AFTER_MS) return 0;
    const { accountId = "", route = "any" } = wanted;
    let highest = route === "any" ? model.levels.get(EVERYONE) ?? 0 : 0;
    if (model.levels.size === 1 && highest > 0) return highest;
    const { levels } = model;
    for (const id of this.#memberships.groupsOf(accountId)) {
      highest = Math.max(highest, levels.get(id) ?? 0);
    }
    return Math.max(highest, levels.get(named(accountId)) ?? 0);
  }

  #partOf(accountId: string): Part {
    return this.#memberships.partOf?.(accountId) ?? ALONE;
  }

  #shareOf(model: Model, subject: string, known?: Share): Share {
    const last = this.#lastShare;
    if (last?.model === model && this.#lastSubject === subject && (known ?? last) === last) {
      return last;
    }
    const key = keyOf(model.name, subject);
    const found = this.#shares.get(key);
    // A share of a model that was evicted since is stale: its comparison is gone with the model.
    const isCurrent = found !== undefined && found.model === model;
    const share = isCurrent && (known ?? found) === found ? found : known ?? new Share(model);
    if (share !== found) this.#shares.set(key, share);
    this.#lastShare = share;
    this.#lastSubject = subject;
    return share;
  }

  /** One that was idle begins at the present level, too. */
  #groupShare(model: Model, id: string, nowMs = this.#clock.monotonic()): Share {
    const share = this.#shareOf(model, id);
    const isIdle = nowMs - share.any.seenMs >= IDLE_AFTER_MS;
    if (isIdle) share.received = Math.max(share.received, model.groupLevel);
    return share;
  }

  #modelOf(name: string): Model {
    if (this.#lastModel?.name === name) return this.#lastModel;
    let model = this.#models.get(name);
    if (model === undefined) {
      model = {
        name,
        running: [],
        levels: new Map(),
        groupLevel: 0,
        refreshedMs: -Infinity,
        answerTokens: null,
        served: 0,
      };
      this.#models.set(name, model);
    }
    return this.#lastModel = model;
  }
}

/** What a call is expected to use. */
interface Price {
  readonly promptBytes: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
  readonly mostAnswerTokens: number;
}

/** A share that a call is charged to, and the weight that its tokens are divided by. */
interface Payer {
  readonly share: Share;
  readonly weight: number;
}

/**
 * One call's charge: the prompt and the expected answer when it gets its slot, more as the answer
 * grows beyond that, and what was really used at its end.
 */
export class Charge {
  #source: Metered | null = null;
  #promptBytes: number;
  #charged = 0;
  #isWaived = false;
  /** Its index among the model's running calls; −1: the slot is free. */
  #index: number;

  constructor(
    private readonly share: Share,
    private readonly weight: number,
    private readonly group: Payer | null,
    private readonly price: Price,
    private readonly model: Model,
    private readonly completionWeight: number,
    private readonly endpoint: Endpoint,
  ) {
    this.#promptBytes = price.promptBytes;
    this.#index = model.running.push(this) - 1;
    this.#set(price.promptTokens, price.answerTokens);
  }

  /** The call was sent to its node. */
  begin(source: Metered, promptBytes = this.#promptBytes): void {
    // A node that fails at once has freed the slot already.
    if (this.#index < 0) return;
    this.#source = source;
    if (promptBytes === this.#promptBytes) return;
    this.#promptBytes = promptBytes;
    this.refresh();
  }

  refresh(): void {
    const { answerTokens } = this.price;
    const soFar = this.#source === null ? 0 : this.#answerTokens(this.#source);
    this.#set(this.#promptTokens(null), Math.max(answerTokens, soFar));
  }

  /** The node has failed the call: an answer that has not begun is not charged. */
  waive(): void {
    this.#isWaived = true;
  }

  /** The slot is free. */
  end(): void {
    this.#leave();
    const tally = this.#source?.tally();
    if (this.#source === null || tally === undefined || this.#isWaived && tally.chunks === 0) {
      return this.#set(0, 0);
    }
    const answerTokens = this.#answerTokens(this.#source, tally);
    this.#set(this.#promptTokens(tally.promptTokens), answerTokens);
    if (answerTokens > 0) this.#learn(answerTokens);
  }

  #promptTokens(reported: number | null): number {
    const estimate = Math.ceil(this.#promptBytes / BYTES_PER_TOKEN);
    return Math.min(reported ?? estimate, this.#promptBytes + UNSEEN_PROMPT_TOKENS);
  }

  /** No more than the bytes that have come, and than the caller has allowed, whatever the node reports. */
  #answerTokens(source: Metered, tally = source.tally()): number {
    const answerBytes = source.answerBytes();
    const isUncounted = tally.promptTokens === null && this.endpoint !== Endpoint.embeddings;
    const guess = isUncounted ? Math.ceil(answerBytes / BYTES_PER_TOKEN) : 0;
    return Math.min(tally.completionTokens ?? guess, answerBytes, this.price.mostAnswerTokens);
  }

  #learn(tokens: number): void {
    const { model, share } = this;
    model.answerTokens = averageOf(model.answerTokens, tokens);
    share.answerTokens = averageOf(share.answerTokens, tokens);
  }

  #leave(): void {
    const { running } = this.model;
    if (this.#index < 0) return;
    const last = running.pop()!;
    if (last !== this) {
      running[this.#index] = last;
      last.#index = this.#index;
    }
    this.#index = -1;
  }

  #set(promptTokens: number, answerTokens: number): void {
    const tokens = promptTokens + this.completionWeight * answerTokens;
    const more = tokens - this.#charged;
    if (more === 0) return;
    this.#charged = tokens;
    const { share, weight, group } = this;
    share.add(more / weight);
    group?.share.add(more / group.weight);
  }
}

/** Drops the oldest level, but never that of nodes for everyone, which concerns all accounts. */
function evictLevel(levels: Map<string, number>): void {
  for (const level of levels.keys()) {
    if (level === EVERYONE) continue;
    levels.delete(level);
    return;
  }
}

function averageOf(before: number | null, newest: number): number {
  return before === null ? newest : before + NEWEST_WEIGHT * (newest - before);
}

function presenceOf(share: Share, { route = "any", requiredNode = null }: Wanted): Presence {
  return route === "any" && requiredNode === null ? share.any : share.near;
}

/** The level that the account has at the node: that of everyone, of its group, or its own. */
function levelOf(
  { audience: { isForEveryone, groups } }: Node,
  accountId: string,
  memberships: Memberships,
): string {
  if (isForEveryone) return EVERYONE;
  return memberships.groupsOf(accountId).find((id) => groups.has(id)) ?? named(accountId);
}

function named(accountId: string): string {
  return `@${accountId}`;
}

function keyOf(model: string, subject: string): string {
  return `${subject} ${model}`;
}
