/** Decides which node runs a call: leases a slot, at once or after a wait in the queue. */

import { Emitter } from "../base/emitter.ts";
import type { ColinkError } from "../base/error.ts";
import { LruCache } from "../base/lru.ts";
import { mayUse } from "../node/audience.ts";
import type { Failure } from "../node/failure.ts";
import type { Node } from "../node/node.ts";
import { type FailedRequest, OpenFailures } from "../node/open_failures.ts";
import type { ModelFacts } from "../node/model_facts.ts";
import type { Fault, Penalty } from "../node/penalty.ts";
import type { Service } from "../node/service.ts";
import type { Call, CallRequest, Wanted } from "./call.ts";
import type { Waiter } from "./fair_queue.ts";
import { FasterWaits } from "./faster_waits.ts";
import type { Lease } from "./lease.ts";
import type { Choice, Timing, Wait } from "./policy/policy.ts";
import { noRemoteWaiters, type RemoteWaiter, type RemoteWaiters } from "./remote_waiters.ts";
import { StrandedWaiters } from "./stranded_waiters.ts";
import { Slots, type SlotsParts } from "./slots.ts";
import { type Share, TokenShares } from "./token_shares.ts";
import {
  endpointNotOffered,
  modelNotFound,
  namedNodeAway,
  nodesPenalized,
  noNodeNear,
  noNodeOnline,
  queueFull,
  queueTimeout,
  requiredNodeOffline,
} from "./unavailable.ts";
import { WaitEstimate } from "./wait_estimate.ts";
import { WaitQueues, type WaitQueuesConfig } from "./wait_queues.ts";

export interface SchedulerConfig extends WaitQueuesConfig {
  /** How many tokens of a prompt one token of an answer counts as. */
  completionWeight?: number;
  /** How long a call waits for a faster node while a slower one has a slot free. Default: not at all. */
  fasterWaitMs?: number;
}
export interface SchedulerParts extends SlotsParts {
  /** Whether hints name the model to the caller; absent: each that the caller is allowed to see. */
  isListed?: (model: string, groups: readonly string[]) => boolean;
}

/** How a call asks for a slot. */
export interface LeaseRequest {
  /** Nodes that are skipped, by public id. */
  tried: ReadonlySet<string>;
  /** The call had a slot before: queue limits do not apply, and it keeps its place in the queue. */
  isRetry: boolean;
  /** Called with the call's 1-based queue position while it waits. */
  onPosition?: ((position: number) => void) | undefined;
  /** How long the call waits at most, in milliseconds; default: as long as calls do; 0: it takes a free slot or none. */
  maxWaitMs?: number;
}

/** The time at which a node comes back is unknown; nodes redial within a minute. */
const RETRY_WHEN_OFFLINE_MS = 10_000;

/**
 * A caller that waited exactly as long as `Retry-After` said may be back, by its own clock, shortly
 * before the penalty's timer has fired. Its call waits in the queue for so long.
 */
const SOON_MS = 50;

/** A change of a node's offer is known to all gateways within this time. */
const PUBLISHED_WITHIN_MS = 1_000;
/** A node does not offer again what it has withdrawn before this time. */
const WITHDRAWN_FOR_MS = 60_000;
/** So many services of other gateways' nodes are remembered that were said to be withdrawn. */
const MAX_WITHDRAWN = 1_000;

const NONE: ReadonlySet<string> = new Set();
const NO_SERVICES: readonly Service[] = [];

export class Scheduler {
  readonly #shares: TokenShares;
  readonly #slots: Slots;
  readonly #queues: WaitQueues<Lease>;
  readonly #waitEstimate = new WaitEstimate();
  readonly #remoteWaiters: RemoteWaiters;
  readonly #openFailures: OpenFailures;
  readonly #stranded: StrandedWaiters;
  readonly #fasterWaits: FasterWaits;
  /** When another gateway's node first said that it no longer offers a service, in monotonic milliseconds. */
  readonly #withdrawnMs = new LruCache<string, number>(MAX_WITHDRAWN);
  /** A call has entered or left the service's queue. */
  readonly onQueueChange = new Emitter<[service: Service]>();
  /** A slot of the node was taken or given back. */
  readonly onSlotUse = new Emitter<[node: Node]>();

