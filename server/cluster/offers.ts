/** Slots for calls that wait at another gateway than their node's: who wants one, and who is offered one. */

import type { Lease } from "../schedule/lease.ts";
import type { Waiter } from "../schedule/fair_queue.ts";
import type { RemoteWaiters } from "../schedule/remote_waiters.ts";
import type { Clock } from "../base/clock.ts";
import type { Node } from "../node/node.ts";
import { ByService, type Service } from "../node/service.ts";
import type { PeerMessage, Waiting } from "./peer_message.ts";

/** Of each line so many calls are told of at a time; more follow as these are served. */
const MAX_TOLD = 16;

/** Changes of a line that come so close together are told as one. */
const GATHER_MS = 5;

/**
 * While calls wait they are told of again this often: whoever offers a slot forgets the want, and the
 * offer may have come before the node that it is of was known here.
 */
const RETELL_EVERY_MS = 1_000;

/** A slot that is offered is held for so long. */
const GRANT_MS = 2_000;

/** What this needs of the scheduler. */
export interface OfferedTo {
  waiters(service: Service): Iterable<Waiter<Lease>>;
  takeOffer(node: Node, service: Service): boolean;
  remoteWaitersArrived(service: Service): void;
}

export interface OffersParts {
  clock: Clock;
  /** Says it to one peer, or to all that are linked. */
  say: (peer: string, message: PeerMessage) => void;
  sayToAll: (message: PeerMessage) => void;
}

interface Want {
  sinceMs: number;
  tried: ReadonlySet<string>;
  home: string | null;
}

interface Grant {
  peer: string;
  lease: Lease;
  cancel: () => void;
}

export class Offers implements RemoteWaiters {
  /** What peers want, by peer. */
  readonly #wants = new ByService<Map<string, Want[]>>();
  /** What this gateway has offered and holds. */
  readonly #grants = new Map<number, Grant>();
  #lastGrant = 0;
  /** What it was offered and has not used yet. */
  readonly #offered = new Map<Node, number[]>();
  /** Lines whose change was not told yet, and those that were told of and not yet as empty. */
  readonly #dirty = new ByService<Service>();
  readonly #told = new ByService<Service>();
  #cancelTelling: (() => void) | null = null;
  #cancelRetelling: (() => void) | null = null;
  #scheduler: OfferedTo | null = null;
  /** Its own nodes are leaving: nothing is offered. */
  isClosed = false;

  constructor(private readonly parts: OffersParts) {}

  serve(scheduler: OfferedTo): void {
    this.#scheduler = scheduler;
  }

  /** Calls of all peers that are known to wait. */
  get waitingElsewhere(): number {
    let sum = 0;
    for (const wants of this.#wants.values()) {
      for (const ofPeer of wants.values()) sum += ofPeer.length;
    }
    return sum;
  }

  hasWaiting(service: Service): boolean {
    return !this.isClosed && this.#wants.get(service) !== undefined;
  }

  waitingSince(node: Node, service: Service): number | null {
    return this.isClosed ? null : this.#longest(node, service)?.want.sinceMs ?? null;
  }

  grant(lease: Lease): void {
    const { node, service } = lease;
    const longest = this.#longest(node, service);
    if (longest === null) return lease.release();
    const { peer, want } = longest;
    this.#replace(peer, service, this.#wantsOf(peer, service).filter((one) => one !== want));
    const grant = ++this.#lastGrant;
    const cancel = this.parts.clock.after(GRANT_MS, () => this.declined(peer, grant));
    this.#grants.set(grant, { peer, lease, cancel });
    this.parts.say(peer, { is: "offer", grant, node: node.who.publicId, service: plain(service) });
  }

  /** The peer comes with a call for what it was offered; null: too late. */
  redeem(peer: string, grant: number): Lease | null {
    const held = this.#grants.get(grant);
    if (held === undefined || held.peer !== peer) return null;
    this.#grants.delete(grant);
    held.cancel();
    return held.lease;
  }

  declined(peer: string, grant: number): void {
    this.redeem(peer, grant)?.release();
  }

  /** What a peer's line for the service is like now. */
  wanted(peer: string, service: Service, waiting: readonly Waiting[]): void {
    const nowMs = this.parts.clock.monotonic();
    const wants = waiting.slice(0, MAX_TOLD).map(({ age_ms, tried, home = null }) => ({
      sinceMs: nowMs - age_ms,
      tried: new Set(tried),
      home,
    }));
    this.#replace(peer, service, wants);
    if (wants.length > 0 && !this.isClosed) this.#scheduler?.remoteWaitersArrived(service);
  }

