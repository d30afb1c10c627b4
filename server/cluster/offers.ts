/** Slots for calls that wait at another gateway than the node's: which calls wait, and which slot each is granted. */

import type { Lease } from "../schedule/lease.ts";
import type { Waiter } from "../schedule/fair_queue.ts";
import type { RemoteWaiter, RemoteWaiters } from "../schedule/remote_waiters.ts";
import type { Clock } from "../base/clock.ts";
import type { Node } from "../node/node.ts";
import { ByService, type Service } from "../node/service.ts";
import type { PeerMessage, Waiting } from "./peer_message.ts";

/** Waiting calls of one queue that are announced at a time; more follow as these are served. */
const MAX_WAITERS = 16;
/**
 * Beyond those, the first of each further account, up to so many: it may be the only one that can use
 * a node which is not for everyone.
 */
const MAX_WAITING_ACCOUNTS = 64;

/** Changes of a queue within this time are announced together. */
const COALESCE_MS = 5;

/**
 * Waiting calls are announced again this often: a peer forgets a waiter once it has offered a slot,
 * and the offer may have arrived before its node was known here.
 */
const REPEAT_EVERY_MS = 1_000;

/** A granted slot is held this long for the peer's call. */
const GRANT_MS = 2_000;

/** What offers need of the scheduler. */
export interface OfferScheduler {
  waiters(service: Service): Iterable<Waiter<Lease>>;
  serveNext(node: Node, service: Service, accountId?: string): boolean;
  remoteWaitersArrived(service: Service): void;
}

export interface OffersParts {
  clock: Clock;
  send: (peer: string, message: PeerMessage) => void;
  /** Sends to all linked peers. */
  broadcast: (message: PeerMessage) => void;
}

interface Grant {
  peer: string;
  lease: Lease;
  cancelExpiry: () => void;
}

/** A peer's waiter; `since`: when it began, by the peer's clock. Null, from gateways of earlier versions: unknown. */
type PeerWaiter = RemoteWaiter & { readonly since: number | null };

export class Offers implements RemoteWaiters {
  /** Calls that wait at peers, by peer. */
  readonly #waiters = new ByService<Map<string, PeerWaiter[]>>();
  /** Slots of this gateway's nodes that are held for peers. */
  readonly #granted = new Map<number, Grant>();
  #lastGrant = 0;
  /** Grants of peers that no call has used yet. */
  readonly #received = new WeakMap<Node, number[]>();
  /** Queues whose change was not announced yet. */
  readonly #dirty = new ByService<Service>();
  /** Queues that were announced last with waiting calls in them. */
  readonly #announced = new ByService<Service>();
  #cancelAnnouncement: (() => void) | null = null;
  #cancelRepeat: (() => void) | null = null;
  #scheduler: OfferScheduler | null = null;
  #isClosed = false;

  constructor(private readonly parts: OffersParts) {}

  attach(scheduler: OfferScheduler): void {
    this.#scheduler = scheduler;
  }

  /** Offers nothing more, because this gateway's nodes are leaving. */
  close(): void {
    this.#isClosed = true;
  }

  /** Calls that are known to wait at peers. */
  get waitingElsewhere(): number {
    let sum = 0;
    for (const byPeer of this.#waiters.values()) {
      for (const waiters of byPeer.values()) sum += waiters.length;
    }
    return sum;
  }

  get serviceCount(): number {
    return this.#isClosed ? 0 : this.#waiters.size;
  }

