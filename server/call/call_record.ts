/** What is known of a running call, and the ledger entry that is made of it. */

import type {
  AttemptEntry,
  CandidateEntry,
  ChoiceEntry,
  LedgerEntry,
  ReplaysEntry,
} from "../store/store.ts";
import type { ColinkError } from "../base/error.ts";
import type { Call } from "../schedule/call.ts";
import type { Compared } from "../schedule/policy/policy.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import type { Route } from "../node/audience.ts";
import type { Node } from "../node/node.ts";
import type { Tally } from "../node/attempt.ts";
import { type Attempt, type AttemptEnd, NO_TALLY } from "./attempt.ts";

/** What was handed to the caller. */
export interface Delivered {
  readonly deliveredBytes: number;
  readonly deliveredChunks: number;
  /** Absent or null: no caller came back for it. */
  readonly replays?: ReplaysEntry | null;
}

const NONE: ReadonlySet<string> = new Set();

export class CallRecord {
  /** Attempts, without those that a node answered with BUSY. */
  attempts = 0;
  busyAnswers = 0;
  /** Whether the call was running on a node whose program was restarted. */
  hasMetRestart = false;
  queuedMs = 0;
  /** Whether the complete answer says itself that it has failed. */
  hasFailed = false;
  #tried: Set<string> | null = null;
  #firstByteMs: number | null = null;
  #durationMs = 0;
  readonly #attemptLog: AttemptEntry[] = [];
  #attempt: Attempt | null = null;
  #route: Route | null = null;
  readonly #promptBytes: number;

  constructor(
    private readonly call: Call,
    private readonly scheduler: Pick<Scheduler, "choiceOf">,
  ) {
    this.#promptBytes = call.request.body.bytes.byteLength;
  }

  attemptStarted(attempt: Attempt, nowMs: number): void {
    this.attempts++;
    this.#route = attempt.route;
    const startMs = Math.round(nowMs - this.call.startedMs);
    this.#attemptLog.push({ node: attempt.node.who.publicId, startMs, durationMs: 0, end: "" });
    this.#attempt = attempt;
  }

  /** The attempt that started last has ended. */
  attemptEnded(end: AttemptEnd, nowMs: number): void {
    const firstPieceMs = this.#attempt?.firstPieceMs ?? null;
    if (firstPieceMs !== null) this.#firstByteMs ??= firstPieceMs - this.call.startedMs;
    const entry = this.#attemptLog.at(-1);
    if (entry === undefined) return;
    entry.durationMs = Math.round(nowMs - this.call.startedMs) - entry.startMs;
    entry.end = end.is === "finished" ? "ok" : end.is === "rejected" ? "refused" : end.error.code;
  }

  /** The last attempt's node answered BUSY: the attempt does not count. */
  answeredBusy(): void {
    this.attempts--;
    this.busyAnswers++;
  }

  /** Public ids of the nodes that failed the call. */
  get tried(): ReadonlySet<string> {
    return this.#tried ?? NONE;
  }

  /** Another model is asked for: nodes that failed the one before may serve it. */
  modelChanged(): void {
    this.#tried = null;
  }

