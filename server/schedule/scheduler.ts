/** Decides who runs a call: leases a slot of a fitting node, at once or after a wait in line. */

import type { ColinkError } from "../base/error.ts";
import type { Node } from "../node/node.ts";
import type { Penalty } from "../node/penalty.ts";
import type { Service } from "../node/service.ts";
import type { Call, CallRequest } from "./call.ts";
import type { Lease } from "./lease.ts";
import { WaitQueues, type WaitQueuesConfig } from "./wait_queues.ts";
import { WaitEstimate } from "./wait_estimate.ts";
import type { Timing } from "./policy/policy.ts";
import type { FairQueue, Waiter } from "./fair_queue.ts";
import {
  allPenalized,
  lineFull,
  modelNotFound,
  nobodyOnline,
  notAtEndpoint,
  requiredNodeOffline,
  waitedTooLong,
} from "./unavailable.ts";
import { noRemoteWaiters, type RemoteWaiters } from "./remote_waiters.ts";
import { Slots, type SlotsParts, type Wanted } from "./slots.ts";

export type SchedulerConfig = WaitQueuesConfig;
export type SchedulerParts = SlotsParts;

/** How a call asks for a slot. */
export interface LeaseRequest {
  /** Nodes that are passed over, by public id. */
  tried: ReadonlySet<string>;
  /** The call was admitted before, so that it keeps its place in line. */
  isRetry: boolean;
  /** Hears, while the call waits, the how manieth to be served it is. */
  onPosition?: (position: number) => void;
}

/** Nobody knows when a node comes back; nodes redial within a minute. */
const RETRY_WHEN_OFFLINE_MS = 10_000;

/**
 * Who waited just as long as it was told, by a clock of its own, may be back before our timer has
 * rung: it waits for that in line.
 */
const SOON_MS = 50;

const NONE: ReadonlySet<string> = new Set();

export class Scheduler {
  readonly #slots: Slots;
  readonly #lines: WaitQueues<Lease>;
  readonly #pace = new WaitEstimate();
  readonly #remoteWaiters: RemoteWaiters;

  constructor(private readonly parts: SchedulerParts, private readonly config: SchedulerConfig) {
    this.#remoteWaiters = parts.remoteWaiters ?? noRemoteWaiters;
    this.#lines = new WaitQueues(parts.clock, config);
    this.#slots = new Slots(parts);
    this.#slots.onRoom = (node) => this.#serveLines(node);
  }

  /** Calls waiting in line now. */
  get waiting(): number {
    return this.#lines.size;
  }

  /** Calls waiting for the model now. */
  waitingFor(model: string): number {
    return this.#lines.sizeOf(model);
  }

  /**
   * A slot of a node that serves the call's model at its endpoint, the one that the model's policy
   * chooses; waits in line while all are full.
   *
   * Throws model_not_found, endpoint_not_offered, response_not_found, no_node_online,
   * nodes_penalized, queue_full, queue_timeout, or the reason for which the call was stopped.
   */
  lease(call: Call, wish: LeaseRequest): Promise<Lease> | Lease {
    if (call.stopped) throw call.stopped;
    const { request } = call;
    if (this.#lines.of(request) === undefined) {
      const node = this.#slots.choose(request, wish.tried);
      if (node) return this.#slots.take(node, request);
    }
    if (!this.hasOther(request, wish.tried) && !this.#opensSoon(request, wish)) {
      throw this.#noneAble(request);
    }
    return this.#wait(call, wish);
  }

  /** Whether a node that was not tried could serve such a call, now or after a wait. */
  hasOther(wanted: Wanted, tried: ReadonlySet<string>): boolean {
    return this.#slots.hasAble(wanted, tried);
  }

