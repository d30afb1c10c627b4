/** Decides who runs a call: leases a slot of a fitting node, at once or after a wait in line. */

import { ColinkError } from "../error.ts";
import type { Clock } from "../clock.ts";
import type { Hub } from "../node/hub.ts";
import { BUSY_PAUSE_MS, type Node } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import type { Call } from "./call.ts";
import { Lease } from "./lease.ts";
import { nearNames } from "./near_names.ts";
import { leastBusy, type Policy } from "./policy.ts";
import { type Waiter, WaitingLine } from "./queue.ts";

export interface SchedulerConfig {
  queuePerModel: number;
  queuePerAccount: number;
  queueWaitMs: number;
}

export interface SchedulerParts {
  hub: Hub;
  penalties: PenaltyBook;
  clock: Clock;
  /** From 0 up to 1. */
  random?: () => number;
  policy?: Policy;
}

/** Nobody knows when a node comes back; nodes redial within a minute. */
const RETRY_WHEN_OFFLINE_MS = 10_000;

/** What a call is taken to last until some were measured. */
const GUESSED_CALL_MS = 5_000;

/** Weight of the newest call in the moving average of a model's call times. */
const NEWEST_CALL_WEIGHT = 0.2;

const NONE: ReadonlySet<string> = new Set();

export class Scheduler {
  readonly #lines = new Map<string, WaitingLine<Lease>>();
  readonly #waitingByAccount = new Map<string, number>();
  readonly #callMs = new Map<string, number>();
  readonly #random: () => number;
  readonly #policy: Policy;

