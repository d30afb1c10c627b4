/** This gateway as one of several: what it tells the others, what it hears of them, and their nodes as its own. */

import type { Lease } from "../schedule/lease.ts";
import type { ResponseAffinity } from "../call/response_affinity.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { AttemptSink, Order } from "../node/attempt.ts";
import type { Hub } from "../node/hub.ts";
import type { Node, NodeConnection } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import type { Service } from "../node/service.ts";
import { AwayNodes } from "./away_nodes.ts";
import type { Bus, BusListener, Message, Presence } from "./bus.ts";
import { Follower } from "./follower.ts";
import type { GuestsConfig } from "./inbound_calls.ts";
import { Handshake } from "./handshake.ts";
import { Loads } from "./loads.ts";
import { Membership } from "./membership.ts";
import { type NodeRecord, recordOf } from "./node_record.ts";
import { Offers } from "./offers.ts";
import type { PeerMessage } from "./peer_message.ts";
import { type Dial, Peers } from "./peers.ts";
import { dialPeer, peerHandlers, type PeerSocketData } from "./peer_socket.ts";
import { Publisher } from "./publisher.ts";
import { SharedPenalties } from "./shared_penalties.ts";
import { Watches } from "./watches.ts";

export interface ClusterParts {
  openBus: (listener: BusListener) => Bus;
  hub: Hub;
  penalties: PenaltyBook;
  responseAffinity: ResponseAffinity;
  clock: Clock;
  log: Log;
  version: string;
  /** All gateways have the same; their links are proved with it. */
  secret: string;
  /** Where other gateways reach this one, once it listens. */
  url: () => string;
  /** Another gateway has the node: the connection here answers, or ends. */
  challenge: (node: Node) => void;
  dial?: Dial;
}

/** How the network looks from here. */
export interface ClusterView {
  /** Whether Redis answers: if not, nothing new is heard of the others. */
  isHeard: boolean;
  /** It has only just come, and has not met all the others yet. */
  isJoining: boolean;
  /** Gateways that live, this one included, and those of them that can be reached from here. */
  gateways: number;
  reachable: number;
  /** Nodes of others that are offered here. */
  awayNodes: number;
  /** Calls known to wait at other gateways; of each of their lines, no more than the first few are told. */
  waitingElsewhere: number;
}

/** What is in Redis may not be what was told, if only seldom: it is read again this often. */
const REREAD_EVERY_MS = 30_000;

/** A gateway that comes waits for the others so long, and looks this often whether all are met. */
const MEET_WITHIN_MS = 1_000;
const MEET_LOOK_MS = 5;

/** Draining is over when no peer's call is left, which is looked at this often. */
const LOOK_EVERY_MS = 50;

