/** A caller's request on its way to an answer. */

import { ColinkError } from "../base/error.ts";
import type { Body } from "../node/attempt.ts";
import type { Route } from "../node/audience.ts";
import type { Service } from "../node/service.ts";

/** A request as server/http has read it. */
export interface CallRequest extends Service {
  id: string;
  accountId: string;
  keyId: string;
  /** Which nodes the caller wants. */
  route: Route;
  stream: boolean;
  /** Whether the stream shows usage to the caller: the caller asked for it, or the endpoint always shows it. */
  wantsUsage: boolean;
  streamOptions: object | null;
  /** How many choices the caller asks for. */
  choices: number;
  /** The most tokens that the caller takes as an answer; null or absent: it does not say. */
  maxTokens?: number | null;
  /** The caller's headers that are passed on to the node, by lower-case name. */
  headers: Readonly<Record<string, string>> | null;
  /** Whether the stream reports the call's queue position in comments. */
  wantsPosition: boolean;
  /** The node key of the only node that can serve the call, because that node has stored the response which the call continues; null: any node. */
  requiredNode: string | null;
  /** Whether the caller has named that node itself. */
  isNodeNamed?: boolean;
  /** What the client calls the session that the call belongs to; null: it does not say. */
  sessionHint: string | null;
  /** The caller's JSON body, unchanged. */
  body: Body;
  /** What the model's policy keeps with the call, for itself alone. */
  plan?: object | undefined;
}

/** A service, for an account that may not use all nodes, on the route that it wants, or of the only node that can serve the call. */
export type Wanted =
  & Service
  & Partial<Pick<CallRequest, "requiredNode" | "accountId" | "route" | "plan">>;
/** A model that a call to an alias may be served by, and when. */
export interface Target {
  readonly model: string;
  /** In tokens; 0: any. */
  readonly contextAtLeast: number;
  readonly needs: readonly ("tools" | "vision")[];
  readonly prefer: "loaded" | "own" | "fastest" | null;
  /** How long the call waits for a slot before the next target is tried. */
  readonly maxWaitMs: number;
}

/** Where a call goes that asked for an alias. */
export interface AliasPlan {
  /** The name that was asked for. */
  readonly name: string;
  /** In the order in which they are tried; at least one. */
  readonly targets: readonly Target[];
  /** The caller's body, which asks for another model instead. */
  bodyFor(model: string): Body;
}

/** The budget of held answers that has no room for one. */
type AnswerBudgetFull = "account_answers_full" | "gateway_answers_full";

/** Whether there is room for holding more of an answer. Where it is scarce, large answers should go on to their callers. */
export type AnswerRoom = "enough" | "scarce" | AnswerBudgetFull;

/** Why a call is stopped from outside. */
export type StopCode =
  | AnswerBudgetFull
  | "caller_gone"
  | "caller_too_slow"
  | "call_cancelled"
  | "deadline_exceeded"
  | "key_revoked"
  | "answer_too_large"
  | "shutting_down";

const stopMessages: Record<StopCode, string> = {
  caller_gone: "Cannot answer: the caller closed the connection",
  caller_too_slow: "Cannot continue: the caller does not read its answer",
  call_cancelled: "Cannot continue: the call was cancelled, as its account has asked",
  deadline_exceeded:
    "Cannot finish: the call's time is up; ask for fewer tokens, or allow more time",
  key_revoked: "Cannot continue: this key was revoked; use the new one from the console",
  answer_too_large:
    "Cannot give the answer: it is larger than the gateway takes (COLINK_MAX_ANSWER_MB); ask for less at once, or set stream to true",
  account_answers_full:
    "Cannot give the answer: this account has too many bytes of answers that are not read yet (COLINK_ANSWER_BYTES_PER_ACCOUNT); read faster, or make fewer calls at a time",
  gateway_answers_full:
    "Cannot give the answer: the gateway has too many bytes of answers that are not read yet (COLINK_ANSWER_BYTES); try again soon",
  shutting_down:
    "Cannot finish: this gateway is restarting and has waited for running calls as long as it may (COLINK_DRAIN_SECONDS); " +
    "try again, with a new Idempotency-Key if you have sent one and a part of the answer has arrived",
};

/** How soon a stopped call may be tried again, where that is known: room comes when any answer has been taken. */
const retryAfterMs: Partial<Record<StopCode, number>> = {
  account_answers_full: 5_000,
  gateway_answers_full: 5_000,
};

export function stopError(code: StopCode): ColinkError {
  const afterMs = retryAfterMs[code];
  const details = afterMs === undefined ? {} : { retryAfterMs: afterMs };
  return new ColinkError(code, stopMessages[code], details);
}

/** What is to end with a call. An object, because a closure for each attempt would cost more. */
export interface StopListener {
  callStopped(reason: ColinkError): void;
}

/** A call keeps its stop listeners itself, because an AbortSignal would cost as much as queueing the call. */
export class Call {
  #request: CallRequest;
  #promptBytes: number | null = null;
  #stopped: ColinkError | null = null;
  readonly #listeners: StopListener[] = [];

  constructor(
    request: CallRequest,
    /** Monotonic milliseconds. */
    readonly startedMs: number,
    /** UTC milliseconds. */
    readonly startedAt: number,
    /** Null: the call asked for a model. */
    readonly alias: AliasPlan | null = null,
  ) {
    this.#request = request;
  }

  get request(): CallRequest {
    return this.#request;
  }

  /** Lets a call to an alias ask for one of its targets, while it neither waits nor runs. */
  aim(target: Pick<CallRequest, "model" | "body" | "route">): void {
    this.#request = { ...this.#request, ...target, plan: undefined };
    this.#promptBytes = null;
  }

  /** The size of the body as it goes to a node; counted once, because it costs the editing of an edited one. */
  get promptBytes(): number {
    return this.#promptBytes ??= this.#request.body.bytes.byteLength;
  }

  get id(): string {
    return this.request.id;
  }

  /** Ends the call in whatever state it is. Only the first reason counts. */
  stop(code: StopCode): void {
    if (this.#stopped !== null) return;
    this.#stopped = stopError(code);
    for (const listener of this.#listeners.splice(0)) listener.callStopped(this.#stopped);
  }

  /** Why the call was stopped; null: it was not. */
  get stopped(): ColinkError | null {
    return this.#stopped;
  }

  /** Calls `listener` once when the call is stopped; not if it already was. */
  onStop(listener: StopListener): void {
    this.#listeners.push(listener);
  }

  /** Harmless for a listener that was called. */
  offStop(listener: StopListener): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }
}
