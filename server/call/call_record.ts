/** What is known of one call's record, and the ledger entry that is made of it. */

import type { Tally } from "../node/attempt.ts";
import type { Node } from "../node/node.ts";
import type { Outcome } from "../base/outcome.ts";
import type { AttemptEntry, LedgerEntry } from "../store/store.ts";
import type { Attempt, AttemptEnd } from "./attempt.ts";
import type { Call } from "../schedule/call.ts";
import { GatheredAnswer } from "./gathered_answer.ts";

/** A call ends as its last attempt does, or without one. */
export type CallEnd = AttemptEnd;

/** What was handed to the caller. */
export interface Delivered {
  readonly deliveredBytes: number;
  readonly deliveredChunks: number;
}

const NOTHING: Tally = { promptTokens: null, completionTokens: null, estimated: false, chunks: 0 };

const NOBODY: ReadonlySet<string> = new Set();

export class CallRecord {
  attempts = 0;
  busyBounces = 0;
  queuedMs = 0;
  #tried: Set<string> | null = null;
  /** Whether the caller was sent a byte of an answer: from then on nothing is retried. */
  hasBegun = false;
  /** What has come of an answer that is given whole. */
  #answer: GatheredAnswer | null = null;
  #firstByteMs: number | null = null;
  #durationMs = 0;
  readonly #log: AttemptEntry[] = [];
  #node: Node | null = null;
  #attempt: Attempt | null = null;

  constructor(readonly call: Call) {}

  /** One attempt that did it needs no words of its own: the call's own figures tell all of it. */
  #attemptLog(): AttemptEntry[] {
    const [only] = this.#log;
    return this.#log.length === 1 && only?.end === "ok" ? [] : this.#log;
  }

  /** Another node tries. */
  begin(node: Node, attempt: Attempt, nowMs: number): void {
    this.attempts++;
    const startMs = Math.round(nowMs - this.call.startedMs);
    this.#log.push({ node: node.who.publicId, startMs, durationMs: 0, end: "" });
    this.#node = node;
    this.#attempt = attempt;
  }

  /** The attempt that began last has ended so. */
  attemptEnded(end: AttemptEnd, nowMs: number): void {
    const entry = this.#log.at(-1);
    if (entry === undefined) return;
    entry.durationMs = Math.round(nowMs - this.call.startedMs) - entry.startMs;
    entry.end = end.is === "finished" ? "ok" : end.is === "refused" ? "refused" : end.error.code;
  }

  /** Public ids of the nodes that failed this call. */
  get tried(): ReadonlySet<string> {
    return this.#tried ?? NOBODY;
  }

  failedOn(node: Node): void {
    (this.#tried ??= new Set()).add(node.who.publicId);
  }

  firstByte(nowMs: number): void {
    this.hasBegun = true;
    this.firstPiece(nowMs);
  }

  firstPiece(nowMs: number): void {
    this.#firstByteMs ??= nowMs - this.call.startedMs;
  }

  /** The caller has, or gets now, all that it will; what the node produced may still have to be told. */
  ended(nowMs: number): void {
    this.#durationMs = nowMs - this.call.startedMs;
  }

  /** Whether the last attempt's tally is final, and when it will be. */
  get isSettled(): boolean {
    return this.#attempt?.isSettled ?? true;
  }

  get settled(): Promise<void> {
    return this.#attempt?.settled ?? Promise.resolve();
  }

  /** Begins to gather an answer; what an attempt before it had given is let go. */
  gather(node: Node, maxBytes: number): GatheredAnswer {
    this.letGo();
    return this.#answer = new GatheredAnswer(node, maxBytes);
  }

  wholeAnswer(): string | Uint8Array {
    return this.#answer?.whole() ?? "";
  }

  /** Nothing is kept of any answer from now on. */
  letGo(): void {
    this.#answer?.letGo();
    this.#answer = null;
  }

  entry(end: CallEnd, delivered: Delivered): LedgerEntry {
    const { request, startedAt } = this.call;
    const tally = this.#attempt?.tally() ?? NOTHING;
    return {
      id: request.id,
      accountId: request.accountId,
      keyId: request.keyId,
      providerAccountId: this.#node?.who.accountId ?? null,
      nodeId: this.#node?.who.publicId ?? null,
      endpoint: request.endpoint,
      model: request.model,
      stream: request.stream,
      outcome: outcomeOf(end),
      status: statusOf(end),
      promptTokens: tally.promptTokens,
      completionTokens: tally.completionTokens,
      estimated: tally.estimated,
      deliveredBytes: delivered.deliveredBytes,
      deliveredChunks: delivered.deliveredChunks,
      producedChunks: tally.chunks,
      attempts: this.attempts,
      queuedMs: Math.round(this.queuedMs),
      firstByteMs: this.#firstByteMs === null ? null : Math.round(this.#firstByteMs),
      durationMs: Math.round(this.#durationMs),
      startedAt,
      cause: "error" in end ? end.error.code : null,
      attemptLog: this.#attemptLog(),
    };
  }
}

function outcomeOf(end: CallEnd): Outcome {
  if (end.is === "finished") return "ok";
  if (end.is === "refused") return "rejected";
  return end.error.kind.outcome;
}

function statusOf(end: CallEnd): number {
  if (end.is === "finished") return 200;
  return end.is === "refused" ? end.refusal.status : end.error.kind.status;
}
