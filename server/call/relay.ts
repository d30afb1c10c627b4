/** Moves a call's answer from nodes to its caller: tries, fails over before the first byte, ends exactly once. */

import { ColinkError } from "../error.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Tally } from "../node/attempt.ts";
import type { Node } from "../node/node.ts";
import type { LedgerEntry, Outcome } from "../store/store.ts";
import { Attempt, type AttemptEnd, type AttemptTimes } from "./attempt.ts";
import type { Refusal } from "./blame.ts";
import type { Call } from "./call.ts";
import type { Calls } from "./calls.ts";
import type { Lease } from "./lease.ts";
import type { Scheduler } from "./scheduler.ts";

/** Where an answer goes. http implements it; each call ends in exactly one of `whole`, `end` and `fail`. */
export interface Outlet {
  /** The complete answer of a call that does not stream: JSON text. */
  whole(body: string, node: Node): void;
  /** The upstream's refusal of the request. */
  refuse(refusal: Refusal): void;
  /** The first event of a stream is about to be written. */
  begin(node: Node): void;
  /** One server-sent event. */
  write(event: string): void;
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
}

export interface RelayConfig extends AttemptTimes {
  maxRetries: number;
}

export interface RelayParts {
  scheduler: Scheduler;
  calls: Calls;
  ledger: Ledger;
  clock: Clock;
  log: Log;
  /** A short unguessable text. */
  nonce: () => string;
  /** Told of every call's end, for metrics. */
  onEnd?: (entry: LedgerEntry) => void;
}

/** A node that says BUSY does not use up a retry; one that says it this often in one call does. */
const MAX_BUSY_BOUNCES = 20;

/** What is known of one call's course. */
interface Course {
  attempts: number;
  busyBounces: number;
  tried: Set<string>;
  queuedMs: number;
  firstByteMs: number | null;
  hasBegun: boolean;
  answer: string;
  node: Node | null;
  tally: Tally;
}

type CallEnd = AttemptEnd;

export class Relay {
  constructor(private readonly parts: RelayParts, private readonly config: RelayConfig) {}

  /** Runs a call to its end. Never rejects: whatever happens reaches the outlet and the ledger, once. */
  async run(call: Call, outlet: Outlet): Promise<void> {
    const course: Course = {
      attempts: 0,
      busyBounces: 0,
      tried: new Set(),
      queuedMs: 0,
      firstByteMs: null,
      hasBegun: false,
      answer: "",
      node: null,
      tally: { promptTokens: null, completionTokens: null, estimated: false, chunks: 0 },
    };
    this.parts.calls.add(call);
    try {
      this.#deliver(call, course, outlet, await this.#tryNodes(call, course, outlet));
    } finally {
      this.parts.calls.remove(call);
    }
  }

  /** Attempts until one ends the call: an answer, a refusal, a stop, or a failure that nobody can make good. */
  async #tryNodes(call: Call, course: Course, outlet: Outlet): Promise<CallEnd> {
    let lastFailure: ColinkError | null = null;
    for (;;) {
      let lease: Lease;
      try {
        lease = await this.#lease(call, course);
      } catch (error) {
        if (call.stopped) return { is: "stopped", error: call.stopped };
        if (lastFailure === null) return { is: "failed", error: asColinkError(error) };
        return this.#givenUp(call, lastFailure);
      }
      const end = await this.#attempt(call, course, outlet, lease);
      if (end.is !== "failed") return end;
      lastFailure = end.error;
      this.#blame(lease.node, end.error, call);
      if (!this.#mayRetry(course, lease.node, end.error)) return this.#givenUp(call, end.error);
    }
  }