  *services(): Iterable<Service> {
    if (this.#isClosed) return;
    for (const [service] of this.#waiters.entries()) yield service;
  }

  hasWaiting(service: Service): boolean {
    return !this.#isClosed && this.#waiters.get(service) !== undefined;
  }

  *waiting(service: Service): Iterable<RemoteWaiter> {
    if (this.#isClosed) return;
    for (const waiters of this.#waiters.get(service)?.values() ?? []) yield* waiters;
  }

  grant(lease: Lease, waiter: RemoteWaiter): void {
    const { node, service } = lease;
    for (const [peer, waiters] of this.#waiters.get(service) ?? []) {
      if (!waiters.some((one) => one === waiter)) continue;
      this.#setWaiters(peer, service, waiters.filter((one) => one !== waiter));
      const grant = ++this.#lastGrant;
      const cancelExpiry = this.parts.clock.after(GRANT_MS, () => this.release(peer, grant));
      this.#granted.set(grant, { peer, lease, cancelExpiry });
      const { accountId = "" } = waiter.wanted;
      const offer = { grant, node: node.who.publicId, service: serviceOf(service) };
      const account = accountId === "" ? {} : { account: accountId };
      return this.parts.send(peer, { is: "offer", ...offer, ...account });
    }
    lease.release();
  }

  /** The slot that was granted to the peer, for the call it has sent; null: the grant has expired. */
  redeem(peer: string, grant: number): Lease | null {
    const held = this.#granted.get(grant);
    if (held === undefined || held.peer !== peer) return null;
    this.#granted.delete(grant);
    held.cancelExpiry();
    return held.lease;
  }

  /** Releases the slot that was granted to the peer. */
  release(peer: string, grant: number): void {
    this.redeem(peer, grant)?.release();
  }

  /** Replaces what is known of the peer's queue for the service. */
  receiveWaiters(peer: string, service: Service, waiting: readonly Waiting[]): void {
    const nowMs = this.parts.clock.monotonic();
    const known = this.#waiters.get(service)?.get(peer) ?? [];
    const knownMs = new Map(known.map(({ since, sinceMs }) => [since, sinceMs]));
    const waiters = waiting.slice(0, MAX_WAITERS + MAX_WAITING_ACCOUNTS).map((
      { age_ms, since = null, tried, home = null, account = "", route = "any", bytes = 0 },
    ) => ({
      since,
      // A message that was late on its way makes no wait shorter than an earlier one has told.
      sinceMs: Math.min(nowMs - age_ms, (since === null ? null : knownMs.get(since)) ?? Infinity),
      promptBytes: bytes,
      tried: new Set(tried),
      wanted: { ...serviceOf(service), requiredNode: home, accountId: account, route },
    }));
    this.#setWaiters(peer, service, waiters);
    this.#scheduler?.remoteWaitersArrived(service);
  }

  /** This gateway's own queue for the service has changed. */
  queueChanged(service: Service): void {
    this.#dirty.set(service, serviceOf(service));
    this.#cancelAnnouncement ??= this.parts.clock.after(COALESCE_MS, () => {
      this.#cancelAnnouncement = null;
      for (const one of [...this.#dirty.values()]) this.#announce(one);
    });
  }

  /** A peer offers a slot of its node; undefined: the node is not known here. */
  receiveOffer(
    peer: string,
    node: Node | undefined,
    service: Service,
    grant: number,
    accountId?: string,
  ): void {
    if (node !== undefined) {
      this.#received.set(node, [...this.#received.get(node) ?? [], grant]);
      // The call is sent in a moment. Where it is not, the peer must not hold the slot any longer.
      this.parts.clock.after(GRANT_MS / 2, () => this.#decline(peer, node, grant));
      if (this.#scheduler?.serveNext(node, service, accountId)) return;
    }
    this.#decline(peer, node, grant);
  }

  /** The oldest unused grant for a call on the node. Each is returned once. */
  grantFor(node: Node): number | null {
    const grant = this.#received.get(node)?.[0] ?? null;
    if (grant !== null) this.#use(node, grant);
    return grant;
  }

  /** Announces to a new peer which calls wait here. */
  peerLinked(peer: string): void {
    for (const service of this.#announced.values()) {
      this.parts.send(peer, this.#announcement(service));
    }
  }

  /** Asks the node's gateway again, which may have been declined because the node was not known here. */
  nodeJoined(node: Node): void {
    if (node.gateway === null) return;
    for (const service of this.#announced.values()) {
      if (node.serves(service)) this.parts.send(node.gateway, this.#announcement(service));
    }
  }

  /** Forgets the peer's waiting calls, and releases the slots that were granted to it. */
  peerLost(peer: string): void {
    for (const [service] of [...this.#waiters.entries()]) this.#setWaiters(peer, service, []);
    for (const [grant, { peer: holder }] of [...this.#granted]) {
      if (holder === peer) this.release(peer, grant);
    }
  }

  /** Gives the grant back, unless a call has used it. */
  #decline(peer: string, node: Node | undefined, grant: number): void {
    if (node !== undefined && !this.#use(node, grant)) return;
    this.parts.send(peer, { is: "decline", grant });
  }

  /** False: the grant was used before. */
  #use(node: Node, grant: number): boolean {
    const grants = this.#received.get(node) ?? [];
    const rest = grants.filter((one) => one !== grant);
    this.#received.set(node, rest);
    return rest.length < grants.length;
  }

  #announce(service: Service): void {
    this.#dirty.delete(service);
    const message = this.#announcement(service);
    if (message.waiting.length > 0) this.#announced.set(service, service);
    else this.#announced.delete(service);
    this.parts.broadcast(message);
    this.#repeatLater();
  }

  #repeatLater(): void {
    if (this.#announced.size === 0) return;
    this.#cancelRepeat ??= this.parts.clock.after(REPEAT_EVERY_MS, () => {
      this.#cancelRepeat = null;
      for (const service of [...this.#announced.values()]) this.#announce(service);
    });
  }

  #announcement(service: Service): Extract<PeerMessage, { is: "wants" }> {
    const nowMs = this.parts.clock.monotonic();
    const waiting: Waiting[] = [];
    const accounts = new Set<string>();
    for (const { sinceMs, tried, call } of this.#scheduler?.waiters(service) ?? []) {
      if (waiting.length === MAX_WAITERS + MAX_WAITING_ACCOUNTS) break;
      const { requiredNode, accountId, route } = call.request;
      if (waiting.length >= MAX_WAITERS && accounts.has(accountId)) continue;
      accounts.add(accountId);
      waiting.push({
        age_ms: nowMs - sinceMs,
        since: sinceMs,
        ...(tried.size === 0 ? {} : { tried: [...tried] }),
        ...(requiredNode === null ? {} : { home: requiredNode }),
        account: accountId,
        bytes: call.promptBytes,
        ...(route === "any" ? {} : { route }),
      });
    }
    return { is: "wants", service: serviceOf(service), waiting };
  }

  #setWaiters(peer: string, service: Service, waiters: PeerWaiter[]): void {
    const byPeer = this.#waiters.get(service) ?? new Map<string, PeerWaiter[]>();
    if (waiters.length > 0) byPeer.set(peer, waiters);
    else byPeer.delete(peer);
    if (byPeer.size > 0) this.#waiters.set(service, byPeer);
    else this.#waiters.delete(service);
  }
}

/** The service alone, without the rest of the request that it may come with. */
function serviceOf({ model, endpoint }: Service): Service {
  return { model, endpoint };
}
