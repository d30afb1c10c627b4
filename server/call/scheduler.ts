/** Decides who runs a call: leases a slot of a fitting node, at once or after a wait in line. */

import type { ColinkError } from "../error.ts";
import type { Node } from "../node/node.ts";
import type { Penalty } from "../node/penalty.ts";
import type { Call } from "./call.ts";
import type { Lease } from "./lease.ts";
import { Lines, type LinesConfig } from "./lines.ts";
import { Pace } from "./pace.ts";
import type { Timing } from "./policy.ts";
import type { Waiter, WaitingLine } from "./queue.ts";
import { allPenalized, lineFull, modelNotFound, nobodyOnline, waitedTooLong } from "./refusals.ts";
import { noRivals, type Rivals } from "./rivals.ts";
import { Slots, type SlotsParts } from "./slots.ts";

export type SchedulerConfig = LinesConfig;
export type SchedulerParts = SlotsParts;

/** How a call asks for a slot. */
export interface Wish {
  /** Nodes that are passed over, by public id. */
  tried: ReadonlySet<string>;
  /** The call was admitted before, so that it keeps its place in line. */
  isRetry: boolean;
  /** Hears, while the call waits, the how manieth to be served it is. */
  onPosition?: (position: number) => void;
}

/** Nobody knows when a node comes back; nodes redial within a minute. */
const RETRY_WHEN_OFFLINE_MS = 10_000;

const NONE: ReadonlySet<string> = new Set();

export class Scheduler {
  readonly #slots: Slots;
  readonly #lines: Lines<Lease>;
  readonly #pace = new Pace();
  readonly #rivals: Rivals;

  constructor(private readonly parts: SchedulerParts, private readonly config: SchedulerConfig) {
    this.#rivals = parts.rivals ?? noRivals;
    this.#lines = new Lines(parts.clock, config);
    this.#slots = new Slots(parts);
    this.#slots.onRoom = (node) => this.#serveLines(node);
  }

  /** Calls waiting in line now. */
  get waiting(): number {
    return this.#lines.size;
  }

  /**
   * A slot of a node that serves the call's model, the one that the model's policy chooses; waits in
   * line while all are full.
   *
   * Throws model_not_found, no_node_online, nodes_penalized, queue_full, queue_timeout, or the
   * reason for which the call was stopped.
   */
  lease(call: Call, wish: Wish): Promise<Lease> | Lease {
    if (call.stopped) throw call.stopped;
    const { model } = call.request;
    if (this.#lines.of(model) === undefined) {
      const node = this.#slots.choose(call.request, wish.tried);
      if (node) return this.#slots.take(node, model);
    }
    if (!this.hasOther(model, wish.tried)) throw this.#noneAble(model);
    return this.#wait(call, wish);
  }

  /** Whether a node that was not tried could serve the model, now or after a wait. */
  hasOther(model: string, tried: ReadonlySet<string>): boolean {
    return this.#slots.hasAble(model, tried);
  }

  /**
   * When trying the model again makes sense, in milliseconds from now: after the wait in line where
   * a node could serve it, else at the end of the first penalty, or when a node may be back.
   */
  retryAfterMs(model: string): number {
    if (this.hasOther(model, NONE)) {
      return this.#expectedWaitMs(model, this.#lines.of(model)?.size ?? 0);
    }
    const opensAt = this.#slots.opensAt(model);
    if (opensAt === Infinity) return RETRY_WHEN_OFFLINE_MS;
    return Math.max(1000, opensAt - this.parts.clock.now());
  }

  /**
   * The attempt on this lease failed. Where that was a fault, calls are kept away from the node, or
   * from this model of it: the penalty is returned, else null. To be called before the lease is
   * released, so that the next call does not run into the same.
   */
  failed(lease: Lease, error: ColinkError): Penalty | null {
    const { node, model } = lease;
    if (error.code === "busy") this.#slots.bounced(lease);
    if (!error.kind.penalty) return null;
    return this.parts.penalties.punish(node.who.identity, {
      model: error.kind.penalty === "model" ? model : null,
      code: error.code,
      reason: reasonOf(error),
      retryAfterMs: error.retryAfterMs,
    });
  }

  /**
   * The attempt on this lease was answered: whatever stood against the node is settled. To be called
   * before the lease is released. `timing` is null where the answer was a refusal.
   */
  answered({ node, model }: Lease, call: Call, timing: Timing | null): void {
    const { penalties, policies, log } = this.parts;
    if (timing !== null) policies(model).learn?.(node, call.request, timing);
    if (!penalties.absolve(node.who.identity, model)) return;
    log.info({ node: node.who.id, model }, "node passed its trial: it takes calls again");
  }

  /** A call of this model took so long, from its arrival: what waits are estimated from. */
  measured(model: string, durationMs: number): void {
    this.#pace.measured(model, durationMs);
  }

  /** Calls back with a model whose waiting line has changed. */
  set onLineChange(listener: (model: string) => void) {
    this.#lines.onChange = listener;
  }

