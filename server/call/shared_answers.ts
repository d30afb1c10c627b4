/**
 * The answers that callers may come back for: by Idempotency-Key, and by the id of a stored response.
 * They are kept in memory only, within bounds, and belong to their account: no other can name them.
 */

import type { Budget, Budgets } from "../base/budgets.ts";
import type { Clock } from "../base/clock.ts";
import type { Config } from "../base/config.ts";
import { ColinkError } from "../base/error.ts";
import type { AnswerName, AnswerOwner, AnswerReader, HandedAnswer } from "../node/kept_answer.ts";
import type { LedgerEntry, ReplaysEntry } from "../store/store.ts";
import {
  type Attachment,
  goneError,
  type LeaveCode,
  replayGone,
  SharedAnswer,
} from "./shared_answer.ts";
import { handedOf, restOf } from "./handed_answer.ts";

/** The other gateways on the same Redis. */
export interface OtherGateways {
  /** Says that a name belongs to this gateway, unless it belongs to another: returns that one's record. */
  claim(name: AnswerName, callId: string, keepMs: number): Promise<AnswerOwner | null>;
  /** The record of a name that belongs to another gateway; null: no gateway has said so. */
  find(name: AnswerName): Promise<AnswerOwner | null>;
  renew(name: AnswerName, callId: string, keepMs: number): void;
  release(name: AnswerName): void;
  /** Says that a name of this gateway belongs to another one from now on. */
  move(name: AnswerName, owner: AnswerOwner, keepMs: number): Promise<void>;
  /** Gateways that could keep the answers of this one. */
  successors(): string[];
  /** Gives an answer to a gateway. Resolves with whether that keeps it; null: it does not say. */
  give(gateway: string, answer: HandedAnswer): Promise<boolean | null>;
  /** Whether a gateway can be asked now, perhaps soon, or never again. */
  standingOf(gateway: string): "linked" | "member" | "gone";
  /** Asks a linked gateway for an answer. Returns how the caller leaves, which returns whether it was still there. */
  ask(
    gateway: string,
    question: unknown,
    target: AnswerReader,
    listener: { opened(isEnded: boolean): void; lost(): Promise<ColinkError> },
  ): (code: "caller_gone" | "caller_too_slow") => boolean;
}

/** A request that was sent before, and where its caller wants to go on. */
export interface AttachQuestion extends Attachment {
  digest: string;
  /** The models that the caller's key may call; null: all. */
  models: readonly string[] | null;
}

/** One name, from its first request on. */
export interface NamedAnswer {
  readonly name: AnswerName;
  /** Digest of the request; null while it arrives. */
  digest: string | null;
  /** Null: the request has not arrived whole, or was refused. */
  answer: SharedAnswer | null;
  /** Resolves when `answer` is decided. */
  readonly decided: Promise<void>;
}

export type Claim =
  /** The request is the first. Must be settled. */
  | { is: "first"; settle(answer: SharedAnswer | null, digest: string): void }
  | { is: "here"; answer: SharedAnswer; digest: string }
  | { is: "elsewhere"; record: AnswerOwner };

type RoomConfig = Pick<
  Config,
  | "replayMs"
  | "storedResponsesMs"
  | "keptAnswerBytes"
  | "keptAnswerBytesPerAccount"
  | "idempotencyKeys"
>;

interface AccountShare {
  bytes: number;
  names: number;
  /** Answers that hold bytes, the oldest first. */
  holding: Set<SharedAnswer>;
}

const RECORD_REPLAYS_MS = 5_000;

/** A record of a running call is renewed so often within the time that it is kept. */
const RENEWALS = 3;

