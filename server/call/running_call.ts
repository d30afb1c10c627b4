/** One call on its way: fails over to other nodes before the first byte, and ends exactly once. */

import type { Clock } from "../base/clock.ts";
import { asColinkError, ColinkError } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import type { Failure } from "../node/failure.ts";
import type { Node } from "../node/node.ts";
import type { Penalty } from "../node/penalty.ts";
import type { Call } from "../schedule/call.ts";
import type { Lease } from "../schedule/lease.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import type { LedgerEntry } from "../store/store.ts";
import type { AnswerWriter } from "./answer_writer.ts";
import { Attempt, type AttemptEnd, type AttemptOwner, type AttemptTimes } from "./attempt.ts";
import { CallRecord } from "./call_record.ts";
import type { Calls } from "./calls.ts";
import { GatheredAnswer, type GatherLimits } from "./gathered_answer.ts";
import { Opening, type OpeningLimits } from "./opening.ts";
import type { ResponseAffinity } from "./response_affinity.ts";
import { Targets } from "./targets.ts";

/** Where ledger entries go. Its methods must not block. */
interface Ledger {
  record(entry: LedgerEntry): void;
  /** Keeps the entry for a call that is not recorded yet. It counts if this process ends before it records the call. */
  recordProvisional(entry: LedgerEntry): void;
}

export interface RelayConfig extends AttemptTimes, GatherLimits, OpeningLimits {
  /** How many nodes are tried after the first. */
  maxRetries: number;
}

export interface RelayParts {
  scheduler: Scheduler;
  responseAffinity: ResponseAffinity;
  calls: Calls;
  ledger: Ledger;
  clock: Clock;
  log: Log;
  /** Makes a short unguessable text. */
  nonce: () => string;
  /** Called with every call that was recorded. */
  onEnd?: (entry: LedgerEntry) => void;
  /** Called when a node is penalised. */
  onPenalty?: (node: Node, penalty: Penalty) => void;
  /** Called when a node has answered a call of the model after a penalty. */
  onRecovery?: (node: Node, model: string) => void;
}

/** How long the ledger waits for a node to report what it produced of a call that was stopped. */
export const SETTLED_WITHIN_MS = 1_000;

/** Most nodes report sooner. For the calls of the others, the ledger keeps a provisional entry in case of a crash. */
const PROVISIONAL_AFTER_MS = 40;

/** So many BUSY answers to one call do not count as attempts; further ones do. */
const MAX_BUSY_ANSWERS = 20;

export class RunningCall implements AttemptOwner {
  readonly #record: CallRecord;
  #attempt: Attempt | null = null;
  /** Attempts that failed so that the request may be at fault. */
  readonly #openFailures: { lease: Lease; failure: Failure }[] = [];
  /** Of a call that does not stream. Until the caller has a part of it, another node may give it. */
  #gathered: GatheredAnswer | null = null;
  /** Of a call that streams. Until the caller has a part of it, another node may give the answer. */
  #opening: Opening | null = null;
  /** Of a call to an alias: where it may go. */
  readonly #targets: Targets | null;

