/** Failures that the request or its node may have caused: several alike in a row show that it was the node. */

import type { Clock } from "../base/clock.ts";
import { LruCache } from "../base/lru.ts";

export interface OpenFailure {
  /** Equal in failures that are alike. */
  likeness: string;
  accountId: string;
  /** Of the request's body: the same prompt again shows nothing new. */
  prompt: number | bigint;
  /** Monotonic milliseconds. */
  atMs: number;
}

/** Failures that are further apart are no row. */
const WITHIN_MS = 60_000;

/** So many different requests in a row are the node's fault; of a single account, so many. */
const ENOUGH = 3;
const ENOUGH_OF_ONE_ACCOUNT = 5;

/** Nodes and models whose failures are remembered. */
const MAX_ROWS = 10_000;

export class OpenFailures {
  /** By node key and model: the failures since the last success, alike, each of another request. */
  readonly #rows = new LruCache<string, OpenFailure[]>(MAX_ROWS);

  constructor(private readonly clock: Pick<Clock, "monotonic">) {}

  /** Notes a failure. Returns whether, with those before it, it shows that the node is at fault. */
  note(nodeKey: string, model: string, failure: Omit<OpenFailure, "atMs">): boolean {
    const atMs = this.clock.monotonic();
    const key = keyOf(nodeKey, model);
    const row = (this.#rows.get(key) ?? []).filter((one) =>
      one.likeness === failure.likeness && atMs - one.atMs < WITHIN_MS && !isSame(one, failure)
    );
    row.push({ ...failure, atMs });
    const isOneAccount = row.every(({ accountId }) => accountId === failure.accountId);
    const isEnough = row.length >= (isOneAccount ? ENOUGH_OF_ONE_ACCOUNT : ENOUGH);
    if (isEnough) this.#rows.delete(key);
    else this.#rows.set(key, row);
    return isEnough;
  }

  /** A call of the model has succeeded at the node. */
  succeeded(nodeKey: string, model: string): void {
    if (this.#rows.size > 0) this.#rows.delete(keyOf(nodeKey, model));
  }

  /** The request turned out to be at fault: its failure says nothing of the node. */
  withdraw(
    nodeKey: string,
    model: string,
    failure: FailedRequest,
  ): void {
    const key = keyOf(nodeKey, model);
    const row = this.#rows.get(key)?.filter((one) => !isSame(one, failure));
    if (row !== undefined) this.#rows.set(key, row);
  }
}

export type FailedRequest = Pick<OpenFailure, "accountId" | "prompt">;

function isSame(a: FailedRequest, b: FailedRequest): boolean {
  return a.accountId === b.accountId && a.prompt === b.prompt;
}

function keyOf(nodeKey: string, model: string): string {
  return `${nodeKey} ${model}`;
}
