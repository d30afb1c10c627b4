/** Moves a call's answer from nodes to its caller: tries, fails over before the first byte, ends exactly once. */

import { asColinkError, ColinkError } from "../base/error.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Node } from "../node/node.ts";
import type { Penalty } from "../node/penalty.ts";
import type { LedgerEntry } from "../store/store.ts";
import { Attempt, type AttemptEnd, type AttemptTimes } from "./attempt.ts";
import type { UpstreamRejection } from "./classify_failure.ts";
import type { Call } from "../schedule/call.ts";
import type { Calls } from "./calls.ts";
import { type CallEnd, CallRecord } from "./call_record.ts";
import type { Lease } from "../schedule/lease.ts";
import type { ResponseAffinity } from "./response_affinity.ts";
import type { Scheduler } from "../schedule/scheduler.ts";

/** Where an answer goes. http implements it; each call ends in exactly one of `whole`, `end` and `fail`. */
export interface Outlet {
  /** The node that answers, and its upstream's headers that the caller may see: before any of its answer. */
  answeredBy(node: Node, headers: Readonly<Record<string, string>>): void;
  /** That node did not answer after all: another one may, or nobody. */
  notAnswered(): void;
  /** The complete answer of a call that does not stream: JSON. */
  whole(body: string | Uint8Array): void;
  /** The call waits for a slot; it is the how manieth to get one. Only for calls that want to know. */
  queued(position: number): void;
  /** The upstream's refusal of the request. */
  refuse(refusal: UpstreamRejection): void;
  /** The first event of a stream is about to be written. */
  begin(): void;
  /** Server-sent events, one or more. */
  write(events: string | Uint8Array): void;
  /** Whether the caller takes nothing at the moment; `onDrained` is called when it does again. */
  readonly isStalled: boolean;
  onDrained: () => void;
  /** The stream is complete. */
  end(): void;
  /** There is no answer, or no more of it. */
  fail(error: ColinkError): void;
  /** Bytes and events handed to the caller's socket so far. */
  readonly deliveredBytes: number;
  readonly deliveredChunks: number;
}

/** Where ledger entries go; must not block. */
export interface Ledger {
  record(entry: LedgerEntry): void;
  /** What would be recorded of a call now; it counts if this process ends before it has recorded the call. */
  recordProvisional(entry: LedgerEntry): void;
}

export interface RelayConfig extends AttemptTimes {
  maxRetries: number;
  /** The largest answer that is given whole: what wire v1 carries in one frame. */
  maxFrameBytes: number;
}

export interface RelayParts {
  scheduler: Scheduler;
  responseAffinity: ResponseAffinity;
  calls: Calls;
  ledger: Ledger;
  clock: Clock;
  log: Log;
  /** A short unguessable text. */
  nonce: () => string;
  /** Told of every call's end, for metrics. */
  onEnd?: (entry: LedgerEntry) => void;
  /** Told of nodes that are penalised, and of those that have passed their trial. */
  onPenalty?: (node: Node, penalty: Penalty) => void;
  onRecovery?: (node: Node, model: string) => void;
}

/** How long the ledger waits for a node to say what it produced of a call that was stopped. */
const SETTLED_WITHIN_MS = 1_000;

/** Most nodes say it sooner. For the others' calls a crash must not be the end of all that is known. */
const PROVISIONAL_AFTER_MS = 40;

/** A node that says BUSY does not use up a retry; one that says it this often in one call does. */
const MAX_BUSY_BOUNCES = 20;

export class Relay {
  constructor(private readonly parts: RelayParts, private readonly config: RelayConfig) {}

  /** Runs a call to its end. Never rejects: whatever happens reaches the outlet and the ledger, once. */
  async run(call: Call, outlet: Outlet): Promise<void> {
    const record = new CallRecord(call);
    this.parts.calls.add(call);
    try {
      const end = await this.#tryNodes(call, record, outlet);
      this.#end(record, outlet, end);
      if (!record.isSettled) await this.#settled(record, outlet, end);
      this.#record(record, outlet, end);
    } finally {
      this.parts.calls.remove(call);
    }
  }

