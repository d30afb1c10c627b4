/** Decides who runs a call: leases a slot of a fitting node, at once or after a wait in line. */

import type { ColinkError } from "../error.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Hub, HubWatcher } from "../node/hub.ts";
import type { Node } from "../node/node.ts";
import type { Penalty, PenaltyBook } from "../node/penalty.ts";
import type { Call } from "./call.ts";
import { Lease } from "./lease.ts";
import { Lines, type LinesConfig } from "./lines.ts";
import { Pace } from "./pace.ts";
import type { Policies, Timing } from "./policy.ts";
import type { WaitingLine } from "./queue.ts";
import { allPenalized, lineFull, modelNotFound, nobodyOnline, waitedTooLong } from "./refusals.ts";
import { FULL } from "./roster.ts";
import { Rosters } from "./rosters.ts";

export type SchedulerConfig = LinesConfig;

export interface SchedulerParts {
  hub: Hub;
  penalties: PenaltyBook;
  policies: Policies;
  clock: Clock;
  log: Log;
  /** From 0 up to 1. */
  random?: () => number;
}

/** How a call asks for a slot. */
export interface Wish {
  /** Nodes that are passed over, by public id. */
  tried: ReadonlySet<string>;
  /** The call was admitted before, so that it keeps its place in line. */
  isRetry: boolean;
  /** Hears, while the call waits, the how manieth to be served it is. */
  onPosition?: (position: number) => void;
}

/** How long a node that said BUSY counts as full, unless one of its slots is freed first. */
const BUSY_PAUSE_MS = 500;

/** Nobody knows when a node comes back; nodes redial within a minute. */
const RETRY_WHEN_OFFLINE_MS = 10_000;

const NONE: ReadonlySet<string> = new Set();

export class Scheduler implements HubWatcher {
  readonly #rosters = new Rosters((node, model) => this.#price(node, model));
  readonly #lines: Lines<Lease>;
  readonly #pace = new Pace();
  /** Nodes that said BUSY a moment ago, each with what calls the end of that moment off. */
  readonly #busy = new Map<Node, () => void>();
  /** Calls that try a node on probation, each with what ends the trial. */
  readonly #trials = new Map<Lease, () => void>();
  readonly #random: () => number;