  failedOn(node: Node): void {
    (this.#tried ??= new Set()).add(node.who.publicId);
  }

  /** The caller gets no more than what it has or gets now; the node may still report what it produced. */
  callEnded(nowMs: number): void {
    this.#durationMs = nowMs - this.call.startedMs;
  }

  entry(
    end: AttemptEnd,
    { deliveredBytes, deliveredChunks, replays = null }: Delivered,
  ): LedgerEntry {
    const { request, startedAt } = this.call;
    const context = this.#attempt?.node.factsOf(request.model).contextLength ?? null;
    const reported = this.#attempt?.tally() ?? NO_TALLY;
    const counted = end.is === "stopped" ? this.#estimated(reported, end.error) : reported;
    const tally = plausible(counted, context, this.#promptBytes, deliveredBytes);
    const who = this.#attempt?.node.who ?? null;
    const { outcome, status, cause } = resultOf(end, tally, this.hasFailed, request.stream);
    return {
      id: request.id,
      accountId: request.accountId,
      keyId: request.keyId,
      providerAccountId: who?.accountId ?? null,
      nodeId: who?.publicId ?? null,
      endpoint: request.endpoint,
      model: request.model,
      alias: this.call.alias?.name ?? null,
      stream: request.stream,
      outcome,
      status,
      cause,
      promptTokens: tally.promptTokens,
      completionTokens: tally.completionTokens,
      estimated: tally.estimated,
      deliveredBytes,
      deliveredChunks,
      producedChunks: tally.chunks,
      attempts: this.attempts,
      queuedMs: Math.round(this.queuedMs),
      firstByteMs: this.#firstByteMs === null ? null : Math.round(this.#firstByteMs),
      durationMs: Math.round(this.#durationMs),
      startedAt,
      attemptLog: this.#notableAttempts(),
      route: this.#route,
      choice: this.#choice(),
      replays,
    };
  }

  /**
   * What a call that was stopped has cost: the upstream reads the prompt as soon as it has it, and
   * reports its tokens only at the end, a whole answer's not before. Otherwise a caller that leaves early
   * would use up no budget.
   */
  #estimated(tally: Tally, { code }: ColinkError): Tally {
    const wasRunning = tally.chunks > 0 || this.#attemptLog.at(-1)?.end === code;
    if (tally.promptTokens !== null || !wasRunning) return tally;
    const tokensOf = (bytes: number) => Math.ceil(bytes / BYTES_PER_TOKEN);
    return {
      ...tally,
      promptTokens: tokensOf(this.#promptBytes),
      completionTokens: tally.completionTokens ?? tokensOf(this.#attempt?.answerBytes() ?? 0),
      estimated: true,
    };
  }

  /** Of the last attempt, after which the call may have asked for another model. */
  #choice(): ChoiceEntry | null {
    if (this.#attempt === null) return null;
    const choice = this.scheduler.choiceOf(this.call.request);
    if (choice?.node !== this.#attempt.node) return null;
    const { node, isTrial, compared } = choice;
    return { node: node.who.publicId, isTrial, compared: compared.map(candidateEntry) };
  }

  /** A single attempt that succeeded is left out: the call's own figures describe it. */
  #notableAttempts(): AttemptEntry[] {
    const [only] = this.#attemptLog;
    return this.#attemptLog.length === 1 && only?.end === "ok" ? [] : this.#attemptLog;
  }
}

function candidateEntry({ node, expected, freeSlots }: Compared): CandidateEntry {
  const { firstMs, endMs, loadMs, heldChars, isMeasured } = expected;
  return {
    node: node.who.publicId,
    firstMs: Math.round(firstMs),
    endMs: Math.round(endMs),
    loadMs: Math.round(loadMs),
    heldChars,
    freeSlots,
    isMeasured,
  };
}

/** Of JSON, on average. */
const BYTES_PER_TOKEN = 4;

/** The longest context of any model, in tokens. */
const LONGEST_CONTEXT = 10_000_000;

/**
 * The node's counts, cut at what is plausible and then marked as estimated: a model reads and writes
 * no more tokens than its context holds, or than there were bytes.
 */
function plausible(tally: Tally, context: number | null, sent: number, answered: number): Tally {
  const longest = Math.min(context ?? LONGEST_CONTEXT, LONGEST_CONTEXT);
  const promptTokens = cappedAt(Math.max(longest, sent), tally.promptTokens);
  const completionTokens = cappedAt(Math.max(longest, answered), tally.completionTokens);
  if (promptTokens === tally.promptTokens && completionTokens === tally.completionTokens) {
    return tally;
  }
  return { ...tally, promptTokens, completionTokens, estimated: true };
}

function cappedAt(most: number, tokens: number | null): number | null {
  return tokens === null ? null : Math.min(tokens, most);
}

/** `hasFailed`: the answer is complete, and says itself that it has failed. */
function resultOf(
  end: AttemptEnd,
  tally: Tally,
  hasFailed: boolean,
  stream: boolean,
): Pick<LedgerEntry, "outcome" | "status" | "cause"> {
  // A caller who leaves after the finish reason has got the answer, of which a whole one comes last.
  const isLeft = stream && end.is === "stopped" && end.error.code === "caller_gone" &&
    tally.isComplete;
  if (end.is === "finished" || isLeft) {
    const isFailure = hasFailed || tally.hasFailed === true;
    return { outcome: isFailure ? "upstream_error" : "ok", status: 200, cause: null };
  }
  if (end.is === "rejected") {
    return { outcome: "rejected", status: end.rejection.status, cause: null };
  }
  const { code, kind: { outcome, status } } = end.error;
  const isRelayed = end.is === "failed" && end.rejection !== undefined;
  return { outcome, status: isRelayed ? end.rejection!.status : status, cause: code };
}