  /** Attempts until one ends the call: an answer, a refusal, a stop, or a failure that nobody can make good. */
  async #tryNodes(call: Call, record: CallRecord, outlet: Outlet): Promise<CallEnd> {
    let lastFailure: ColinkError | null = null;
    for (;;) {
      let lease: Lease;
      try {
        const leased = this.#lease(call, record, outlet);
        lease = leased instanceof Promise ? await leased : leased;
      } catch (error) {
        if (call.stopped) return { is: "stopped", error: call.stopped };
        if (lastFailure === null) return { is: "failed", error: asColinkError(error) };
        return this.#givenUp(call, lastFailure);
      }
      const end = await this.#attempt(call, record, outlet, lease);
      if (end.is !== "failed") return end;
      if (!record.hasBegun) outlet.notAnswered();
      lastFailure = end.error;
      if (!this.#mayRetry(record, lease.node, end.error)) return this.#givenUp(call, end.error);
    }
  }

  #lease(call: Call, record: CallRecord, outlet: Outlet): Lease | Promise<Lease> {
    const isRetry = record.attempts + record.busyBounces > 0;
    const onPosition = call.request.wantsPosition
      ? (position: number) => outlet.queued(position)
      : undefined;
    const wish = { tried: record.tried, isRetry, onPosition };
    const lease = this.parts.scheduler.lease(call, wish);
    return lease instanceof Promise ? this.#waited(call, record, lease) : lease;
  }

  async #waited(call: Call, record: CallRecord, served: Promise<Lease>): Promise<Lease> {
    const { clock } = this.parts;
    const sinceMs = clock.monotonic();
    try {
      const lease = await served;
      if (!call.stopped) return lease;
      lease.release();
      throw call.stopped;
    } finally {
      record.queuedMs += clock.monotonic() - sinceMs;
    }
  }

  #attempt(call: Call, record: CallRecord, outlet: Outlet, lease: Lease): Promise<AttemptEnd> {
    const { request } = call;
    const { clock, nonce } = this.parts;
    const order = {
      attemptId: `${call.id}-${nonce()}`,
      endpoint: request.endpoint,
      model: request.model,
      body: request.body,
      stream: request.stream,
      wantsUsage: request.wantsUsage,
      streamOptions: request.streamOptions,
      headers: request.headers,
    };
    const pieces = request.stream
      ? this.#streamed(record, outlet, lease.node, (bytes) => attempt.consumed(bytes))
      : this.#gathered(record, outlet, lease.node, (bytes) => attempt.consumed(bytes));
    const ended = (end: AttemptEnd) => {
      record.attemptEnded(end, clock.monotonic());
      this.#learn(lease, call, attempt, end);
    };
    const attempt = new Attempt(lease, order, clock, this.config, { ...pieces, ended });
    record.begin(lease.node, attempt, clock.monotonic());
    return attempt.run(call);
  }

  /** Events are written as they come. The node gets credit for what the caller has taken. */
  #streamed(record: CallRecord, outlet: Outlet, node: Node, consumed: (bytes: number) => void) {
    let heldBytes = 0;
    outlet.onDrained = () => {
      consumed(heldBytes);
      heldBytes = 0;
    };
    return {
      head: (headers: Readonly<Record<string, string>>) => outlet.answeredBy(node, headers),
      data: (events: string | Uint8Array) => {
        if (!record.hasBegun) {
          record.firstByte(this.parts.clock.monotonic());
          outlet.begin();
        }
        outlet.write(events);
        heldBytes += events.length;
        if (!outlet.isStalled) outlet.onDrained();
      },
    };
  }

  /** An answer that is given whole is kept until it is complete; until then another node may give it. */
  #gathered(record: CallRecord, outlet: Outlet, node: Node, consumed: (bytes: number) => void) {
    const answer = record.gather(node, this.config.maxFrameBytes);
    return {
      head: (headers: Readonly<Record<string, string>>) => outlet.answeredBy(node, headers),
      data: (piece: string | Uint8Array) => {
        record.firstPiece(this.parts.clock.monotonic());
        if (!answer.add(piece)) return record.call.stop("answer_too_large");
        consumed(piece.length);
      },
    };
  }

  /** What an attempt has shown of its node. A call that was stopped has shown nothing. */
  #learn(lease: Lease, call: Call, attempt: Attempt, end: AttemptEnd): void {
    const { scheduler, log, onPenalty, onRecovery } = this.parts;
    if (end.is === "finished" || end.is === "refused") {
      if (end.is === "finished") this.#pin(lease, call, attempt);
      const timing = end.is === "finished" ? attempt.timing() : null;
      const hasRecovered = scheduler.answered(lease, call, timing);
      if (hasRecovered) onRecovery?.(lease.node, lease.service.model);
      return;
    }
    const penalty = end.is === "failed" ? scheduler.failed(lease, end.error) : null;
    if (penalty === null || end.is !== "failed") return;
    onPenalty?.(lease.node, penalty);
    const { model, until, faults } = penalty;
    const [node, cause] = [lease.node.who.publicId, end.error.code];
    log.warn({ request: call.id, node, model, cause, until, faults }, "node penalised");
  }

  /** What goes on from an answer that the node has stored must come to it. */
  #pin({ node }: Lease, { request }: Call, attempt: Attempt): void {
    const { responseId } = attempt.tally();
    if (responseId === undefined) return;
    this.parts.responseAffinity.keep(request.accountId, responseId, node.who.nodeKey);
  }

  #mayRetry(record: CallRecord, node: Node, error: ColinkError): boolean {
    const mayHelpElsewhere = error.kind.retry === "elsewhere" ||
      error.kind.retry === "only elsewhere";
    if (record.hasBegun || !mayHelpElsewhere) return false;
    if (error.code === "node_busy" && ++record.busyBounces <= MAX_BUSY_BOUNCES) {
      record.attempts--;
      return true;
    }
    record.failedOn(node);
    return record.attempts <= this.config.maxRetries;
  }

  /** Nobody makes the failure good: the caller is told when trying again makes sense, by what the nodes are now. */
  #givenUp(call: Call, { code, message, retryAfterMs, cause }: ColinkError): CallEnd {
    const soonestMs = this.parts.scheduler.retryAfterMs(call.request);
    const details = { retryAfterMs: Math.max(retryAfterMs ?? 0, soonestMs), cause };
    return { is: "failed", error: new ColinkError(code, message, details) };
  }

  /** The one ending: the caller gets the rest. Never throws: a call is written down whoever hears of its end. */
  #end(record: CallRecord, outlet: Outlet, end: CallEnd): void {
    record.ended(this.parts.clock.monotonic());
    if ("error" in end && end.error.code === "internal_error") {
      this.#logFault(record, end.error.cause);
    }
    try {
      this.#deliver(record, outlet, end);
    } catch (error) {
      this.#logFault(record, error);
    }
    record.letGo();
  }

  #deliver(record: CallRecord, outlet: Outlet, end: CallEnd): void {
    const { request, startedMs } = record.call;
    switch (end.is) {
      case "finished":
        if (request.stream) outlet.end();
        else outlet.whole(record.wholeAnswer());
        this.parts.scheduler.measured(request, this.parts.clock.monotonic() - startedMs);
        return;
      case "refused":
        return outlet.refuse(end.refusal);
      default:
        return outlet.fail(end.error);
    }
  }

  /** A node that confirms a cancel does so within a second; one that does not must not keep the ledger waiting. */
  #settled(record: CallRecord, outlet: Outlet, end: CallEnd): Promise<void> {
    const { clock, ledger } = this.parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancels = [
      clock.after(PROVISIONAL_AFTER_MS, () => ledger.recordProvisional(record.entry(end, outlet))),
      clock.after(SETTLED_WITHIN_MS, resolve),
    ];
    void record.settled.then(resolve);
    return promise.finally(() => cancels.forEach((cancel) => cancel()));
  }

  /** A fault of the gateway's own: it costs a call its answer, not its entry in the ledger. */
  #logFault({ call }: CallRecord, error: unknown): void {
    this.parts.log.error({ request: call.id, err: error }, "unexpected error");
  }

  /** The ledger its entry, the log its line: once, when all is known. */
  #record(record: CallRecord, outlet: Outlet, end: CallEnd): void {
    const { ledger, log, onEnd } = this.parts;
    const entry = record.entry(end, outlet);
    ledger.record(entry);
    onEnd?.(entry);
    log.info({
      request: entry.id,
      model: entry.model,
      status: entry.status,
      outcome: entry.outcome,
      ...("error" in end ? { cause: end.error.code } : {}),
      node: entry.nodeId,
      attempts: entry.attempts,
      prompt_tokens: entry.promptTokens,
      completion_tokens: entry.completionTokens,
      first_byte_ms: entry.firstByteMs,
      ms: entry.durationMs,
    }, "call");
  }
}