  constructor(private readonly parts: SchedulerParts, private readonly config: SchedulerConfig) {
    const { hub, penalties, clock, random = Math.random } = parts;
    this.#random = random;
    this.#lines = new Lines(clock, config);
    hub.watch(this);
    penalties.onRelief = (identity) => this.#relieved(identity);
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
      const node = this.#choose(call, wish.tried);
      if (node) return this.#hold(node, model);
    }
    if (!this.hasOther(model, wish.tried)) throw this.#noneAble(model);
    return this.#wait(call, wish);
  }

  /** Whether a node that was not tried could serve the model, now or after a wait. */
  hasOther(model: string, tried: ReadonlySet<string>): boolean {
    return this.#rosters.of(model)?.hasAble(tried) ?? false;
  }

  /**
   * When trying the model again makes sense, in milliseconds from now: after the wait in line where
   * a node could serve it, else at the end of the first penalty, or when a node may be back.
   */
  retryAfterMs(model: string): number {
    if (this.hasOther(model, NONE)) {
      return this.#expectedWaitMs(model, this.#lines.of(model)?.size ?? 0);
    }
    const opensAt = this.#rosters.of(model)?.opensAt() ?? Infinity;
    if (opensAt === Infinity) return RETRY_WHEN_OFFLINE_MS;
    return Math.max(1000, opensAt - this.parts.clock.now());
  }

  /**
   * The attempt on this lease failed: where that was a fault, calls are kept away from the node, or
   * from this model of it, longer each time. To be called before the lease is released. Returns the penalty,
   * or null where there is none.
   */
  failed(lease: Lease, error: ColinkError): Penalty | null {
    const { node, model } = lease;
    if (error.code === "busy") this.#bounced(lease);
    if (!error.kind.penalty) return null;
    return this.parts.penalties.punish(node.who.identity, {
      model: error.kind.penalty === "model" ? model : null,
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

  joined(node: Node): void {
    this.#rosters.joined(node);
    this.#serveLines(node);
  }

  left(node: Node): void {
    this.#rosters.left(node);
    this.#notBusy(node);
  }

  eased(node: Node): void {
    this.#rosters.eased(node);
    this.#serveLines(node);
  }

  /** The node says that it is full: it counts as full for a moment, or until one of its slots is freed. */
  #bounced(lease: Lease): void {
    const { node } = lease;
    lease.isBounced = true;
    this.#busy.get(node)?.();
    const callOff = this.parts.clock.after(BUSY_PAUSE_MS, () => {
      this.#busy.delete(node);
      this.eased(node);
    });
    this.#busy.set(node, callOff);
  }

  #relieved(identity: string): void {
    const { hub, log } = this.parts;
    const node = hub.find(identity);
    if (node === undefined) return;
    log.info({ node: node.who.id }, "penalty over: one call tries the node");
    this.eased(node);
  }

  #choose({ request }: Call, tried: ReadonlySet<string>): Node | null {
    const { model } = request;
    const roster = this.#rosters.of(model);
    if (roster === undefined) return null;
    const preferred = this.parts.policies(model).preferred?.(request, roster) ?? null;
    const isToBeHad = preferred !== null && !tried.has(preferred.who.id) &&
      this.#isOpen(preferred, model);
    return isToBeHad ? preferred : roster.cheapest(tried, this.#random);
  }

  #isOpen(node: Node, model: string): boolean {
    return this.#price(node, model) < FULL;
  }

  /** See Price. Everything that can lower it calls `eased`, or is a release. */
  #price(node: Node, model: string): number {
    if (node.isDraining) return Infinity;
    const { penalties, policies } = this.parts;
    const circuit = penalties.circuit(node.who.identity, model);
    if (circuit === "penalized") return penalties.until(node.who.identity, model);
    const isFull = node.active >= node.offer.maxParallel || this.#busy.has(node);
    if (isFull || circuit === "on trial") return FULL;
    return policies(model).cost(node, model);
  }

  #hold(node: Node, model: string): Lease {
    const { penalties } = this.parts;
    const { identity } = node.who;
    const isTrial = penalties.circuit(identity, model) === "probation";
    const lease = new Lease(node, model, this.#onRelease);
    if (isTrial) this.#trials.set(lease, penalties.beginTrial(identity, model));
    this.#rosters.taken(node);
    return lease;
  }

  readonly #onRelease = (lease: Lease): void => {
    const { node } = lease;
    this.#trials.get(lease)?.();
    this.#trials.delete(lease);
    if (!lease.isBounced) this.#notBusy(node);
    const connected = this.parts.hub.find(node.who.identity);
    if (connected === undefined) return;
    // It may have come back meanwhile: then the trial that has ended was its own.
    if (connected !== node) return this.eased(connected);
    this.#rosters.freed(node);
    this.#serveLines(node);
  };

  #notBusy(node: Node): void {
    this.#busy.get(node)?.();
    this.#busy.delete(node);
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
      // The one who is told still stands in the line.
      tooLate: () =>
        waitedTooLong(
          model,
          this.config.queueWaitMs,
          this.#expectedWaitMs(model, (this.#lines.of(model)?.size ?? 1) - 1),
        ),
    });
    // Room may be there already: the line is passed through, never around.
    while (line.has(waiter)) {
      const node = this.#choose(call, wish.tried);
      if (node === null) break;
      this.#serveLine(node, model, line);
    }
    if (line.has(waiter)) this.#lines.tellPositions(line);
    return served;
  }

  /** The node may have room: calls that wait for any of its models get it, longest wait first. */
  #serveLines(node: Node): void {
    if (this.#lines.isEmpty) return;
    const lines = node.offer.models.flatMap((model) => {
      const line = this.#lines.of(model);
      return line ? [{ model, line }] : [];
    });
    for (;;) {
      const heads = lines.flatMap(({ model, line }) => {
        const waiter = this.#isOpen(node, model) ? headFor(node, line) : null;
        return waiter ? [{ model, line, waiter }] : [];
      });
      if (heads.length === 0) return;
      const longest = heads.reduce((a, b) => b.waiter.sinceMs < a.waiter.sinceMs ? b : a);
      longest.line.take(longest.waiter);
      longest.waiter.resolve(this.#hold(node, longest.model));
    }
  }

  #serveLine(node: Node, model: string, line: WaitingLine<Lease>): void {
    while (this.#isOpen(node, model)) {
      const waiter = headFor(node, line);
      if (waiter === null) return;
      line.take(waiter);
      waiter.resolve(this.#hold(node, model));
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
    return this.#pace.expectedWaitMs(model, inLine, this.#rosters.of(model)?.slots ?? 0);
  }
}

function headFor(node: Node, line: WaitingLine<Lease>) {
  return line.next(({ tried }) => !tried.has(node.who.id));
}

/** What everybody may read of a penalty's cause. */
function reasonOf(error: ColinkError): string {
  return error.message.replace(/^Cannot answer: /, "").replace(/; try again$/, "");
}