export class Cluster {
  /** Random, of this process. */
  readonly id = `gw-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  /** The calls of other gateways that wait: the scheduler's remoteWaiters. */
  readonly offers: Offers;
  /** Whose calls are looked at elsewhere. */
  readonly watches: Watches;
  readonly #bus: Bus;
  readonly #membership: Membership;
  readonly #publisher: Publisher;
  readonly #follower: Follower;
  readonly #away: AwayNodes;
  readonly #peers: Peers;
  readonly #loads: Loads;
  readonly #penalties: SharedPenalties;
  readonly #handshake: Handshake;
  /** By public id: the nodes that are connected here. */
  readonly #here = new Map<string, Node>();
  #scheduler: Scheduler | null = null;
  #isJoining = true;
  #isDraining = false;
  /** Of a gateway that leaves: its nodes serve no other gateway's calls any more. */
  #hasWithdrawn = false;
  #cancelWithdrawal = () => {};
  #rereadMs = 0;

  constructor(private readonly parts: ClusterParts, config: GuestsConfig) {
    const { clock, log, hub, dial = dialPeer } = parts;
    const { id } = this;
    const bus = parts.openBus({
      received: (message) => this.#hearAll(message),
      subscribed: () => {
        this.#follower.missed();
        void this.#penalties.read();
      },
    });
    this.#bus = bus;
    this.#handshake = new Handshake(parts.secret, id);
    this.#membership = new Membership({
      bus,
      clock,
      log,
      presence: () => this.#presence(),
      onBeat: (isNew) => this.#roll(isNew),
    });
    this.#publisher = new Publisher({ bus, clock, log, id, fence: () => this.#membership.fence });
    this.#follower = new Follower({
      bus,
      log,
      onNode: (record) => this.#told(record),
      onGone: (nodeId) => this.#away.reconsider(nodeId),
    });
    const say = (peer: string, message: PeerMessage) => this.#peers.find(peer)?.say(message);
    const sayToAll = (message: PeerMessage) => {
      for (const peer of this.#peers.ids()) say(peer, message);
    };
    this.offers = new Offers({ clock, say, sayToAll });
    this.watches = new Watches({ say, sayToAll });
    this.#loads = new Loads({ clock, say, peers: () => this.#peers.ids() });
    this.#penalties = new SharedPenalties({
      bus,
      log,
      id,
      book: parts.penalties,
      toShared: (ms) => this.#membership.toShared(ms),
      toLocal: (ms) => this.#membership.toLocal(ms),
      now: () => clock.now(),
    });
    this.#peers = new Peers({
      clock,
      log,
      id,
      dial,
      handshake: this.#handshake,
      others: () => this.#membership.others,
      came: (peer) => this.#came(peer),
      left: (peer) => this.#left(peer),
      lease: (peer, nodeId, service, grant) => this.#lease(peer, nodeId, service, grant),
      freed: (peer, lease) => this.#loads.guest(peer, lease.node, -1),
      heard: (peer, message) => this.#hear(peer, message),
    }, config);
    this.#away = new AwayNodes({
      hub,
      isLinked: (gateway) => this.#peers.find(gateway) !== undefined,
      connectionTo: (gateway, nodeId) => this.#connectionTo(gateway, nodeId),
      claimant: (nodeId) => this.#follower.claimant(nodeId),
    });
    this.#watch();
    this.#sharePins();
  }

  /** Where calls wait and slots are leased. To be given before `start`. */
  serve(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
    this.offers.serve(scheduler);
    scheduler.onQueueChange.subscribe((service) => this.offers.lineChanged(service));
    scheduler.onSlotUse.subscribe((node) => {
      if (node.gateway === null) this.#loads.used(node);
    });
  }

  /**
   * Joins the others: resolves when it has met them, or has tried for a second. Does not fail while
   * Redis is away. To be called once the gateway listens.
   */
  async start(): Promise<void> {
    const { clock } = this.parts;
    await this.#membership.start();
    this.#peers.start();
    const untilMs = clock.monotonic() + MEET_WITHIN_MS;
    while (!this.#hasMetAll() && clock.monotonic() < untilMs) await this.#pause(MEET_LOOK_MS);
    this.#isJoining = false;
  }

  view(): ClusterView {
    return {
      isHeard: this.#membership.isHeard,
      isJoining: this.#isJoining,
      gateways: this.#membership.others.size + 1,
      reachable: this.#peers.size + 1,
      awayNodes: this.#away.size,
      waitingElsewhere: this.offers.waitingElsewhere,
    };
  }

  /** What a dialling gateway is let in as; null: nobody that is to be let in. */
  admit(header: string | undefined): PeerSocketData | null {
    const admitted = header === undefined ? null : this.#handshake.admit(header);
    return admitted && { ...admitted, peerLink: null };
  }

  /** What Bun.serve calls for the sockets of those that were let in. */
  handlers() {
    return peerHandlers(this.#peers, (peer) => this.#came(peer));
  }

  /**
   * This gateway leaves, and its nodes go elsewhere, one after the other. Until a node has gone it
   * serves the other gateways' calls from here; after `moveWithinMs` those that are left serve none.
   */
  drain(moveWithinMs: number): void {
    this.#isDraining = true;
    this.#membership.beatNow();
    if (!this.#hasSuccessor()) return this.#withdraw();
    this.#cancelWithdrawal = this.parts.clock.after(moveWithinMs, () => this.#withdraw());
  }

  /** Resolves when this gateway's nodes have gone to others, as far as they do, and run no call of others. */
  async idle(): Promise<void> {
    while (this.#peers.inboundCalls > 0 || this.#areNodesMoving()) await this.#pause(LOOK_EVERY_MS);
  }

  /** Leaves: the links end, and what this gateway has written is gone. */
  async stop(): Promise<void> {
    this.#cancelWithdrawal();
    this.#membership.stop();
    this.#publisher.stop();
    this.#peers.stop();
    try {
      await this.#bus.leave(this.id);
      await this.#bus.tell({ is: "roll", from: this.id });
    } catch {
      // Redis is away: the lease ends by itself.
    }
    this.#peers.dropAll();
    this.#bus.close();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.parts.clock.after(ms, resolve));
  }

  #withdraw(): void {
    this.#hasWithdrawn = true;
    this.offers.isClosed = true;
    this.#publisher.withdraw();
  }

  #hasSuccessor(): boolean {
    return [...this.#membership.others.values()].some(({ isDraining }) => !isDraining);
  }

  /** One that has moved says so, and stays only for what it still runs. */
  #areNodesMoving(): boolean {
    return !this.#hasWithdrawn && [...this.#here.values()].some(({ isDraining }) => !isDraining);
  }

  #hasMetAll(): boolean {
    return [...this.#membership.others.keys()]
      .every((peer) => this.#peers.wasTried(peer) && this.#follower.knows(peer));
  }

  #presence(): Presence {
    return {
      id: this.id,
      url: this.parts.url(),
      version: this.parts.version,
      seq: this.#publisher.seq,
      isDraining: this.#isDraining,
      nodes: this.#publisher.size,
    };
  }

  #watch(): void {
    this.parts.hub.watch({
      joined: (node) => node.gateway === null ? this.#joined(node) : this.offers.nodeCame(node),
      left: (node) => node.gateway === null && this.#nodeLeft(node),
      eased: (node) => node.gateway === null && this.#joined(node),
      loaded: () => {},
    });
  }

  /** A sign of life was answered. */
  #roll(isNew: boolean): void {
    const { clock } = this.parts;
    this.#publisher.renew(isNew);
    this.#follower.roll(this.#membership.others, (id) => this.#peers.find(id) !== undefined);
    this.#peers.look();
    if (isNew) this.#announce();
    void this.#penalties.write();
    if (clock.monotonic() - this.#rereadMs < REREAD_EVERY_MS) return;
    this.#rereadMs = clock.monotonic();
    void this.#penalties.read();
  }

  /** The others need not wait for their next sign of life to know of this gateway. */
  #announce(): void {
    this.#bus.tell({ is: "roll", from: this.id }).catch(() => {
      // Redis is away again.
    });
  }

  #hearAll(message: Message): void {
    if (message.from === this.id) return;
    switch (message.is) {
      case "roll":
        return this.#membership.beatSoon();
      case "nodes":
        return this.#follower.heard(message);
      case "pin":
        return this.#adopt(message);
      case "penalty":
      case "pardon":
        return this.#penalties.heard(message);
    }
  }

  /** Whoever is asked next for what a node has stored must know which node it was. */
  #sharePins(): void {
    const { responseAffinity } = this.parts;
    responseAffinity.onStored.subscribe((account, response, identity) => {
      const pin = { is: "pin", from: this.id, account, response, identity } as const;
      for (const peer of this.#peers.ids()) this.#peers.find(peer)?.say(pin);
      this.#bus.tell(pin).catch(() => {
        // Redis is away: those that cannot be reached answer that they do not know it.
      });
    });
  }

  #adopt({ account, response, identity }: Extract<Message, { is: "pin" }>): void {
    this.parts.responseAffinity.adopt(account, response, identity);
  }

  /** A node has connected here, or what is to be told of it has changed. */
  #joined(node: Node): void {
    const { publicId } = node.who;
    const known = this.#here.get(publicId) === node ? this.#publisher.record(publicId) : undefined;
    this.#here.set(publicId, node);
    if (this.#hasWithdrawn) return;
    const sinceMs = known?.sinceMs ?? this.#membership.toShared(this.parts.clock.now());
    const record = recordOf(node, sinceMs);
    if (JSON.stringify(record) !== JSON.stringify(known)) this.#publisher.put(record);
  }

  #nodeLeft(node: Node): void {
    const { publicId, nodeKey } = node.who;
    // It is only about to be offered anew.
    if (this.parts.hub.find(nodeKey) === node) return;
    if (this.#here.get(publicId) !== node) return;
    this.#here.delete(publicId);
    this.#publisher.gone(publicId);
    this.#loads.left(node);
  }

  /** Another gateway says that it has the node. */
  #told({ who, sinceMs }: NodeRecord): void {
    const here = this.#here.get(who.id);
    const since = this.#publisher.record(who.id)?.sinceMs ?? Infinity;
    if (here !== undefined && sinceMs > since) this.parts.challenge(here);
    this.#away.reconsider(who.id);
  }

  #came(peer: string): void {
    this.#loads.peerCame(peer, this.#here.values());
    for (const { who } of this.#follower.nodesOf(peer)) this.#away.reconsider(who.id);
    this.offers.peerCame(peer);
    this.watches.peerCame(peer);
  }

  #left(peer: string): void {
    this.#loads.peerLeft(peer);
    this.#away.forgetLoads(peer);
    this.offers.peerLeft(peer);
    this.watches.peerLeft(peer);
    for (const { who } of this.#follower.nodesOf(peer)) this.#away.reconsider(who.id);
  }

  #hear(peer: string, message: PeerMessage): void {
    switch (message.is) {
      case "loads":
        for (const [node, others] of message.loads) this.#away.loaded(peer, node, others);
        return;
      case "wants":
        return this.offers.wanted(peer, message.service, message.waiting);
      case "offer": {
        const node = this.#away.find(peer, message.node);
        return this.offers.offered(peer, node, message.service, message.grant);
      }
      case "pin":
        return this.#adopt(message);
      case "watch":
      case "live":
        return this.watches.heard(peer, message);
      case "decline":
        return this.offers.declined(peer, message.grant);
    }
  }

  /** A slot of this gateway's node for a peer's call: the one that it was offered, or one that is free. */
  #lease(peer: string, nodeId: string, service: Service, grant: number | null): Lease | null {
    const node = this.#here.get(nodeId);
    const offered = grant === null ? null : this.offers.redeem(peer, grant);
    if (node === undefined || offered !== null && offered.node !== node) {
      offered?.release();
      return null;
    }
    const lease = offered ??
      (this.#hasWithdrawn ? null : this.#scheduler?.leaseLocal(node, service));
    if (lease) this.#loads.guest(peer, node, 1);
    return lease ?? null;
  }

  #connectionTo(gateway: string, nodeId: string): NodeConnection {
    return {
      start: (order: Order, sink: AttemptSink) => {
        const link = this.#peers.find(gateway);
        const node = this.#away.find(gateway, nodeId);
        if (link === undefined || node === undefined) return null;
        return link.calls.startOn(nodeId, this.offers.grantFor(node), order, sink);
      },
      // It is closed where it is connected.
      close: () => {},
    };
  }
}
