/** The wait queues of all services: bounded, and left by a call that is stopped or has waited too long. */

import type { Clock } from "../base/clock.ts";
import { ByService, type Service } from "../node/service.ts";
import type { Call } from "./call.ts";
import { FairQueue, type Waiter } from "./fair_queue.ts";
import type { TokenShares } from "./token_shares.ts";

export interface WaitQueuesConfig {
  /** At all of a model's endpoints together. */
  queuePerModel: number;
  queuePerAccount: number;
  queueWaitMs: number;
}

/** How a call waits. */
export interface QueueEntry {
  /** Nodes that the call was tried on, by public id. */
  tried: ReadonlySet<string>;
  /** A node sent the call back: it goes before the other calls of its account. */
  isReturning: boolean;
  /** Called with the call's 1-based position: within a second, and after each change at most once a second. */
  onPosition?: ((position: number) => void) | undefined;
  /** How long the call waits at most. */
  maxWaitMs: number;
  /** Makes the error that the call fails with when it has waited too long. */
  timeoutError: () => unknown;
}

const REPORT_EVERY_MS = 1_000;

export class WaitQueues<T> {
  readonly #queues = new ByService<FairQueue<T>>();
  readonly #waitingByAccount = new Map<string, number>();
  /** Queues whose positions are reported, each with what cancels the next report. */
  readonly #reports = new Map<FairQueue<T>, () => void>();
  readonly #reported = new Map<Waiter<T>, number>();

  /**
   * `onChange` is called with the service of each queue that a call has entered or left, `onLeft` with
   * each call that has left.
   */
  constructor(
    private readonly clock: Clock,
    private readonly config: WaitQueuesConfig,
    private readonly onChange: (service: Service) => void,
    private readonly onLeft: (waiter: Waiter<T>) => void,
    private readonly shares: TokenShares,
  ) {}

  /** Calls that wait now. */
  get size(): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue.size;
    return sum;
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  get serviceCount(): number {
    return this.#queues.size;
  }

  of(service: Service): FairQueue<T> | undefined {
    return this.#queues.get(service);
  }

  /** The services that calls wait for. */
  services(): Service[] {
    return [...this.#queues.entries()].map(([service]) => service);
  }

  /** Calls that wait for the service. */
  sizeOf(service: Service): number {
    return this.of(service)?.size ?? 0;
  }

  /** Calls that wait for the model, at all of its endpoints. */
  sizeOfModel(model: string): number {
    let size = 0;
    for (const queue of this.#queues.ofModel(model)) size += queue.size;
    return size;
  }

  /** Which limit keeps the call out; null: none. */
  fullFor({ request: { model, accountId } }: Call): "model" | "account" | null {
    if (this.sizeOfModel(model) >= this.config.queuePerModel) return "model";
    const ofAccount = this.#waitingByAccount.get(accountId) ?? 0;
    return ofAccount >= this.config.queuePerAccount ? "account" : null;
  }

  /**
   * Adds the call to its service's queue, whatever the limits. `granted` resolves with what
   * `waiter.resolve` is called with, and rejects when the call is stopped or has waited too long.
   */
  enter(
    call: Call,
    entry: QueueEntry,
  ): { queue: FairQueue<T>; waiter: Waiter<T>; granted: Promise<T> } {
    const { accountId } = call.request;
    const queue = this.of(call.request) ?? new FairQueue<T>(this.shares);
    this.#queues.set(call.request, queue);
    this.#waitingByAccount.set(accountId, (this.#waitingByAccount.get(accountId) ?? 0) + 1);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const leave = () => {
      queue.remove(waiter);
      cancelTimeout();
      call.offStop(listener);
      this.#left(queue, waiter);
    };
    const waiter: Waiter<T> = {
      call,
      tried: entry.tried,
      sinceMs: this.clock.monotonic(),
      maxWaitMs: entry.maxWaitMs,
      onPosition: entry.onPosition,
      resolve: (value) => {
        leave();
        resolve(value);
      },
      reject: (error) => {
        leave();
        reject(error);
      },
    };
    // The error says how long a new call would wait, for which this one does not count.
    const onTimeout = () => {
      leave();
      reject(entry.timeoutError());
    };
    const cancelTimeout = this.clock.after(entry.maxWaitMs, onTimeout);
    const listener = { callStopped: (reason: Error) => waiter.reject(reason) };
    call.onStop(listener);
    queue.add(waiter, entry.isReturning);
    this.onChange(call.request);
    return { queue, waiter, granted: promise };
  }

  /**
   * Reports positions to the waiters of the queue that ask for them: at once if no other waiter
   * asks, and every second while any does. One walk serves all of them.
   */
  reportPositions(queue: FairQueue<T>): void {
    if (!this.#reports.has(queue)) this.#report(queue);
  }

  #report(queue: FairQueue<T>): void {
    let position = 0;
    let isAsked = false;
    for (const waiter of queue.inOrder()) {
      position++;
      if (waiter.onPosition === undefined) continue;
      isAsked = true;
      if (this.#reported.get(waiter) === position) continue;
      this.#reported.set(waiter, position);
      waiter.onPosition(position);
    }
    if (isAsked) {
      this.#reports.set(queue, this.clock.after(REPORT_EVERY_MS, () => this.#report(queue)));
    } else this.#reports.delete(queue);
  }

  #left(queue: FairQueue<T>, waiter: Waiter<T>): void {
    const { accountId } = waiter.call.request;
    this.#reported.delete(waiter);
    this.onLeft(waiter);
    if (queue.size === 0) {
      this.#queues.delete(waiter.call.request);
      this.#reports.get(queue)?.();
      this.#reports.delete(queue);
    }
    const rest = (this.#waitingByAccount.get(accountId) ?? 1) - 1;
    if (rest > 0) this.#waitingByAccount.set(accountId, rest);
    else this.#waitingByAccount.delete(accountId);
    this.onChange(waiter.call.request);
  }
}