  constructor(private readonly parts: SchedulerParts, private readonly config: SchedulerConfig) {
    this.#random = parts.random ?? Math.random;
    this.#policy = parts.policy ?? leastBusy;
    parts.hub.onRoom((node) => this.#serveLines(node));
  }

  /** Calls waiting in line now. */
  get waiting(): number {
    let sum = 0;
    for (const line of this.#lines.values()) sum += line.size;
    return sum;
  }

  /**
   * A slot of a node that serves the call's model, best one first; waits in line while all are
   * full. `tried` names nodes (by public id) that are passed over; `isRetry` says that the call was
   * admitted before, so that it keeps its place in line.
   *
   * Throws model_not_found, no_node_online, nodes_penalized, queue_full, queue_timeout, or the
   * reason for which the call was stopped.
   */
  lease(call: Call, tried: ReadonlySet<string>, isRetry: boolean): Promise<Lease> | Lease {
    if (call.stopped) throw call.stopped;
    const { model } = call.request;
    const line = this.#lines.get(model);
    if (line === undefined) {
      const node = this.#policy(this.#free(model, tried), this.#random);
      if (node) return this.#hold(node);
    }
    this.#refuseWhereWaitingIsVain(call, tried);
    return this.#wait(call, tried, isRetry);
  }

  /** Whether a node that was not tried could serve the model, now or after a wait. */
  hasOther(model: string, tried: ReadonlySet<string>): boolean {
    for (const _ of this.#able(model, tried)) return true;
    return false;
  }

  /**
   * When trying the model again makes sense, in milliseconds from now: after the wait in line where
   * a node could serve it, else at the end of the first penalty, or when a node may be back.
   */
  retryAfterMs(model: string): number {
    const { hub, penalties, clock } = this.parts;
    if (this.hasOther(model, NONE)) {
      return this.#expectedWaitMs(model, this.#lines.get(model)?.size ?? 0);
    }
    const ends = [...hub.serving(model)].flatMap((node) =>
      penalties.of(node.who.identity)?.until ?? []
    );
    return ends.length === 0
      ? RETRY_WHEN_OFFLINE_MS
      : Math.max(1000, Math.min(...ends) - clock.now());
  }

  /** The node says that it is full: it counts as full for a moment, or until one of its slots is freed. */
  nodeIsFull(node: Node): void {
    node.fullUntilMs = this.parts.clock.monotonic() + BUSY_PAUSE_MS;
    this.parts.clock.after(BUSY_PAUSE_MS, () => this.#serveLines(node));
  }

  /** Keeps calls away from a faulty node, and lets waiting ones at it when its time is over. */
  punish(node: Node, reason: string): void {
    const { penalties, clock } = this.parts;
    const penalty = penalties.punish(node.who.identity, reason);
    clock.after(penalty.until - clock.now(), () => this.#serveLines(node));
  }

  /** A call of this model took so long: what waits are estimated from. */
  measured(model: string, durationMs: number): void {
    const before = this.#callMs.get(model);
    if (before === undefined && this.#callMs.size > 10_000) return;
    const average = before === undefined
      ? durationMs
      : before + NEWEST_CALL_WEIGHT * (durationMs - before);
    this.#callMs.set(model, average);
  }

  /** Nodes that may serve the model, full or not. */
  *#able(model: string, tried: ReadonlySet<string>): Iterable<Node> {
    for (const node of this.parts.hub.serving(model)) {
      if (!node.isDraining && !tried.has(node.who.id) && !this.#isPenalized(node)) yield node;
    }
  }

  *#free(model: string, tried: ReadonlySet<string>): Iterable<Node> {
    const nowMs = this.parts.clock.monotonic();
    for (const node of this.#able(model, tried)) if (node.hasRoom(nowMs)) yield node;
  }

  #isPenalized(node: Node): boolean {
    return this.parts.penalties.of(node.who.identity) !== null;
  }

  #hold(node: Node): Lease {
    return new Lease(node, (freed) => {
      freed.fullUntilMs = 0;
      this.#serveLines(freed);
    });
  }

  #refuseWhereWaitingIsVain(call: Call, tried: ReadonlySet<string>): void {
    const { model } = call.request;
    if (this.hasOther(model, tried)) return;
    const { hub } = this.parts;
    if (hub.serving(model).size === 0) {
      if (!hub.knows(model)) throw modelNotFound(model, hub.knownModels());
      throw new ColinkError(
        "no_node_online",
        `Cannot serve "${model}": no node that offers it is connected; try again soon`,
        { retryAfterMs: this.retryAfterMs(model) },
      );
    }
    throw new ColinkError(
      "nodes_penalized",
      `Cannot serve "${model}": every node that offers it has failed lately or is leaving; try again later`,
      { retryAfterMs: this.retryAfterMs(model) },
    );
  }

  #wait(call: Call, tried: ReadonlySet<string>, isRetry: boolean): Promise<Lease> {
    const { model, accountId } = call.request;
    const line = this.#lines.get(model) ?? new WaitingLine<Lease>();
    const ofAccount = this.#waitingByAccount.get(accountId) ?? 0;
    if (!isRetry) this.#refuseWhereLineIsFull(model, line.size, ofAccount);
    this.#lines.set(model, line);
    this.#waitingByAccount.set(accountId, ofAccount + 1);

    return new Promise<Lease>((resolve, reject) => {
      const leave = () => {
        callOff();
        call.signal.removeEventListener("abort", onStop);
        this.#left(line, model, accountId);
      };
      const waiter: Waiter<Lease> = {
        call,
        tried,
        sinceMs: this.parts.clock.monotonic(),
        resolve: (lease) => {
          leave();
          resolve(lease);
        },
        reject: (error) => {
          line.remove(waiter);
          leave();
          reject(error);
        },
      };
      const onStop = () => waiter.reject(call.signal.reason);
      const callOff = this.parts.clock.after(this.config.queueWaitMs, () => {
        waiter.reject(this.#waitedTooLong(model));
      });
      call.signal.addEventListener("abort", onStop, { once: true });
      line.add(waiter, isRetry);
      // Room may be there already: the line is passed through, never around.
      for (const node of this.parts.hub.serving(model)) this.#serveLine(node, line);
    });
  }

  #left(line: WaitingLine<Lease>, model: string, accountId: string): void {
    if (line.size === 0 && this.#lines.get(model) === line) this.#lines.delete(model);
    const rest = (this.#waitingByAccount.get(accountId) ?? 1) - 1;
    if (rest > 0) this.#waitingByAccount.set(accountId, rest);
    else this.#waitingByAccount.delete(accountId);
  }

  #refuseWhereLineIsFull(model: string, inLine: number, ofAccount: number): void {
    if (inLine < this.config.queuePerModel && ofAccount < this.config.queuePerAccount) return;
    const whose = inLine < this.config.queuePerModel ? "your account's" : `the model's`;
    throw new ColinkError(
      "queue_full",
      `Cannot queue a call for "${model}": ${whose} waiting line is full; try again later`,
      { retryAfterMs: this.#expectedWaitMs(model, inLine) },
    );
  }

  #waitedTooLong(model: string): ColinkError {
    return new ColinkError(
      "queue_timeout",
      `Cannot serve "${model}": no slot became free within ${
        this.config.queueWaitMs / 1000
      } s; try again later`,
      // The one who is told still stands in the line.
      { retryAfterMs: this.#expectedWaitMs(model, (this.#lines.get(model)?.size ?? 1) - 1) },
    );
  }

  /** How long a newcomer would wait, from measured call times and the slots there are. */
  #expectedWaitMs(model: string, inLine: number): number {
    let slots = 0;
    for (const node of this.parts.hub.serving(model)) slots += node.offer.maxParallel;
    const callMs = this.#callMs.get(model) ?? GUESSED_CALL_MS;
    return Math.max(1000, Math.ceil(callMs * (inLine + 1) / Math.max(1, slots)));
  }

  /** The node may have room: calls that wait for any of its models get it, longest wait first. */
  #serveLines(node: Node): void {
    if (this.#lines.size === 0) return;
    const lines = [...this.#lines].filter(([model]) => this.parts.hub.serving(model).has(node))
      .map(([, line]) => line);
    while (lines.length > 0 && this.#mayTake(node)) {
      const heads = lines.flatMap((line) => {
        const waiter = line.next(({ tried }) => !tried.has(node.who.id));
        return waiter ? [{ line, waiter }] : [];
      });
      if (heads.length === 0) return;
      const { line, waiter } = heads.reduce((a, b) => b.waiter.sinceMs < a.waiter.sinceMs ? b : a);
      this.#grant(node, line, waiter);
    }
  }

  #serveLine(node: Node, line: WaitingLine<Lease>): void {
    while (this.#mayTake(node)) {
      const waiter = line.next(({ tried }) => !tried.has(node.who.id));
      if (waiter === null) return;
      this.#grant(node, line, waiter);
    }
  }

  #grant(node: Node, line: WaitingLine<Lease>, waiter: Waiter<Lease>): void {
    line.take(waiter);
    waiter.resolve(this.#hold(node));
  }

  #mayTake(node: Node): boolean {
    return node.hasRoom(this.parts.clock.monotonic()) && !this.#isPenalized(node);
  }
}

function modelNotFound(model: string, known: Iterable<string>): ColinkError {
  const near = nearNames(model, known).map((name) => `"${name}"`);
  const hint = near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : "GET /v1/models lists what is offered";
  return new ColinkError("model_not_found", `Cannot find the model "${model}": ${hint}`, {
    param: "model",
  });
}