  /**
   * When trying such a call again makes sense, in milliseconds from now: after the wait in line where
   * a node could serve it, else at the end of the first penalty, or when a node may be back.
   */
  retryAfterMs(wanted: Wanted): number {
    if (this.hasOther(wanted, NONE)) {
      return this.#expectedWaitMs(wanted, this.#lines.of(wanted)?.size ?? 0);
    }
    const opensAt = this.#slots.opensAt(wanted);
    if (opensAt === Infinity) return RETRY_WHEN_OFFLINE_MS;
    return Math.max(1000, opensAt - this.parts.clock.now());
  }

  /**
   * The attempt on this lease failed. Where that was a fault, calls are kept away from the node, or
   * from this model of it: the penalty is returned, else null. To be called before the lease is
   * released, so that the next call does not run into the same.
   */
  failed(lease: Lease, error: ColinkError): Penalty | null {
    const { node, service: { model } } = lease;
    if (error.code === "node_busy") this.#slots.bounced(lease);
    if (!error.kind.penalty) return null;
    return this.parts.penalties.penalize(node.who.nodeKey, {
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
  answered({ node, service }: Lease, call: Call, timing: Timing | null): boolean {
    const { penalties, policies, log } = this.parts;
    const { model } = service;
    if (timing !== null) policies(model).learn?.(node, call.request, timing);
    if (!penalties.clear(node.who.nodeKey, model)) return false;
    log.info({ node: node.who.publicId, model }, "node passed its trial: it takes calls again");
    return true;
  }

  /** A call of this service took so long, from its arrival: what waits are estimated from. */
  measured(service: Service, durationMs: number): void {
    this.#pace.measured(service, durationMs);
  }

  /** Calls back with a service whose waiting line has changed. */
  set onLineChange(listener: (service: Service) => void) {
    this.#lines.onChange = listener;
  }

  /** Calls back with a node of which a slot was taken or given back. */
  set onUse(listener: (node: Node) => void) {
    this.#slots.onUse = listener;
  }

  /** The calls that wait for the service, in the order in which they would be served. */
  waiters(service: Service): Iterable<Waiter<Lease>> {
    return this.#lines.of(service)?.inOrder() ?? [];
  }

  /** A slot of a node that is connected here, for a call of another gateway; null: it has none free. */
  leaseHere(node: Node, service: Service): Lease | null {
    return node.serves(service) && this.#slots.isOpen(node, service)
      ? this.#slots.take(node, service)
      : null;
  }

  /** RemoteWaiters have come to wait for the service: the room that there is goes to who has waited longest. */
  remoteWaitersArrived(service: Service): void {
    const seen = new Set<string>();
    while (this.#remoteWaiters.hasWaiting(service)) {
      const node = this.#slots.chooseHere(service, seen);
      if (node === null) return;
      seen.add(node.who.publicId);
      this.#serveLines(node);
    }
  }

  /** Another gateway offers a slot of its node: the call whose turn it is gets it. False: none wants it. */
  takeOffer(node: Node, service: Service): boolean {
    const line = this.#lines.of(service);
    const waiter = line && headFor(node, line);
    if (!line || !waiter) return false;
    line.take(waiter);
    waiter.resolve(this.#slots.take(node, service));
    return true;
  }

  /** Whether a penalty that keeps such a call from its first node is as good as over. */
  #opensSoon(request: CallRequest, { tried }: LeaseRequest): boolean {
    return tried.size === 0 && this.#slots.opensAt(request) - this.parts.clock.now() <= SOON_MS;
  }

  #wait(call: Call, wish: LeaseRequest): Promise<Lease> {
    const { request } = call;
    const full = wish.isRetry ? null : this.#lines.fullFor(call);
    const inLine = this.#lines.of(request)?.size ?? 0;
    if (full) throw lineFull(request.model, full, this.#expectedWaitMs(request, inLine));
    const { line, waiter, served } = this.#lines.enter(call, {
      tried: wish.tried,
      isReturning: wish.isRetry,
      onPosition: wish.onPosition,
      tooLate: () => this.#tooLate(request),
    });
    // Room may be there already: the line is passed through, never around.
    while (line.has(waiter)) {
      const node = this.#slots.choose(request, wish.tried);
      if (node === null) break;
      this.#serveLine(node, request, line);
    }
    if (line.has(waiter)) this.#lines.tellPositions(line);
    return served;
  }

  #tooLate(service: Service): ColinkError {
    // The one who is told still stands in the line.
    const inLine = (this.#lines.of(service)?.size ?? 1) - 1;
    const { queueWaitMs } = this.config;
    return waitedTooLong(service.model, queueWaitMs, this.#expectedWaitMs(service, inLine));
  }

  /** The node may have room: calls that wait for anything that it serves get it, longest wait first. */
  #serveLines(node: Node): void {
    // Who gets the slots of another gateway's node is for that gateway to say: it offers them.
    if (node.gateway !== null) return;
    const wanted = this.#wantedOf(node);
    for (;;) {
      const heads = wanted.flatMap((service) => this.#headsFor(node, service));
      if (heads.length === 0) return;
      heads.reduce((a, b) => b.sinceMs < a.sinceMs ? b : a).serve();
    }
  }

  /** Those of the node's services that calls wait for, here or at other gateways. */
  #wantedOf(node: Node): readonly Service[] {
    if (this.#lines.isEmpty && this.#remoteWaiters === noRemoteWaiters) return [];
    return [...node.services()].filter((service) =>
      this.#lines.of(service) || this.#remoteWaiters.hasWaiting(service)
    );
  }

  /** Who is next for the service among this gateway's calls, and who among all others'. */
  #headsFor(node: Node, service: Service): { sinceMs: number; serve: () => void }[] {
    if (!this.#slots.isOpen(node, service)) return [];
    const heads = [];
    const line = this.#lines.of(service);
    const waiter = line && headFor(node, line);
    if (line && waiter) {
      const serve = () => {
        line.take(waiter);
        waiter.resolve(this.#slots.take(node, service));
      };
      heads.push({ sinceMs: waiter.sinceMs, serve });
    }
    const sinceMs = this.#remoteWaiters.waitingSince(node, service);
    if (sinceMs !== null) {
      heads.push({
        sinceMs,
        serve: () => this.#remoteWaiters.grant(this.#slots.take(node, service)),
      });
    }
    return heads;
  }

  #serveLine(node: Node, service: Service, line: FairQueue<Lease>): void {
    while (this.#slots.isOpen(node, service)) {
      const waiter = headFor(node, line);
      if (waiter === null) return;
      line.take(waiter);
      waiter.resolve(this.#slots.take(node, service));
    }
  }

  #noneAble(request: CallRequest): ColinkError {
    const { hub } = this.parts;
    const { model, endpoint, requiredNode } = request;
    if (requiredNode !== null && !hub.find(requiredNode)?.serves(request)) {
      return requiredNodeOffline();
    }
    const offered = hub.factsOf(model)?.endpoints;
    if (offered?.includes(endpoint)) return allPenalized(model, this.retryAfterMs(request));
    // A node that served it here a while ago may come back.
    if (offered && !hub.hasSeen(request)) return notAtEndpoint(request, offered);
    if (hub.knows(model)) return nobodyOnline(request, this.retryAfterMs(request));
    return modelNotFound(model, hub.knownModels());
  }

  /** How long a newcomer would wait, from measured call times and the slots there are. */
  #expectedWaitMs(service: Service, inLine: number): number {
    return this.#pace.expectedWaitMs(service, inLine, this.#slots.count(service));
  }
}

function headFor(node: Node, line: FairQueue<Lease>) {
  const { publicId, nodeKey } = node.who;
  return line.next(({ call: { request: { requiredNode } }, tried }) =>
    !tried.has(publicId) && (requiredNode === null || requiredNode === nodeKey)
  );
}

/** What everybody may read of a penalty's cause. */
function reasonOf(error: ColinkError): string {
  return error.message.replace(/^Cannot answer: /, "").replace(/; try again$/, "");
}