export class SharedAnswers {
  readonly #named = new Map<string, NamedAnswer>();
  /** Under which names an answer is known. */
  readonly #namesOf = new Map<SharedAnswer, AnswerName[]>();
  readonly #shares = new Map<string, AccountShare>();
  /** Answers that another gateway keeps, too. */
  readonly #handed = new WeakSet<SharedAnswer>();
  /** Answers whose callers came back after the end. */
  readonly #toRecord = new Set<SharedAnswer>();
  #bytes = 0;
  #lingerLimitMs = Infinity;
  /** Looks again whether the answers are idle. */
  #wake: () => void = () => {};
  readonly #evictions: Budget;
  readonly #accountEvictions: Budget;
  readonly #refusals: Budget;
  /** Null: this gateway is the only one. */
  others: OtherGateways | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly config: RoomConfig,
    budgets: Budgets,
    /** What the ledger has of a call; null: nothing. */
    private readonly recorded: (accountId: string, callId: string) => Promise<LedgerEntry | null>,
    /** Keeps with a call in the ledger how often callers came back after its end. */
    private readonly setReplays: (callId: string, replays: ReplaysEntry) => Promise<void>,
  ) {
    const most = (of: (share: AccountShare) => number) => () =>
      Math.max(0, ...[...this.#shares.values()].map(of));
    this.#evictions = budgets.add("kept_answer_bytes", {
      limit: config.keptAnswerBytes,
      used: () => this.#bytes,
    });
    this.#accountEvictions = budgets.add("kept_answer_bytes_per_account", {
      limit: config.keptAnswerBytesPerAccount,
      used: most(({ bytes }) => bytes),
    });
    this.#refusals = budgets.add("idempotency_keys", {
      limit: config.idempotencyKeys,
      used: most(({ names }) => names),
    });
  }

  /** For how long calls may go on that no caller reads, in milliseconds. */
  get lingerLimitMs(): number {
    return this.#lingerLimitMs;
  }

  /** The gateway leaves: calls that no caller reads end in so many milliseconds, if they do not before. */
  drain(lingerMs: number): void {
    this.#lingerLimitMs = lingerMs;
    for (const answer of [...this.#namesOf.keys()]) answer.limitLinger(lingerMs);
  }

  /** Resolves when no caller who has left lately may come back for an answer that has ended. */
  async idle(): Promise<void> {
    for (;;) {
      // Another gateway has what was handed over, but for callers who read it over this one already.
      const missedMs = [...this.#namesOf.keys()]
        .filter((answer) => answer.isBeingRead || !this.#handed.has(answer))
        .map((answer) => answer.missedForMs(this.#lingerLimitMs));
      const longestMs = missedMs.reduce((longest, ms) => Math.max(longest, ms), 0);
      if (longestMs === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const cancel = this.clock.after(longestMs, resolve);
      await promise.finally(cancel);
    }
  }

  /**
   * Gives the answers that have ended to other gateways, the newest first, until a signal: their callers
   * get them there. Answers that were given before are not given again.
   */
  async handOver(signal: AbortSignal): Promise<number> {
    const { others } = this;
    let moved = 0;
    const silent = new Set<string>();
    for (const [answer, known] of [...this.#namesOf].reverse()) {
      if (others === null || signal.aborted) break;
      const names = known.filter((name) => !isRetryable(name, answer));
      if (names.length === 0 || this.#handed.has(answer)) continue;
      const terms = names.map((name) => ({ name, digest: this.find(name)?.digest ?? null }));
      const handed = handedOf(answer, terms);
      const gateway = handed && await giveToAny(handed, others, silent, signal);
      if (gateway === null) continue;
      this.#handed.add(answer);
      const owner = { gateway, callId: answer.call.id };
      const move = (name: AnswerName) =>
        others.move(name, owner, this.#keepMs(name) - answer.endedForMs).catch(ignoreError);
      await Promise.all(names.map(move));
      moved++;
    }
    return moved;
  }

  /** Keeps the answer of a gateway that leaves. False: there is no room for it, or it is known here. Throws where it cannot be read. */
  keep(handed: HandedAnswer): boolean {
    const { names, state } = restOf(handed);
    const keptMs = names.map(({ name }) => this.#keepMs(name) - state.endedForMs);
    const isNew = names.every(({ name }) => !this.has(name));
    if (!isNew || Math.max(...keptMs) <= 0) return false;
    if (!this.#hasRoom(state.request.accountId, names.length)) return false;
    const reserve = (of: SharedAnswer, bytes: number) => this.reserve(of, bytes);
    const answer = SharedAnswer.restored(state, handed.bytes, this.clock, reserve, this.config);
    if (!answer.isKept) return false;
    names.forEach(({ name, digest }, i) => {
      this.#insert({ name, digest, answer, decided: Promise.resolve() });
      this.#name(answer, name);
      this.#removeAfter(name, answer, keptMs[i]!);
    });
    return true;
  }

  /** An answer that callers may have come back for has been read, or cannot be read any more. */
  settled(): void {
    this.#wake();
  }

  /** How many names are known. */
  get size(): number {
    return this.#named.size;
  }

  /** Whether the account has used the name here already. */
  has(name: AnswerName): boolean {
    return this.#named.has(textOf(name));
  }

  /** The answer of that name; null: none is known here. */
  find(name: AnswerName): NamedAnswer | null {
    return this.#named.get(textOf(name)) ?? null;
  }

  /**
   * Decides whether a request with this key is the first. Waits while the first one's body arrives.
   * Throws `too_many_idempotency_keys`.
   */
  async claim(name: AnswerName, callId: string): Promise<Claim> {
    for (;;) {
      const known = this.find(name);
      if (known === null) return this.#claimNew(name, callId);
      const { answer, digest, decided } = known;
      if (answer !== null) return { is: "here", answer, digest: digest! };
      await decided;
    }
  }

  /** Gives a caller who sends a request again its answer. Throws ColinkError. */
  attach(
    named: Pick<NamedAnswer, "answer" | "digest">,
    question: AttachQuestion,
    target: AnswerReader,
  ): (code: LeaveCode) => void {
    expectReadable(named, question);
    const { answer } = named;
    if (answer!.isLost) throw replayGone(answer!);
    const leave = answer!.attach(target, question);
    answer!.replayed(question.after);
    if (answer!.isEnded) this.#recordReplays(answer!);
    return leave;
  }

  /** Not at once: the call itself may be on its way to the database still, and more callers may come. */
  #recordReplays(answer: SharedAnswer): void {
    if (this.#toRecord.has(answer)) return;
    this.#toRecord.add(answer);
    this.clock.after(RECORD_REPLAYS_MS, () => {
      this.#toRecord.delete(answer);
      void this.setReplays(answer.call.id, answer.replays!).catch(ignoreError);
    });
  }

  /** The error for a caller whose call's gateway is gone: says what the ledger knows. */
  async gone(accountId: string, callId: string): Promise<ColinkError> {
    const known = await this.recorded(accountId, callId).catch(ignoreError);
    return goneError(callId, known);
  }

  /** Makes an answer findable by a further name. False: there is no room for one more. */
  add(name: AnswerName, answer: SharedAnswer): boolean {
    if (!this.#hasRoom(name.accountId)) return false;
    if (this.has(name)) return false;
    this.#insert({ name, digest: null, answer, decided: Promise.resolve() });
    this.#name(answer, name);
    void this.others?.claim(name, answer.call.id, this.#recordMs(name)).catch(ignoreError);
    if (this.others !== null) this.#renewWhileRunning(name, answer);
    return true;
  }

  /** Forgets a name before its time, here and at the other gateways. */
  release(name: AnswerName): void {
    this.remove(name);
    this.others?.release(name);
  }

  /** Forgets all names of an account, and ends the calls behind them. */
  forgetAccount(accountId: string): void {
    for (const { name, answer } of [...this.#named.values()]) {
      // A request that still arrives is refused by itself: its key has ended.
      if (name.accountId !== accountId || answer === null) continue;
      this.release(name);
      if (!answer.isEnded) answer.call.stop("key_revoked");
    }
  }

  /** Forgets a name. */
  remove(name: AnswerName): void {
    const text = textOf(name);
    const known = this.#named.get(text);
    if (known === undefined) return;
    this.#named.delete(text);
    const share = this.#shareOf(name.accountId);
    share.names--;
    this.#freeShare(name.accountId, share);
    if (known.answer !== null) this.#unname(known.answer, text);
  }

  /** The call has ended and is recorded: its names are known for their time, or no longer. */
  ended(answer: SharedAnswer): void {
    const names = this.#namesOf.get(answer) ?? [];
    if (names.length === 0) answer.forget();
    for (const name of [...names]) {
      if (isRetryable(name, answer)) {
        this.release(name);
        continue;
      }
      const keepMs = this.#keepMs(name);
      this.others?.renew(name, answer.call.id, keepMs);
      this.#removeAfter(name, answer, keepMs);
    }
  }

  #removeAfter(name: AnswerName, answer: SharedAnswer, keepMs: number): void {
    this.clock.after(keepMs, () => {
      if (this.find(name)?.answer === answer) this.remove(name);
    });
  }

  /**
   * Counts so many bytes more of the answer, or fewer. Where there is no room, the oldest answers of
   * its account go, then those of the account that holds most. False: it is the oldest itself.
   */
  reserve(answer: SharedAnswer, bytes: number): boolean {
    const { accountId } = answer.call.request;
    const { keptAnswerBytes, keptAnswerBytesPerAccount } = this.config;
    const share = this.#shareOf(accountId);
    if (bytes > 0) {
      while (share.bytes + bytes > keptAnswerBytesPerAccount) {
        this.#accountEvictions.refused();
        if (!evictOldest(share, answer)) return this.#freeShare(accountId, share);
      }
      while (this.#bytes + bytes > keptAnswerBytes) {
        this.#evictions.refused();
        if (!evictOldest(this.#largestShare() ?? share, answer)) {
          return this.#freeShare(accountId, share);
        }
      }
      share.holding.add(answer);
      this.#shares.set(accountId, share);
    }
    share.bytes += bytes;
    this.#bytes += bytes;
    if (bytes < 0) share.holding.delete(answer);
    this.#freeShare(accountId, share);
    return true;
  }

  async #claimNew(name: AnswerName, callId: string): Promise<Claim> {
    if (!this.#hasRoom(name.accountId)) {
      this.#refusals.refused();
      throw tooManyNames(this.config.idempotencyKeys);
    }
    const { promise: decided, resolve } = Promise.withResolvers<void>();
    const entry: NamedAnswer = { name, digest: null, answer: null, decided };
    this.#insert(entry);
    const settle = (answer: SharedAnswer | null, digest: string) => {
      if (answer === null) this.remove(name);
      else this.#name(answer, name);
      entry.answer = answer;
      entry.digest = digest;
      resolve();
    };
    const record = await this.others?.claim(name, callId, this.#recordMs(name)).catch(ignoreError);
    if (!record) return { is: "first", settle: this.#settled(name, settle) };
    settle(null, "");
    return { is: "elsewhere", record };
  }

  /** As `settle`; also renews the name's record at the other gateways while the call runs. */
  #settled(
    name: AnswerName,
    settle: (answer: SharedAnswer | null, digest: string) => void,
  ): (answer: SharedAnswer | null, digest: string) => void {
    let isSettled = false;
    return (answer, digest) => {
      if (isSettled) return;
      isSettled = true;
      settle(answer, digest);
      if (answer === null) this.others?.release(name);
      else if (this.others !== null) this.#renewWhileRunning(name, answer);
    };
  }

  #renewWhileRunning(name: AnswerName, answer: SharedAnswer): void {
    this.clock.after(this.#keepMs(name) / RENEWALS, () => {
      if (answer.isEnded || this.find(name)?.answer !== answer) return;
      this.others?.renew(name, answer.call.id, this.#recordMs(name));
      this.#renewWhileRunning(name, answer);
    });
  }

  /** How long a name is known after its call's end. */
  #keepMs({ kind }: AnswerName): number {
    return kind === "key" ? this.config.replayMs : this.config.storedResponsesMs;
  }

  /** How long the record of a running call is kept: after its gateway's death still as long as after an end. */
  #recordMs(name: AnswerName): number {
    return this.#keepMs(name) * (1 + 1 / RENEWALS);
  }

  #hasRoom(accountId: string, names = 1): boolean {
    const known = this.#shares.get(accountId)?.names ?? 0;
    return known + names <= this.config.idempotencyKeys;
  }

  #insert(entry: NamedAnswer): void {
    this.#named.set(textOf(entry.name), entry);
    this.#shareOf(entry.name.accountId).names++;
  }

  #name(answer: SharedAnswer, name: AnswerName): void {
    const names = this.#namesOf.get(answer);
    if (names === undefined) this.#namesOf.set(answer, [name]);
    else names.push(name);
  }

  #unname(answer: SharedAnswer, text: string): void {
    const names = (this.#namesOf.get(answer) ?? []).filter((name) => textOf(name) !== text);
    if (names.length > 0) return void this.#namesOf.set(answer, names);
    this.#namesOf.delete(answer);
    if (answer.isEnded) answer.forget();
  }

  #shareOf(accountId: string): AccountShare {
    const known = this.#shares.get(accountId);
    if (known !== undefined) return known;
    const share = { bytes: 0, names: 0, holding: new Set<SharedAnswer>() };
    this.#shares.set(accountId, share);
    return share;
  }

  /** Always false. */
  #freeShare(accountId: string, { bytes, names }: AccountShare): false {
    if (bytes === 0 && names === 0) this.#shares.delete(accountId);
    return false;
  }

  #largestShare(): AccountShare | undefined {
    let largest: AccountShare | undefined;
    for (const share of this.#shares.values()) {
      if (share.bytes > (largest?.bytes ?? 0)) largest = share;
    }
    return largest;
  }
}

/** Whether the same request may be sent again under the name, which is forgotten for that. */
function isRetryable({ kind }: AnswerName, { mayRetry }: SharedAnswer): boolean {
  return kind === "key" && mayRetry;
}

/** Gives the answer to the first gateway that keeps it; null: none does. Gateways that do not answer are added to `silent`. */
async function giveToAny(
  handed: HandedAnswer,
  others: OtherGateways,
  silent: Set<string>,
  signal: AbortSignal,
): Promise<string | null> {
  for (const gateway of others.successors()) {
    if (signal.aborted) return null;
    if (silent.has(gateway)) continue;
    const isKept = await others.give(gateway, handed);
    if (isKept === true) return gateway;
    if (isKept === null) silent.add(gateway);
  }
  return null;
}

/** Throws where the request is another one than before, or its key may not read the answer. */
export function expectReadable(
  { answer, digest }: Pick<NamedAnswer, "answer" | "digest">,
  question: AttachQuestion,
): void {
  if (digest !== question.digest) throw keyReused();
  expectModel(question.models, answer!.call.request.model);
}

/** A key that may not call the model may not read its answers either. */
export function expectModel(models: readonly string[] | null, model: string): void {
  if (models === null || models.includes(model)) return;
  throw new ColinkError(
    "model_not_allowed",
    `Cannot give the answer of "${model}": this key or its account may not use it; GET /v1/models lists what it may use`,
    { param: "model" },
  );
}

function keyReused(): ColinkError {
  return new ColinkError(
    "idempotency_key_reused",
    "Cannot take the call: this Idempotency-Key was sent with another request; send a new one with each new request",
    { param: "Idempotency-Key" },
  );
}

const RETRY_NAMES_MS = 30_000;

export function tooManyNames(limit: number): ColinkError {
  return new ColinkError(
    "too_many_idempotency_keys",
    `Cannot take the call: ${limit} Idempotency-Keys and stored responses of this account are ` +
      "remembered already (COLINK_IDEMPOTENCY_KEYS); try again later, or send none",
    { retryAfterMs: RETRY_NAMES_MS },
  );
}

/** Drops what is kept of the oldest answer, unless that is `own`. */
function evictOldest({ holding }: AccountShare, own: SharedAnswer): boolean {
  const [oldest] = holding;
  if (oldest === undefined || oldest === own) return false;
  oldest.forget();
  holding.delete(oldest);
  return true;
}

function textOf({ accountId, kind, name }: AnswerName): string {
  return `${accountId} ${kind} ${name}`;
}

/** Redis is away: what other gateways have is not known until it is back. */
function ignoreError(): null {
  return null;
}