  /** This gateway's own line for the service has changed. */
  lineChanged(service: Service): void {
    this.#dirty.set(service, plain(service));
    this.#cancelTelling ??= this.parts.clock.after(GATHER_MS, () => {
      this.#cancelTelling = null;
      for (const one of [...this.#dirty.values()]) this.#tell(one);
    });
  }

  /** A peer offers a slot of its node; undefined: of one that is not known here. */
  offered(peer: string, node: Node | undefined, service: Service, grant: number): void {
    if (node !== undefined) {
      const grants = this.#offered.get(node) ?? [];
      this.#offered.set(node, [...grants, grant]);
      // The call is sent in a moment; if it is not, the slot must not be held for nothing.
      this.parts.clock.after(GRANT_MS / 2, () => this.#returnUnused(peer, node, grant));
      if (this.#scheduler?.takeOffer(node, service)) return;
    }
    this.#returnUnused(peer, node, grant);
  }

  /** The offer that a call on the node may use, once. */
  grantFor(node: Node): number | null {
    const [grant = null, ...rest] = this.#offered.get(node) ?? [];
    if (rest.length > 0) this.#offered.set(node, rest);
    else this.#offered.delete(node);
    return grant;
  }

  /** A peer can be reached now: it hears who waits here. */
  peerCame(peer: string): void {
    for (const service of this.#told.values()) this.parts.say(peer, this.#wantsMessage(service));
  }

  /** A node of a peer is known now, and what the peer offered of it before was declined. */
  nodeCame(node: Node): void {
    if (node.gateway === null) return;
    for (const service of this.#told.values()) {
      if (node.serves(service)) this.parts.say(node.gateway, this.#wantsMessage(service));
    }
  }

  /** A peer cannot be reached any more. */
  peerLeft(peer: string): void {
    for (const [service, wants] of this.#wants.entries()) {
      wants.delete(peer);
      if (wants.size === 0) this.#wants.delete(service);
    }
    for (const [grant, { peer: holder }] of [...this.#grants]) {
      if (holder === peer) this.declined(peer, grant);
    }
  }

  #returnUnused(peer: string, node: Node | undefined, grant: number): void {
    const grants = node && this.#offered.get(node);
    if (node && grants) {
      if (!grants.includes(grant)) return;
      const rest = grants.filter((one) => one !== grant);
      if (rest.length > 0) this.#offered.set(node, rest);
      else this.#offered.delete(node);
    } else if (node) return;
    this.parts.say(peer, { is: "decline", grant });
  }

  #tell(service: Service): void {
    this.#dirty.delete(service);
    const message = this.#wantsMessage(service);
    if (message.waiting.length > 0) this.#told.set(service, service);
    else this.#told.delete(service);
    this.parts.sayToAll(message);
    this.#retell();
  }

  #retell(): void {
    if (this.#told.size === 0) return;
    this.#cancelRetelling ??= this.parts.clock.after(RETELL_EVERY_MS, () => {
      this.#cancelRetelling = null;
      for (const service of [...this.#told.values()]) this.#tell(service);
    });
  }

  #wantsMessage(service: Service): Extract<PeerMessage, { is: "wants" }> {
    const nowMs = this.parts.clock.monotonic();
    const waiting: Waiting[] = [];
    for (const { sinceMs, tried, call } of this.#scheduler?.waiters(service) ?? []) {
      if (waiting.length === MAX_TOLD) break;
      const { requiredNode } = call.request;
      waiting.push({
        age_ms: nowMs - sinceMs,
        ...(tried.size === 0 ? {} : { tried: [...tried] }),
        ...(requiredNode === null ? {} : { home: requiredNode }),
      });
    }
    return { is: "wants", service: plain(service), waiting };
  }

  #longest(node: Node, service: Service): { peer: string; want: Want } | null {
    const { publicId, nodeKey } = node.who;
    let longest: { peer: string; want: Want } | null = null;
    for (const [peer, wants] of this.#wants.get(service) ?? []) {
      for (const want of wants) {
        if (want.tried.has(publicId) || want.home !== null && want.home !== nodeKey) continue;
        if (longest === null || want.sinceMs < longest.want.sinceMs) longest = { peer, want };
      }
    }
    return longest;
  }

  #wantsOf(peer: string, service: Service): readonly Want[] {
    return this.#wants.get(service)?.get(peer) ?? [];
  }

  #replace(peer: string, service: Service, wants: Want[]): void {
    const ofService = this.#wants.get(service) ?? new Map<string, Want[]>();
    if (wants.length > 0) ofService.set(peer, wants);
    else ofService.delete(peer);
    if (ofService.size > 0) this.#wants.set(service, ofService);
    else this.#wants.delete(service);
  }
}

/** A call's request is a service and much more, which stays here. */
function plain({ model, endpoint }: Service): Service {
  return { model, endpoint };
}