  constructor(
    private readonly call: Call,
    private readonly writer: AnswerWriter,
    private readonly parts: RelayParts,
    private readonly config: RelayConfig,
  ) {
    this.#record = new CallRecord(call, parts.scheduler);
    this.#targets = call.alias === null
      ? null
      : new Targets(call, call.alias, parts.scheduler, () => this.#modelChanged());
  }

  /** Never rejects. */
  async run(): Promise<LedgerEntry> {
    const { calls } = this.parts;
    const place = calls.add(this.call);
    try {
      const end = await this.#tryNodes();
      this.#end(end);
      if (this.#attempt !== null && !this.#attempt.isSettled) {
        await this.#settle(this.#attempt, end);
      }
      return this.#recordCall(end);
    } finally {
      calls.remove(place);
    }
  }

  /** Makes attempts until one ends the call: with an answer, a rejection, a stop, or a failure that no retry can fix. */
  async #tryNodes(): Promise<AttemptEnd> {
    let failure: Failure | null = null;
    for (;;) {
      let lease: Lease;
      try {
        const leased = this.#lease();
        lease = leased instanceof Promise ? await this.#waitFor(leased) : leased;
      } catch (error) {
        if (this.call.stopped) return { is: "stopped", error: this.call.stopped };
        if (failure !== null) return this.#giveUp(failure);
        const cause = asColinkError(error);
        return { is: "failed", error: this.#targets?.summary(cause) ?? cause, failure: null };
      }
      const end = await this.#tryNode(lease);
      if (end.is !== "failed" || end.failure === null) return end;
      failure = this.#moreTelling(failure, end.failure);
      if (!this.#hasBegun) this.writer.discardHead();
      if (!this.#mayRetry(lease.node, end.failure) && !this.#leaveTarget(end.failure)) {
        return this.#giveUp(failure);
      }
    }
  }

  #lease(): Lease | Promise<Lease> {
    const { tried, attempts, busyAnswers } = this.#record;
    const onPosition = this.call.request.wantsPosition ? this.#reportPosition() : undefined;
    const isRetry = attempts + busyAnswers > 0;
    const leaseRequest = { tried, isRetry, onPosition };
    return this.#targets === null
      ? this.parts.scheduler.lease(this.call, leaseRequest)
      : this.#targets.lease(leaseRequest);
  }

  #reportPosition(): (position: number) => void {
    return (position) => this.writer.queued(position);
  }