  constructor(private readonly parts: SchedulerParts, private readonly config: SchedulerConfig) {
    this.#remoteWaiters = parts.remoteWaiters ?? noRemoteWaiters;
    this.#openFailures = new OpenFailures(parts.clock);
    const onChange = (service: Service) => this.onQueueChange.emit(service);
    const onLeft = (waiter: Waiter<Lease>) => this.#fasterWaits.left(waiter);
    this.#shares = new TokenShares({ ...parts, ...config });
    this.#queues = new WaitQueues(parts.clock, config, onChange, onLeft, this.#shares);
    this.#slots = new Slots(parts, this.#shares, {
      onRoom: (node) => this.#serveWaiters(node),
      onUse: (node) => this.onSlotUse.emit(node),
      onLostCall: (service) => this.#stranded.check(service),
    });
    // A provider that limits the calls is no failure of the node.
    parts.penalties.onFault.subscribe((nodeKey, code) => {
      if (code !== "upstream_rate_limited") parts.hub.failed(nodeKey);
    });
    this.#fasterWaits = new FasterWaits({
      ...parts,
      mostMs: config.fasterWaitMs ?? 0,
      onOver: (waiter) => this.#takeAny(waiter),
    });
    this.#stranded = new StrandedWaiters({
      ...parts,
      queues: this.#queues,
      mayBeServed: (waiter) => this.#mayBeServed(waiter),
      reasonFor: ({ call: { request } }) => this.#unavailable(request),
      mayWaitInVain: (waiter) => this.#fasterWaits.has(waiter),
      reconsider: (waiter) => this.#takeFree(waiter),
    });
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#queues.size;
  }

  /** Calls that wait for the model now. */
  waitingFor(model: string): number {
    return this.#queues.sizeOfModel(model);
  }

  /**
   * Leases a slot of the node that the model's policy chooses among those that serve the model at
   * the endpoint; waits in the queue while all of them are full.
   *
   * Throws model_not_found, endpoint_not_offered, previous_response_not_found, no_node_online,
   * nodes_penalized, queue_full, queue_timeout, or the reason for which the call was stopped.
   */
  lease(call: Call, leaseRequest: LeaseRequest): Promise<Lease> | Lease {
    if (call.stopped) throw call.stopped;
    const { request } = call;
    const { tried } = leaseRequest;
    for (let node; (node = this.#slots.choose(request, tried)) !== null;) {
      // A node may have room for this call and not for those that wait; they are served first where they fit.
      if (this.serveNext(node, request)) continue;
      const wait = this.#fasterWait(node, call, leaseRequest);
      return wait === null ? this.#take(node, call) : this.#wait(call, leaseRequest, wait);
    }
    if (!this.hasOther(request, tried) && !this.#opensSoon(request, tried)) {
      throw this.#unavailable(request);
    }
    if (leaseRequest.maxWaitMs === 0) throw this.#queueTimeout(request, 0);
    return this.#wait(call, leaseRequest);
  }

  /** Whether a node that was not tried could serve such a call, now or after a wait. */
  hasOther(wanted: Wanted, tried: ReadonlySet<string>): boolean {
    return this.#slots.hasAble(wanted, tried);
  }

  /** Whether a node that was not tried can serve such a call at once. */
  hasRoom(request: CallRequest, tried: ReadonlySet<string>): boolean {
    const node = this.#slots.choose(request, tried);
    return node !== null && this.#nextFor(node, request) === null;
  }

  /**
   * After how many milliseconds it makes sense to try such a call again: after the expected wait if a
   * node can serve it, else when the first penalty ends or a node may be back.
   */
  retryAfterMs(wanted: Wanted): number {
    if (this.hasOther(wanted, NONE)) {
      return this.#expectedWaitMs(wanted);
    }
    const opensAt = this.#slots.opensAt(wanted);
    if (opensAt === Infinity) return RETRY_WHEN_OFFLINE_MS;
    return Math.max(1000, opensAt - this.parts.penalties.nowMs);
  }

  /**
   * Reports that the attempt on the lease failed. Returns the penalty of the node, or of the model at
   * the node, if it is at fault already. Must be called before the lease is released, so that the
   * next call does not meet the same failure.
   */
  failed(lease: Lease, call: Call, failure: Failure): Penalty | null {
    if (failure.error.code === "node_busy") this.#slots.answeredBusy(lease);
    switch (failure.blame.blamed) {
      case "none":
        return failure.error.code === "offer_withdrawn" && this.#offersAllTheSame(lease)
          ? this.penalize(lease, failure)
          : null;
      case "open":
        return this.#failedOpenly(lease, call, failure);
      default:
        return this.penalize(lease, failure);
    }
  }

  /**
   * A node that says it no longer offers a service and does so all the same would fail the next call,
   * too. What another gateway's node has withdrawn is published; a call's failure may arrive before.
   */
  #offersAllTheSame({ node, service }: Lease): boolean {
    if (!node.serves(service)) return false;
    if (node.gateway === null) return true;
    const nowMs = this.parts.clock.monotonic();
    const key = `${node.who.nodeKey} ${service.endpoint} ${service.model}`;
    const forMs = nowMs - (this.#withdrawnMs.get(key) ?? -Infinity);
    if (forMs > WITHDRAWN_FOR_MS) this.#withdrawnMs.set(key, nowMs);
    return forMs >= PUBLISHED_WITHIN_MS && forMs <= WITHDRAWN_FOR_MS;
  }

  /** Penalises the lease's node for the failure; after a provider's limit, pauses the model at that node. */
  penalize({ node, service }: Lease, failure: Failure): Penalty | null {
    return this.parts.penalties.penalize(node.who.nodeKey, faultOf(failure, service));
  }

  /** The request caused the call's open failure, which therefore no longer counts against the lease's node. */
  withdrawFailure({ node, service: { model } }: Lease, call: Call): void {
    this.#openFailures.withdraw(node.who.nodeKey, model, requestOf(call));
  }

  /**
   * Reports that the attempt on the lease was answered, which ends the node's probation. Returns
   * whether the node was on probation. Must be called before the lease is released. `timing` is null
   * for an upstream's rejection of the request.
   */
  answered({ node, service }: Lease, call: Call, timing: Timing | null): boolean {
    const { hub, penalties, policies, log } = this.parts;
    const { model } = service;
    if (timing !== null) {
      // Another gateway counts what its nodes answer.
      if (node.gateway === null) hub.answered(node);
      const isCheaper = policies(model).learn?.(node, call.request, timing);
      if (isCheaper) this.#slots.eased(node, service);
      this.#openFailures.succeeded(node.who.nodeKey, model);
    }
    if (!penalties.clear(node.who.nodeKey, model)) return false;
    log.info({ node: node.who.publicId, model }, "node answered again: it takes calls as before");
    return true;
  }

  /** Facts about the model, merged over the nodes that serve it and that the account may use; null: no node serves it. */
  factsOf(wanted: Wanted): ModelFacts | null {
    return this.parts.hub.factsOf(wanted.model, this.#slots.viewerOf(wanted));
  }

  /** How long a call of the service lasts without its wait: as the policy has measured, else as recent calls did; null: unknown. */
  callMs(service: Service): number | null {
    return this.parts.policies(service.model).typicalMs?.(service) ??
      this.#waitEstimate.callMs(service);
  }

  /** Why the call got its latest node; null: unknown. */
  choiceOf(request: CallRequest): Choice | null {
    return this.parts.policies(request.model).choiceOf?.(request) ?? null;
  }

  /** Records how long a call of the service had its slot; waits are estimated from that. */
  measured(service: Service, durationMs: number): void {
    this.#waitEstimate.measured(service, durationMs);
  }

  /** The calls that wait for any node's slot of the service, in the order in which they would be served. */
  *waiters(service: Service): Iterable<Waiter<Lease>> {
    for (const waiter of this.#queues.of(service)?.inOrder() ?? []) {
      if (!this.#fasterWaits.has(waiter)) yield waiter;
    }
  }

  /** Leases a slot of a node connected to this gateway to a call of another gateway; null: none is free. */
  leaseLocal(node: Node, wanted: Wanted): Lease | null {
    return node.serves(wanted) && this.#slots.isOpen(node, wanted)
      ? this.#slots.take(node, wanted)
      : null;
  }

  /** Calls of other gateways have begun to wait for the service: free slots go to those whose accounts have received the fewest tokens. */
  remoteWaitersArrived(service: Service): void {
    for (const { wanted, tried } of [...this.#remoteWaiters.waiting(service)]) {
      this.#shares.seen(wanted);
      const node = this.#slots.chooseLocal(wanted, tried);
      if (node !== null) this.#serveWaiters(node);
    }
  }

  /**
   * Accounts have joined groups or left them: their waiting calls get slots that are free for them
   * now, and those that no node can serve any more are answered.
   */
  membershipsChanged(): void {
    for (const service of this.#queues.services()) {
      for (const waiter of [...this.#queues.of(service)?.inOrder() ?? []]) this.#takeFree(waiter);
      this.#stranded.check(service);
    }
  }

  /**
   * Gives a slot of the node, which is open or is offered by its gateway, to the next call that waits
   * for the service and fits: of the account that its gateway names, if one does. False: there is none.
   */
  serveNext(node: Node, service: Service, accountId?: string): boolean {
    const named = accountId === undefined ? null : this.#nextFor(node, service, accountId);
    const next = named ?? this.#nextFor(node, service);
    if (next) this.#serve(next.waiter, node, service);
    return next !== null;
  }

  /**
   * The request or the node may be at fault. Several failures alike in a row show that it is the node;
   * if no other one can serve the model, it is only paced.
   */
  #failedOpenly(lease: Lease, call: Call, failure: Failure): Penalty | null {
    const { node, service } = lease;
    const { nodeKey } = node.who;
    const { penalties } = this.parts;
    const note = { likeness: failure.likeness, ...requestOf(call) };
    const isNodes = this.#openFailures.note(nodeKey, service.model, note);
    if (!isNodes && !penalties.isPaced(nodeKey, service.model)) return null;
    if (this.#slots.hasHealthyOther(node, service)) {
      return isNodes ? this.penalize(lease, failure) : null;
    }
    penalties.pace(nodeKey, faultOf(failure, service));
    return null;
  }

  /** Whether the penalty of the call's first node is about to end. */
  #opensSoon(request: CallRequest, tried: ReadonlySet<string>): boolean {
    return tried.size === 0 &&
      this.#slots.opensAt(request) - this.parts.penalties.nowMs <= SOON_MS;
  }

  /** The wait that is better for a new call than the node's free slot; null: there is none, or no room in the queue. */
  #fasterWait(node: Node, call: Call, { tried, isRetry, maxWaitMs }: LeaseRequest): Wait | null {
    if (isRetry || tried.size > 0) return null;
    const ahead = this.#queues.sizeOf(call.request);
    const longestMs = maxWaitMs ?? this.config.queueWaitMs;
    const wait = this.#fasterWaits.worth(node, call.request, ahead, longestMs);
    return wait === null || this.#queues.fullFor(call) !== null ? null : wait;
  }

  /** The call has waited for a faster node, and got none. */
  #takeAny(waiter: Waiter<Lease>): void {
    // If no slot is free, those of other gateways' nodes will do, too.
    if (!this.#takeFree(waiter)) this.onQueueChange.emit(waiter.call.request);
  }

  /**
   * Gives slots that are free for the call to those that wait, in their order, until the call has one.
   * False: it still waits, because none is free, or because it rather waits for a faster node.
   */
  #takeFree(waiter: Waiter<Lease>): boolean {
    const { call: { request }, tried } = waiter;
    while (this.#queues.of(request)?.has(waiter)) {
      const node = this.#slots.choose(request, tried);
      if (node === null || !this.serveNext(node, request)) return false;
    }
    return true;
  }

  #wait(
    call: Call,
    leaseRequest: LeaseRequest,
    fasterWait: Wait | null = null,
  ): Promise<Lease> {
    const { request } = call;
    const { tried, isRetry, onPosition, maxWaitMs = this.config.queueWaitMs } = leaseRequest;
    const limit = isRetry ? null : this.#queues.fullFor(call);
    if (limit) throw queueFull(request.model, limit, this.#expectedWaitMs(request));
    const { queue, waiter, granted } = this.#queues.enter(call, {
      tried,
      isReturning: isRetry,
      onPosition,
      maxWaitMs,
      timeoutError: () => this.#queueTimeout(request, maxWaitMs),
    });
    if (fasterWait !== null) this.#fasterWaits.begin(waiter, fasterWait);
    this.#queues.reportPositions(queue);
    return granted;
  }

  /** Whether a node that was not tried takes such calls, or does so before the call's wait ends. */
  #mayBeServed({ call, tried, sinceMs, maxWaitMs }: Waiter<Lease>): boolean {
    const { penalties, clock } = this.parts;
    const opensInMs = this.#slots.opensAt(call.request, tried) - penalties.nowMs;
    return opensInMs <= sinceMs + maxWaitMs - clock.monotonic();
  }

  #queueTimeout(request: CallRequest, waitedMs: number): ColinkError {
    return queueTimeout(request.model, waitedMs, this.#expectedWaitMs(request));
  }

  /**
   * Gives free slots of the node to the calls that wait for any of its services: among models to the
   * one whose next call has waited longest, within a model by what accounts have received.
   */
  #serveWaiters(node: Node): void {
    // Another gateway decides who gets the slots of its nodes, and offers them.
    if (node.gateway !== null) return;
    const wanted = this.#wantedOf(node);
    if (wanted.length === 0) return;
    for (;;) {
      const nextOfModels = new Map<string, Candidate>();
      for (const service of wanted) {
        for (const candidate of this.#candidates(node, service)) {
          const best = nextOfModels.get(service.model);
          if (best === undefined || isBefore(candidate, best)) {
            nextOfModels.set(service.model, candidate);
          }
        }
      }
      if (nextOfModels.size === 0) return;
      [...nextOfModels.values()].reduce((a, b) => b.sinceMs < a.sinceMs ? b : a).serve();
    }
  }

  /**
   * The services of the node that calls wait for, at this gateway or at others. Goes through the node's
   * models or the services that are waited for, whichever are fewer: either may be thousands.
   */
  #wantedOf(node: Node): readonly Service[] {
    const waited = this.#queues.serviceCount + this.#remoteWaiters.serviceCount;
    if (waited === 0) return NO_SERVICES;
    if (waited > node.offer.models.length) {
      return [...node.services()].filter((service) =>
        this.#queues.of(service) || this.#remoteWaiters.hasWaiting(service)
      );
    }
    const here = this.#queues.services();
    const away = [...this.#remoteWaiters.services()].filter((one) => !this.#queues.of(one));
    return [...here, ...away].filter((service) => this.parts.hub.isServedBy(service, node));
  }

  /** The next call for the service at this gateway, and the next one at all others. */
  #candidates(node: Node, service: Service): Candidate[] {
    if (!this.#slots.isOpen(node, service)) return [];
    const candidates: Candidate[] = [];
    const here = this.#nextFor(node, service);
    if (here) {
      const { waiter, share } = here;
      const serve = () => this.#serve(waiter, node, service);
      candidates.push({ share, sinceMs: waiter.sinceMs, serve });
    }
    const away = this.#nextAwayFor(node, service);
    if (away) {
      const { waiter, share } = away;
      const serve = () => {
        this.#shares.served(share, service);
        const { wanted, promptBytes } = waiter;
        this.#remoteWaiters.grant(this.#slots.take(node, wanted, promptBytes), waiter);
      };
      candidates.push({ share, sinceMs: waiter.sinceMs, serve });
    }
    return candidates;
  }

  /** The next call that waits for the service and may use the node; `only`: one of this account. */
  #nextFor(
    node: Node,
    service: Service,
    only?: string,
  ): { waiter: Waiter<Lease>; share: Share } | null {
    const queue = this.#queues.of(service);
    if (queue === undefined) return null;
    const { publicId, nodeKey } = node.who;
    let ahead = 0;
    const fits = (waiter: Waiter<Lease>) => {
      const { call: { request }, tried } = waiter;
      return !tried.has(publicId) && isNodeFor(request, nodeKey) &&
        this.#slots.mayUse(node, request) && !this.#fasterWaits.declines(node, waiter, ahead++);
    };
    if (only !== undefined) return queue.nextOf(only, fits);
    this.#shares.refresh(service.model);
    return queue.next((accountId) => this.#slots.mayUse(node, { ...service, accountId }), fits);
  }

  #nextAwayFor(node: Node, service: Service): { waiter: RemoteWaiter; share: Share } | null {
    const { publicId, nodeKey } = node.who;
    let next: { waiter: RemoteWaiter; share: Share; sinceMs: number } | null = null;
    for (const waiter of this.#remoteWaiters.waiting(service)) {
      const { wanted, tried, sinceMs } = waiter;
      if (tried.has(publicId) || !isNodeFor(wanted, nodeKey)) continue;
      if (!this.#slots.mayUse(node, wanted)) continue;
      const share = this.#shares.seen(wanted);
      if (next === null || isBefore({ share, sinceMs }, next)) next = { waiter, share, sinceMs };
    }
    return next;
  }

  #serve(waiter: Waiter<Lease>, node: Node, service: Service): void {
    this.#fasterWaits.served(waiter);
    this.#queues.of(service)?.take(waiter);
    waiter.resolve(this.#take(node, waiter.call));
  }

  #take(node: Node, call: Call): Lease {
    const { request } = call;
    const lease = this.#slots.take(node, request, call.promptBytes);
    this.parts.policies(request.model).taken?.(node, request);
    return lease;
  }

  /** Why no node can serve the call. */
  #unavailable(request: CallRequest): ColinkError {
    const { hub } = this.parts;
    const { model, endpoint, requiredNode, route } = request;
    const viewer = this.#slots.viewerOf(request);
    if (requiredNode !== null) {
      const node = hub.find(requiredNode);
      if (!node?.serves(request) || !mayUse(node, viewer)) {
        return request.isNodeNamed ? namedNodeAway(request) : requiredNodeOffline();
      }
    }
    const offered = hub.factsOf(model, viewer)?.endpoints;
    if (offered?.includes(endpoint)) return nodesPenalized(model, this.retryAfterMs(request));
    // The error says that the model is known, and not whether farther nodes could serve the call.
    if (route !== "any" && hub.knows(model, viewer)) {
      return noNodeNear(request, route, this.retryAfterMs(request));
    }
    // A node that served the model here a while ago may come back.
    if (offered && !hub.hasSeen(request, viewer)) return endpointNotOffered(request, offered);
    if (hub.knows(model, viewer)) return noNodeOnline(request, this.retryAfterMs(request));
    const { isListed = () => true } = this.parts;
    const known = hub.knownModels(viewer).filter((name) => isListed(name, viewer.groups));
    return modelNotFound(model, known);
  }

  /** How long such a call would wait that came now. */
  #expectedWaitMs(wanted: Wanted): number {
    const { model, endpoint, accountId = "" } = wanted;
    const ahead = this.#queues.of(wanted)?.ahead({ model, endpoint, accountId }) ?? 0;
    return this.#waitEstimate.expectedWaitMs(wanted, ahead, this.#slots.count(wanted));
  }
}

function faultOf({ blame, error, what }: Failure, { model }: Service): Fault {
  return {
    model: blame.scope === "model" ? model : null,
    code: error.code,
    reason: what,
    retryAfterMs: error.retryAfterMs,
    blamesProvider: blame.blamed === "provider",
  };
}

/** A call that could have a slot of a node. */
interface Candidate {
  readonly share: Share;
  readonly sinceMs: number;
  readonly serve: () => void;
}

/** Whether the call of the same model goes first. */
function isBefore(a: Omit<Candidate, "serve">, b: Omit<Candidate, "serve">): boolean {
  return a.share.received === b.share.received
    ? a.sinceMs < b.sinceMs
    : a.share.received < b.share.received;
}

function isNodeFor({ requiredNode = null }: Wanted, nodeKey: string): boolean {
  return requiredNode === null || requiredNode === nodeKey;
}

function requestOf({ request: { accountId, body } }: Call): FailedRequest {
  return { accountId, prompt: body.digest };
}