  async #lease(call: Call, course: Course): Promise<Lease> {
    const { scheduler, clock } = this.parts;
    const sinceMs = clock.monotonic();
    const isRetry = course.attempts + course.busyBounces > 0;
    const lease = await scheduler.lease(call, course.tried, isRetry);
    course.queuedMs += clock.monotonic() - sinceMs;
    if (!call.stopped) return lease;
    lease.release();
    throw call.stopped;
  }

  async #attempt(call: Call, course: Course, outlet: Outlet, lease: Lease): Promise<AttemptEnd> {
    const { request } = call;
    const { clock, nonce } = this.parts;
    course.attempts++;
    course.node = lease.node;
    course.answer = "";
    const order = {
      attemptId: `${call.id}-${nonce()}`,
      model: request.model,
      bodyText: request.bodyText,
      stream: request.stream,
      wantsUsage: request.wantsUsage,
      streamOptions: request.streamOptions,
    };
    const onData = (text: string) => {
      course.firstByteMs ??= clock.monotonic() - call.startedMs;
      if (!request.stream) {
        course.answer = text;
        return;
      }
      if (!course.hasBegun) {
        course.hasBegun = true;
        outlet.begin(lease.node);
      }
      outlet.write(text);
    };
    const attempt = new Attempt(lease, order, clock, this.config, onData);
    const end = await attempt.run(call.signal);
    course.tally = attempt.tally();
    return end;
  }

  #blame(node: Node, error: ColinkError, call: Call): void {
    const { scheduler, log } = this.parts;
    if (error.code === "busy") scheduler.nodeIsFull(node);
    if (!error.kind.penalty) return;
    scheduler.punish(node, reasonOf(error));
    log.warn({ request: call.id, node: node.who.id, cause: error.code }, "node penalised");
  }

  #mayRetry(course: Course, node: Node, error: ColinkError): boolean {
    if (course.hasBegun || error.kind.retry !== "elsewhere") return false;
    if (error.code === "busy" && ++course.busyBounces <= MAX_BUSY_BOUNCES) {
      course.attempts--;
      return true;
    }
    course.tried.add(node.who.id);
    return course.attempts <= this.config.maxRetries;
  }

  /** Nobody makes the failure good: the caller is told when trying again makes sense, by what the nodes are now. */
  #givenUp(call: Call, { code, message, retryAfterMs, cause }: ColinkError): CallEnd {
    const soonestMs = this.parts.scheduler.retryAfterMs(call.request.model);
    const details = { retryAfterMs: Math.max(retryAfterMs ?? 0, soonestMs), cause };
    return { is: "failed", error: new ColinkError(code, message, details) };
  }

  /** The one ending: the caller gets the rest, the ledger its entry, the log its line. */
  #deliver(call: Call, course: Course, outlet: Outlet, end: CallEnd): void {
    const { ledger, clock, log, scheduler, onEnd } = this.parts;
    let status = 200;
    switch (end.is) {
      case "finished":
        if (call.request.stream) outlet.end();
        else outlet.whole(course.answer, course.node!);
        scheduler.measured(call.request.model, clock.monotonic() - call.startedMs);
        break;
      case "refused":
        status = end.refusal.status;
        outlet.refuse(end.refusal);
        break;
      default:
        status = end.error.kind.status;
        outlet.fail(end.error);
    }
    const entry = this.#entry(call, course, outlet, outcomeOf(end), status);
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

  #entry(
    call: Call,
    course: Course,
    outlet: Outlet,
    outcome: Outcome,
    status: number,
  ): LedgerEntry {
    const { request } = call;
    return {
      id: call.id,
      accountId: request.accountId,
      keyId: request.keyId,
      providerAccountId: course.node?.who.accountId ?? null,
      nodeId: course.node?.who.id ?? null,
      endpoint: request.endpoint,
      model: request.model,
      stream: request.stream,
      outcome,
      status,
      promptTokens: course.tally.promptTokens,
      completionTokens: course.tally.completionTokens,
      estimated: course.tally.estimated,
      deliveredBytes: outlet.deliveredBytes,
      deliveredChunks: outlet.deliveredChunks,
      producedChunks: course.tally.chunks,
      attempts: course.attempts,
      queuedMs: Math.round(course.queuedMs),
      firstByteMs: course.firstByteMs === null ? null : Math.round(course.firstByteMs),
      durationMs: Math.round(this.parts.clock.monotonic() - call.startedMs),
      startedAt: call.startedAt,
    };
  }
}

const stopOutcomes: Partial<Record<ColinkError["code"], Outcome>> = {
  caller_gone: "cancelled",
  caller_too_slow: "cancelled",
  deadline_exceeded: "timeout",
  key_revoked: "interrupted",
  shutting_down: "interrupted",
  node_lost: "node_lost",
  node_protocol: "node_lost",
  node_silent: "timeout",
  upstream_auth: "upstream_error",
  upstream_rate_limited: "upstream_error",
  upstream_error: "upstream_error",
  upstream_unreachable: "upstream_error",
};

function outcomeOf(end: CallEnd): Outcome {
  if (end.is === "finished") return "ok";
  if (end.is === "refused") return "rejected";
  return stopOutcomes[end.error.code] ?? "rejected";
}

/** What everybody may read of a penalty's cause. */
function reasonOf(error: ColinkError): string {
  return error.message.replace(/^Cannot answer: /, "").replace(/; try again$/, "");
}

function asColinkError(error: unknown): ColinkError {
  if (error instanceof ColinkError) return error;
  return new ColinkError("internal", "Cannot answer: an unexpected error; try again", {
    cause: error,
  });
}