  /** The calls that wait for the model, in the order in which they would be served. */
  waiters(model: string): Iterable<Waiter<Lease>> {
    return this.#lines.of(model)?.inOrder() ?? [];
  }

  /** A slot of a node that is connected here, for a call of another gateway; null: it has none free. */
  leaseHere(node: Node, model: string): Lease | null {
    return node.serves(model) && this.#slots.isOpen(node, model)
      ? this.#slots.take(node, model)
      : null;
  }

  /** Rivals have come to wait for the model: the room that there is goes to who has waited longest. */
  rivalsCame(model: string): void {
    const seen = new Set<string>();
    while (this.#rivals.want(model)) {
      const node = this.#slots.chooseHere(model, seen);
      if (node === null) return;
      seen.add(node.who.id);
      this.#serveLines(node);
    }
  }

  /** Another gateway offers a slot of its node: the call whose turn it is gets it. False: none wants it. */
  takeOffer(node: Node, model: string): boolean {
    const line = this.#lines.of(model);
    const waiter = line && headFor(node, line);
    if (!line || !waiter) return false;
    line.take(waiter);
    waiter.resolve(this.#slots.take(node, model));
    return true;
  }

  #wait(call: Call, wish: Wish): Promise<Lease> {
    const { model } = call.request;
    const full = wish.isRetry ? null : this.#lines.fullFor(call);
    const inLine = this.#lines.of(model)?.size ?? 0;
    if (full) throw lineFull(model, full, this.#expectedWaitMs(model, inLine));
    const { line, waiter, served } = this.#lines.enter(call, {
      tried: wish.tried,
      isReturning: wish.isRetry,
      onPosition: wish.onPosition,
      tooLate: () => this.#tooLate(model),
    });
    // Room may be there already: the line is passed through, never around.
    while (line.has(waiter)) {
      const node = this.#slots.choose(call.request, wish.tried);
      if (node === null) break;
      this.#serveLine(node, model, line);
    }
    if (line.has(waiter)) this.#lines.tellPositions(line);
    return served;
  }

  #tooLate(model: string): ColinkError {
    // The one who is told still stands in the line.
    const inLine = (this.#lines.of(model)?.size ?? 1) - 1;
    return waitedTooLong(model, this.config.queueWaitMs, this.#expectedWaitMs(model, inLine));
  }

  /** The node may have room: calls that wait for any of its models get it, longest wait first. */
  #serveLines(node: Node): void {
    // Who gets the slots of another gateway's node is for that gateway to say: it offers them.
    if (node.gateway !== null) return;
    const wanted = this.#wantedOf(node);
    for (;;) {
      const heads = wanted.flatMap((model) => this.#headsFor(node, model));
      if (heads.length === 0) return;
      heads.reduce((a, b) => b.sinceMs < a.sinceMs ? b : a).serve();
    }
  }

  /** The node's models that calls wait for, here or at other gateways. */
  #wantedOf({ offer }: Node): readonly string[] {
    if (this.#lines.isEmpty && this.#rivals === noRivals) return [];
    return offer.models.filter((model) => this.#lines.of(model) || this.#rivals.want(model));
  }

  /** Who is next for the model among this gateway's calls, and who among all others'. */
  #headsFor(node: Node, model: string): { sinceMs: number; serve: () => void }[] {
    if (!this.#slots.isOpen(node, model)) return [];
    const heads = [];
    const line = this.#lines.of(model);
    const waiter = line && headFor(node, line);
    if (line && waiter) {
      const serve = () => {
        line.take(waiter);
        waiter.resolve(this.#slots.take(node, model));
      };
      heads.push({ sinceMs: waiter.sinceMs, serve });
    }
    const sinceMs = this.#rivals.waitingSince(node, model);
    if (sinceMs !== null) {
      heads.push({ sinceMs, serve: () => this.#rivals.give(this.#slots.take(node, model)) });
    }
    return heads;
  }

  #serveLine(node: Node, model: string, line: WaitingLine<Lease>): void {
    while (this.#slots.isOpen(node, model)) {
      const waiter = headFor(node, line);
      if (waiter === null) return;
      line.take(waiter);
      waiter.resolve(this.#slots.take(node, model));
    }
  }

  #noneAble(model: string): ColinkError {
    const { hub } = this.parts;
    if (hub.serves(model)) return allPenalized(model, this.retryAfterMs(model));
    if (hub.knows(model)) return nobodyOnline(model, this.retryAfterMs(model));
    return modelNotFound(model, hub.knownModels());
  }

  /** How long a newcomer would wait, from measured call times and the slots there are. */
  #expectedWaitMs(model: string, inLine: number): number {
    return this.#pace.expectedWaitMs(model, inLine, this.#slots.count(model));
  }
}

function headFor(node: Node, line: WaitingLine<Lease>) {
  return line.next(({ tried }) => !tried.has(node.who.id));
}

/** What everybody may read of a penalty's cause. */
function reasonOf(error: ColinkError): string {
  return error.message.replace(/^Cannot answer: /, "").replace(/; try again$/, "");
}