  async #waitFor(granted: Promise<Lease>): Promise<Lease> {
    const { clock } = this.parts;
    const sinceMs = clock.monotonic();
    try {
      const lease = await granted;
      if (!this.call.stopped) return lease;
      // The call was stopped between the grant and this continuation.
      lease.release();
      throw this.call.stopped;
    } finally {
      this.#record.queuedMs += clock.monotonic() - sinceMs;
    }
  }

  #tryNode(lease: Lease): Promise<AttemptEnd> {
    const {
      accountId,
      endpoint,
      model,
      body,
      stream,
      wantsUsage,
      streamOptions,
      choices,
      headers,
    } = this.call.request;
    const { clock, nonce } = this.parts;
    const attemptId = `${this.call.id}-${nonce()}`;
    const order = {
      attemptId,
      endpoint,
      model,
      body,
      stream,
      wantsUsage,
      streamOptions,
      choices,
      headers,
      accountId,
      audience: lease.audience,
    };
    const sink = stream ? this.#open() : this.#gather(lease.node);
    const attempt = new Attempt(lease, order, { clock, times: this.config, sink, owner: this });
    this.#attempt = attempt;
    this.#record.attemptStarted(attempt, clock.monotonic());
    return attempt.run(this.call);
  }

  /** Begins a stream; what an attempt before has given of its opening is discarded. */
  #open(): Opening {
    this.#opening?.discard();
    return this.#opening = new Opening(this.writer, this.parts.clock, this.config);
  }

  /** Asked by the attempt: whether another node than its own could take the call at once. */
  hasRoomElsewhere({ who }: Node): boolean {
    const tried = new Set([...this.#record.tried, who.publicId]);
    return this.parts.scheduler.hasRoom(this.call.request, tried);
  }

  /** Called by the attempt, before its slot is released: the next call on it profits from what it has shown. */
  attemptEnded(attempt: Attempt, end: AttemptEnd): void {
    this.#record.attemptEnded(end, this.parts.clock.monotonic());
    this.#learn(attempt.lease, attempt, end);
  }

  /** Begins to collect an answer; what an attempt before has given of it is discarded. */
  #gather(node: Node): GatheredAnswer {
    this.#gathered?.discard();
    return this.#gathered = new GatheredAnswer(this.call, node, this.config, this.writer);
  }

  /** Whether the caller was sent a byte of the answer: from then on nothing is retried. */
  get #hasBegun(): boolean {
    return (this.#opening ?? this.#gathered)?.hasBegun ?? false;
  }

  /** Reports what the attempt has shown of its node. A call that was stopped has shown nothing. */
  #learn(lease: Lease, attempt: Attempt, end: AttemptEnd): void {
    const { scheduler, onRecovery } = this.parts;
    if (end.is === "stopped") return;
    if (end.is === "failed") return this.#learnFailure(lease, end.failure);
    const isFinished = end.is === "finished";
    if (isFinished) {
      this.#keepStoredResponse(attempt);
      this.#record.hasFailed = this.#gathered?.hasFailed ?? false;
    }
    const hasRecovered = scheduler.answered(lease, this.call, isFinished ? attempt.timing() : null);
    if (hasRecovered) onRecovery?.(lease.node, lease.service.model);
    for (const open of this.#openFailures) this.#settleBlame(open, isFinished);
  }

  #learnFailure(lease: Lease, failure: Failure | null): void {
    if (failure === null) return;
    if (failure.blame.blamed === "open") this.#openFailures.push({ lease, failure });
    this.#reportPenalty(lease, failure, this.parts.scheduler.failed(lease, this.call, failure));
  }

  /** Another node has answered, so that the one that failed before was at fault; or the request was. */
  #settleBlame({ lease, failure }: { lease: Lease; failure: Failure }, isNodes: boolean): void {
    const { scheduler } = this.parts;
    if (!isNodes) return scheduler.withdrawFailure(lease, this.call);
    this.#reportPenalty(lease, failure, scheduler.penalize(lease, failure));
  }

  #reportPenalty(lease: Lease, failure: Failure, penalty: Penalty | null): void {
    if (penalty === null) return;
    const { log, onPenalty } = this.parts;
    onPenalty?.(lease.node, penalty);
    const { model, until, faults } = penalty;
    const [node, cause] = [lease.node.who.publicId, failure.error.code];
    log.warn({ request: this.call.id, node, model, cause, until, faults }, "node penalised");
  }

  /** A call that goes on from a response which the node has stored must be sent to that node. */
  #keepStoredResponse(attempt: Attempt): void {
    const { responseId } = attempt.tally();
    if (responseId === undefined) return;
    const { accountId } = this.call.request;
    this.parts.responseAffinity.keep(accountId, responseId, attempt.node.who.nodeKey);
  }

  #mayRetry(node: Node, failure: Failure): boolean {
    const { code, kind: { retry } } = failure.error;
    const mayHelp = retry === "elsewhere" || retry === "only elsewhere";
    if (this.#hasBegun || !mayHelp || this.#isRepeated(failure)) return false;
    const record = this.#record;
    if (code === "node_busy" && record.busyAnswers < MAX_BUSY_ANSWERS) {
      record.answeredBusy();
      return true;
    }
    // The program that runs there now has not failed the call: unless that makes each one end.
    if (failure.evidence === "program restarted" && !record.hasMetRestart) {
      record.hasMetRestart = true;
    } else record.failedOn(node);
    return record.attempts <= this.config.maxRetries;
  }

  /** Leaves the target for the next one of the alias, if there is one. False: the call ends with the failure. */
  #leaveTarget(failure: Failure): boolean {
    const { retry } = failure.error.kind;
    const mayHelp = retry === "elsewhere" || retry === "only elsewhere";
    if (this.#targets === null || this.#hasBegun || !mayHelp) return false;
    return this.#targets.leave(failure);
  }

  /** An answer of another model says nothing about the nodes that failed the one before. */
  #modelChanged(): void {
    this.#openFailures.length = 0;
    this.#record.modelChanged();
  }

  /** Whether two nodes have failed alike: then a third one would, too. */
  #isRepeated({ likeness }: Failure): boolean {
    return this.#openFailures.filter(({ failure }) => failure.likeness === likeness).length > 1;
  }

  /** A provider's words say more to the caller than that another node was lost or full. */
  #moreTelling(before: Failure | null, last: Failure): Failure {
    return last.words === null && before !== null && before.words !== null ? before : last;
  }

  /** The failure in the provider's words, and with the time at which a retry makes sense as the nodes are now. */
  #giveUp(failure: Failure): AttemptEnd {
    const summary = this.#targets?.summary(failure.error, failure) ?? null;
    if (summary !== null) return { is: "failed", error: summary, failure };
    const { words, error: { code, message, retryAfterMs, cause } } = failure;
    const soonestMs = this.parts.scheduler.retryAfterMs(this.call.request);
    const details = { retryAfterMs: Math.max(retryAfterMs ?? 0, soonestMs), cause };
    const said = words === null ? message : `Cannot answer: ${failure.what}: ${words.message}`;
    const error = new ColinkError(code, said, details);
    if (!words?.rejection) return { is: "failed", error, failure };
    const mayHelp = !this.#isRepeated(failure);
    const { headers: own } = words.rejection;
    const saysWhen = "retry-after" in own || "retry-after-ms" in own;
    const headers = {
      "x-should-retry": String(mayHelp),
      ...(mayHelp && !saysWhen ? retryAfterHeaders(details.retryAfterMs) : {}),
      ...own,
    };
    return { is: "failed", error, failure, rejection: { ...words.rejection, headers } };
  }

  /** Writes the end to the caller. Never throws: a call is recorded even if its caller cannot be written to. */
  #end(end: AttemptEnd): void {
    this.#record.callEnded(this.parts.clock.monotonic());
    if ("error" in end && end.error.code === "internal_error") this.#logUnexpected(end.error.cause);
    try {
      this.#write(end);
    } catch (error) {
      this.#logUnexpected(error);
    }
    this.#gathered?.discard();
    this.#opening?.discard();
  }

  #write(end: AttemptEnd): void {
    const { request, startedMs } = this.call;
    const { scheduler, clock } = this.parts;
    switch (end.is) {
      case "finished":
        this.#opening?.release();
        if (request.stream) this.writer.end();
        else this.#gathered?.end();
        return scheduler.measured(request, clock.monotonic() - startedMs - this.#record.queuedMs);
      case "rejected":
        return this.writer.reject(end.rejection);
      case "failed":
        if (end.rejection) return this.writer.reject(end.rejection);
        return this.writer.fail(end.error);
      default:
        return this.writer.fail(end.error);
    }
  }

  /** Waits for the node's report of what it produced, which comes within a second if it confirms cancels. */
  #settle(attempt: Attempt, end: AttemptEnd): Promise<void> {
    const { clock, ledger } = this.parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    const record = () => ledger.recordProvisional(this.#record.entry(end, this.writer));
    const cancels = [
      clock.after(PROVISIONAL_AFTER_MS, record),
      clock.after(SETTLED_WITHIN_MS, resolve),
    ];
    void attempt.settled.then(resolve);
    return promise.finally(() => cancels.forEach((cancel) => cancel()));
  }

  #logUnexpected(error: unknown): void {
    this.parts.log.error({ request: this.call.id, err: error }, "unexpected error");
  }

  #recordCall(end: AttemptEnd): LedgerEntry {
    const { ledger, log, onEnd } = this.parts;
    const entry = this.#record.entry(end, this.writer);
    ledger.record(entry);
    onEnd?.(entry);
    log.info({
      request: entry.id,
      model: entry.model,
      status: entry.status,
      outcome: entry.outcome,
      cause: entry.cause ?? undefined,
      node: entry.nodeId,
      attempts: entry.attempts,
      prompt_tokens: entry.promptTokens,
      completion_tokens: entry.completionTokens,
      first_byte_ms: entry.firstByteMs,
      ms: entry.durationMs,
    }, "call");
    return entry;
  }
}

function retryAfterHeaders(ms: number): Record<string, string> {
  return {
    "retry-after-ms": String(Math.ceil(ms)),
    "retry-after": String(Math.ceil(ms / 1000)),
  };
}
