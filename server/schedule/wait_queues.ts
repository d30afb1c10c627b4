/** The waiting lines of all services: bounded, left when a call is stopped or has waited too long. */

import type { Clock } from "../base/clock.ts";
import { ByService, type Service } from "../node/service.ts";
import type { Call } from "./call.ts";
import { FairQueue, type Waiter } from "./fair_queue.ts";

export interface WaitQueuesConfig {
  /** At all of a model's endpoints together. */
  queuePerModel: number;
  queuePerAccount: number;
  queueWaitMs: number;
}

/** How a call stands in its line. */
export interface QueueEntry {
  /** Nodes that it has been tried on. */
  tried: ReadonlySet<string>;
  /** It was sent back by a node: it goes before its account's other calls. */
  isReturning: boolean;
  /** Hears its place in the line, 1 being the next: within a second, and then when it has changed. */
  onPosition?: (position: number) => void;
  /** What it fails with when it has waited as long as it may. */
  tooLate: () => unknown;
}

const TELL_EVERY_MS = 1_000;

export class WaitQueues<T> {
  readonly #lines = new ByService<FairQueue<T>>();
  readonly #waitingByAccount = new Map<string, number>();
  readonly #tellers = new Map<FairQueue<T>, () => void>();
  /** The position that each was told last. */
  readonly #told = new Map<Waiter<T>, number>();

  /** Called with the service of each line that a call has entered or left. */
  onChange: (service: Service) => void = () => {};

  constructor(private readonly clock: Clock, private readonly config: WaitQueuesConfig) {}

  /** Calls waiting now. */
  get size(): number {
    let sum = 0;
    for (const line of this.#lines.values()) sum += line.size;
    return sum;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  of(service: Service): FairQueue<T> | undefined {
    return this.#lines.get(service);
  }

  /** Calls waiting for the model, at whatever endpoint. */
  sizeOf(model: string): number {
    let size = 0;
    for (const line of this.#lines.ofModel(model)) size += line.size;
    return size;
  }

  /** Whose line has no place left for another call. */
  fullFor({ request: { model, accountId } }: Call): "model" | "account" | null {
    if (this.sizeOf(model) >= this.config.queuePerModel) return "model";
    const ofAccount = this.#waitingByAccount.get(accountId) ?? 0;
    return ofAccount >= this.config.queuePerAccount ? "account" : null;
  }

  /**
   * Puts the call in its service's line, full or not. `served` resolves with what `waiter.resolve` is
   * given, and rejects when the call is stopped or too late.
   */
  enter(
    call: Call,
    stand: QueueEntry,
  ): { line: FairQueue<T>; waiter: Waiter<T>; served: Promise<T> } {
    const { accountId } = call.request;
    const line = this.of(call.request) ?? new FairQueue<T>();
    this.#lines.set(call.request, line);
    this.#waitingByAccount.set(accountId, (this.#waitingByAccount.get(accountId) ?? 0) + 1);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const leave = () => {
      line.remove(waiter);
      cancel();
      unlisten();
      this.#left(line, waiter);
    };
    const waiter: Waiter<T> = {
      call,
      tried: stand.tried,
      sinceMs: this.clock.monotonic(),
      onPosition: stand.onPosition,
      resolve: (value) => {
        leave();
        resolve(value);
      },
      reject: (error) => {
        leave();
        reject(error);
      },
    };
    const cancel = this.clock.after(
      this.config.queueWaitMs,
      () => waiter.reject(stand.tooLate()),
    );
    const unlisten = call.onStop(() => waiter.reject(call.stopped));
    line.add(waiter, stand.isReturning);
    this.onChange(call.request);
    return { line, waiter, served: promise };
  }

  /**
   * Tells those in the line who want to know where they stand: at once where nobody else has asked,
   * and every second while anybody does. One walk tells all of them.
   */
  tellPositions(line: FairQueue<T>): void {
    if (!this.#tellers.has(line)) this.#tell(line);
  }

  #tell(line: FairQueue<T>): void {
    let position = 0;
    let isAnyoneAsking = false;
    for (const waiter of line.inOrder()) {
      position++;
      if (waiter.onPosition === undefined) continue;
      isAnyoneAsking = true;
      if (this.#told.get(waiter) === position) continue;
      this.#told.set(waiter, position);
      waiter.onPosition(position);
    }
    if (isAnyoneAsking) {
      this.#tellers.set(line, this.clock.after(TELL_EVERY_MS, () => this.#tell(line)));
    } else this.#tellers.delete(line);
  }

  #left(line: FairQueue<T>, waiter: Waiter<T>): void {
    const { accountId } = waiter.call.request;
    this.#told.delete(waiter);
    if (line.size === 0) {
      this.#lines.delete(waiter.call.request);
      this.#tellers.get(line)?.();
      this.#tellers.delete(line);
    }
    const rest = (this.#waitingByAccount.get(accountId) ?? 1) - 1;
    if (rest > 0) this.#waitingByAccount.set(accountId, rest);
    else this.#waitingByAccount.delete(accountId);
    this.onChange(waiter.call.request);
  }
}
