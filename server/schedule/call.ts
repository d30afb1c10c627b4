/** One request on its way: who asks, for what, until when. */

import { ColinkError } from "../base/error.ts";
import type { Body } from "../node/attempt.ts";
import type { Service } from "../node/service.ts";

/** What http has found out about a request before it becomes a Call. */
export interface CallRequest extends Service {
  id: string;
  accountId: string;
  keyId: string;
  stream: boolean;
  /** Whether the caller is told usage in its stream: it asked for it, or the endpoint tells it unasked. */
  wantsUsage: boolean;
  streamOptions: object | null;
  /** The caller's headers that go along to the node, by lower-case name. */
  headers: Readonly<Record<string, string>> | null;
  /** Whether the caller wants to know its place in line, as comments in its stream. */
  wantsPosition: boolean;
  /** The private identity of the only node that can serve it, as that has stored what it goes on from; null: any may. */
  requiredNode: string | null;
  /** The caller's JSON body, unchanged. */
  body: Body;
}

/** Why a call is stopped from outside. */
export type StopCode =
  | "caller_gone"
  | "caller_too_slow"
  | "deadline_exceeded"
  | "key_revoked"
  | "answer_too_large"
  | "shutting_down";

const stopMessages: Record<StopCode, string> = {
  caller_gone: "Cannot answer: the caller closed the connection",
  caller_too_slow: "Cannot go on: the caller does not read its answer",
  deadline_exceeded: "Cannot finish: the call's time is up; ask for less, or allow it more time",
  key_revoked: "Cannot go on: this key was revoked; use the new one from the console",
  answer_too_large:
    "Cannot give the answer: it is larger than a gateway keeps; ask for less, or for a stream",
  shutting_down: "Cannot go on: this gateway is restarting; try again",
};

/** A call's stopping is heard without an AbortSignal, which costs a short call as much as its place in line. */
export class Call {
  #stopped: ColinkError | null = null;
  readonly #listeners: (() => void)[] = [];

  constructor(
    readonly request: CallRequest,
    /** Monotonic milliseconds. */
    readonly startedMs: number,
    /** UTC milliseconds. */
    readonly startedAt: number,
  ) {}

  get id(): string {
    return this.request.id;
  }

  /** Ends the call, wherever it stands. The first reason stays. */
  stop(code: StopCode): void {
    if (this.#stopped !== null) return;
    this.#stopped = new ColinkError(code, stopMessages[code]);
    for (const listener of this.#listeners.splice(0)) listener();
  }

  /** Why the call was stopped, or null. */
  get stopped(): ColinkError | null {
    return this.#stopped;
  }

  /** Calls back once when the call is stopped, if it was not already. Returns how to take that back. */
  onStop(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }
}
