/** This gateway as a member of a network: publishes its nodes, and offers the other gateways' nodes as its own. */

import type { Clock } from "../base/clock.ts";
import type { Emitter } from "../base/emitter.ts";
import type { Log } from "../base/log.ts";
import type { AttemptSink, Order } from "../node/attempt.ts";
import { type Memberships, noMemberships } from "../node/audience.ts";
import type { Hub } from "../node/hub.ts";
import type { Node, NodeConnection } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import type { Policies } from "../schedule/policy/policy.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import { AnswerOwners } from "./answer_owners.ts";
import { AnswerHandover } from "./answer_handover.ts";
import { AnswerRelay } from "./answer_relay.ts";
import type { Bus, BusListener, Message, Presence } from "./bus.ts";
import { Follower } from "./follower.ts";
import { Handshake, PEER_HEADER } from "./handshake.ts";
import type { InboundConfig } from "./inbound_calls.ts";
import { LoadReporter } from "./load_reporter.ts";
import { LocalNodes } from "./local_nodes.ts";
import { Membership } from "./membership.ts";
import type { NodeRecord } from "./node_record.ts";
import { Offers } from "./offers.ts";
import type { PeerMessage } from "./peer_message.ts";
import { dialPeer, peerHandlers, type PeerSocketData } from "./peer_socket.ts";
import { type Dial, Peers } from "./peers.ts";
import { Publisher } from "./publisher.ts";
import { Rebalancer } from "./rebalancer.ts";
import { RemoteNodes } from "./remote_nodes.ts";
import { RemoteViewers } from "./remote_viewers.ts";
import { SpeedExchange } from "./speed_exchange.ts";
import { SharedPenalties } from "./shared_penalties.ts";
import { Tunnels } from "./tunnels.ts";

export interface ClusterParts {
  openBus: (listener: BusListener) => Bus;
  hub: Hub;
  penalties: PenaltyBook;
  responseAffinity: StoredResponses;
  policies: Policies;
  /** Default: no account is in a group. */
  memberships?: Memberships;
  clock: Clock;
  log: Log;
  version: string;
  /** The same at all gateways; links are authenticated with it. */
  secret: string;
  /** Where other gateways reach this one, once it listens. */
  url: () => string;
  /** Asks a node that has connected to another gateway which connection stands: the one here answers, or ends. */
  challenge: (node: Node) => void;
  /** A node has connected to another gateway so long ago, as this run of its program. */
  startedAs: (nodeKey: string, instance: string, forMs: number) => void;
  /** Asks a node to dial another gateway. False: its version of the wire cannot be asked. */
  move: (node: Node) => boolean;
  dial?: Dial;
}

/** Which node stores a response, as gateways share it. */
interface StoredResponses {
  readonly onStored: Emitter<[accountId: string, responseId: string, nodeKey: string]>;
  /** Another gateway has seen a node store the response. */
  adopt(accountId: string, responseId: string, nodeKey: string): void;
}

/** The network as seen from this gateway. */
export interface ClusterView {
  /** Whether Redis answers. If not, changes at other gateways are not known here. */
  isRedisUp: boolean;
  /** Whether it has just started and does not know the other gateways and their nodes yet. */
  isJoining: boolean;
  /** Live gateways, this one included. */
  gateways: number;
  /** Live gateways that can be reached from here, this one included. */
  reachable: number;
  /** Of the live gateways, this one included. */
  versions: string[];
  /** Nodes of other gateways that are offered here. */
  remoteNodes: number;
  /** Nodes here whose calls another gateway holds. */
  carriedNodes: number;
  /** Attempts that this gateway has made on nodes of other gateways since it began. */
  attemptsAway: number;
  /** Calls known to wait at other gateways: of each of their queues only the first few are announced. */
  waitingElsewhere: number;
}

/** How often penalties are read again from Redis, because a message may have been lost. */
const REREAD_EVERY_MS = 30_000;

/** How long a gateway that joins waits until the others are linked, and how often it checks. */
const MEET_WITHIN_MS = 1_000;
const MEET_POLL_MS = 5;

/** How often a leaving gateway checks whether it is idle. */
const IDLE_POLL_MS = 50;

export class Cluster {
  /** Random, new for each process. */
  readonly id = `gw-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  /** The calls that wait at other gateways. */
  readonly offers: Offers;
  /** Console viewers at other gateways. */
  readonly viewers: RemoteViewers;
  /** Answers that other gateways keep. */
  readonly answers: AnswerRelay;
  readonly handover: AnswerHandover;
  readonly owners: AnswerOwners;
  /** Nodes that have come to another gateway than the one that holds their session. */
  readonly tunnels: Tunnels;
  readonly #bus: Bus;
  readonly #membership: Membership;
  readonly #publisher: Publisher;
  readonly #follower: Follower;
  readonly #local: LocalNodes;
  readonly #remote: RemoteNodes;
  readonly #peers: Peers;
  readonly #loads: LoadReporter;
  readonly #speeds: SpeedExchange;
  readonly #penalties: SharedPenalties;
  readonly #handshake: Handshake;
  readonly #rebalancer: Rebalancer;
  #attemptsAway = 0;
  #isJoining = true;
  /** Settled when the other gateways are met; null: Redis has not answered yet. */
  #meeting: Promise<void> | null = null;
  #isDraining = false;
  #cancelWithdrawal = () => {};
  #rereadMs = 0;

  constructor(private readonly parts: ClusterParts, config: InboundConfig) {
    const { clock, log, hub, challenge, startedAs, responseAffinity, dial = dialPeer } = parts;
    const { memberships = noMemberships } = parts;
    const { id } = this;
    const bus = parts.openBus({
      received: (message) => this.#receive(message),
      subscribed: () => {
        this.#follower.rereadAll();
        void this.#penalties.read();
      },
    });
    this.#bus = bus;
    this.#handshake = new Handshake(parts.secret, id, parts.url);
    this.#membership = new Membership({
      bus,
      clock,
      log,
      presence: () => this.#presence(),
      onBeat: (isNew) => this.#afterBeat(isNew),
    });
    this.#publisher = new Publisher({ bus, clock, id, fence: () => this.#membership.fence });
    this.#follower = new Follower({
      bus,
      log,
      onNode: (record) => this.#refreshRemote(record),
      onGone: (nodeId) => this.#remote.refresh(nodeId),
    });
    const send = (peer: string, message: PeerMessage) => this.#peers.find(peer)?.send(message);
    const broadcast = (message: PeerMessage) => this.#broadcast(message);
    this.offers = new Offers({ clock, send, broadcast });
    this.viewers = new RemoteViewers({ send, broadcast });
    this.answers = new AnswerRelay({ clock, send });
    this.handover = new AnswerHandover({ clock, send });
    this.owners = new AnswerOwners(bus, id);
    this.tunnels = new Tunnels({ clock, id, find: (peer) => this.#peers.find(peer) });
    this.#loads = new LoadReporter({
      clock,
      send,
      peers: () => this.#peers.ids(),
      isConnected: (node) => this.#local.has(node),
    });
    this.#speeds = new SpeedExchange({
      clock,
      policies: parts.policies,
      peers: () => this.#peers.ids(),
      send,
    });
    this.#penalties = new SharedPenalties({
      bus,
      log,
      id,
      book: parts.penalties,
      sharedNowMs: () => this.#membership.sharedNowMs,
    });
    this.#local = new LocalNodes({
      hub,
      publisher: this.#publisher,
      loads: this.#loads,
      offers: this.offers,
      memberships,
      sharedNow: () => this.#membership.sharedNowMs,
      challenge,
      startedAs,
    });
    this.#peers = new Peers({
      clock,
      log,
      id,
      dial,
      handshake: this.#handshake,
      others: () => this.#membership.others,
      onLinked: (peer) => this.#peerLinked(peer),
      onLost: (peer) => this.#peerLost(peer),
      lease: (...wanted) => this.#local.lease(...wanted),
      onFreed: (peer, { node }, isAnswered) => {
        if (isAnswered) hub.answered(node);
        this.#loads.countHeld(peer, node, -1);
      },
      onMessage: (peer, message) => this.#receiveFromPeer(peer, message),
      onTunnelFrame: (peer, frame) => this.tunnels.receiveFrame(peer, frame),
    }, config);
    this.#remote = new RemoteNodes({
      hub,
      isLinked: (gateway) => this.#peers.find(gateway) !== undefined,
      connectionTo: (gateway, nodeId) => this.#connectionTo(gateway, nodeId),
      latestHolder: (nodeId) => this.#follower.latestHolder(nodeId),
    });
    this.#rebalancer = new Rebalancer({
      clock,
      log,
      nodes: () => this.#local.all(),
      others: () => this.#sharing(),
      move: parts.move,
    });
    hub.watch({ joined: (node) => this.offers.nodeJoined(node) });
    responseAffinity.onStored.subscribe((...stored) => this.#shareStored(...stored));
  }

  /** Where calls wait and slots are leased. Must be called before `start`. */
  attach(scheduler: Scheduler): void {
    this.#local.attach(scheduler);
    this.offers.attach(scheduler);
    scheduler.onQueueChange.subscribe((service) => this.offers.queueChanged(service));
    scheduler.onSlotUse.subscribe((node) => {
      if (node.gateway === null) this.#loads.changed(node);
    });
  }

  /**
   * Joins the network, once this gateway listens. Resolves when all other gateways are linked, or
   * after a second. While Redis is away it resolves at once, and the gateway joins when Redis answers.
   */
  async start(): Promise<void> {
    await this.#membership.start();
    this.#peers.start();
    this.#rebalancer.start();
    await this.#meeting;
  }

  /** Whether a gateway can be asked now, or perhaps soon (a member without a link), or never again. */
  standingOf(gateway: string): "linked" | "member" | "gone" {
    if (this.#peers.find(gateway) !== undefined) return "linked";
    return this.#membership.others.has(gateway) ? "member" : "gone";
  }

  view(): ClusterView {
    const { others } = this.#membership;
    return {
      isRedisUp: this.#membership.isRedisUp,
      isJoining: this.#isJoining,
      // A Redis that has come back empty does not list gateways before their next heartbeat.
      gateways: Math.max(others.size, this.#peers.size) + 1,
      reachable: this.#peers.size + 1,
      versions: [this.parts.version, ...[...others.values()].map(({ version }) => version)],
      remoteNodes: this.#remote.size,
      carriedNodes: this.tunnels.carried,
      attemptsAway: this.#attemptsAway,
      waitingElsewhere: this.offers.waitingElsewhere,
    };
  }

  /** The data for the socket of a gateway that dials; null: the connection is refused. */
  admit(headers: Headers): PeerSocketData | null {
    const admitted = this.#handshake.admit(headers.get(PEER_HEADER) ?? "");
    return admitted && { admitted, peerLink: null };
  }

  /** The handlers of Bun.serve for the sockets of admitted gateways. */
  handlers() {
    return peerHandlers(this.#peers, (peer) => this.#peerLinked(peer));
  }

  /**
   * Begins to leave: nodes move to other gateways one after the other. A node serves other gateways'
   * calls until it has moved. After `moveWithinMs` the nodes that are left serve none.
   */
  drain(moveWithinMs: number): void {
    this.#isDraining = true;
    this.#rebalancer.stop();
    this.#membership.beatNow();
    if (!this.#hasSuccessor()) return this.#local.withdraw();
    this.#cancelWithdrawal = this.parts.clock.after(moveWithinMs, () => this.#local.withdraw());
  }

  /** Resolves when the nodes have moved, or are withdrawn, and no call of another gateway runs here or is carried. */
  async idle(): Promise<void> {
    const isBusy = () =>
      this.#peers.inboundCalls > 0 || this.#local.areMoving || this.tunnels.carried > 0;
    while (isBusy()) await this.#pause(IDLE_POLL_MS);
  }

  /** Leaves: ends the links, and removes from Redis what this gateway has written. */
  async stop(): Promise<void> {
    this.#cancelWithdrawal();
    this.#rebalancer.stop();
    this.#membership.stop();
    this.#publisher.stop();
    this.#peers.stop();
    try {
      await this.#bus.leave(this.id);
      await this.#bus.publish({ is: "roll", from: this.id });
    } catch {
      // Redis is away: the lease expires by itself.
    }
    this.#peers.dropAll();
    this.#bus.close();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.parts.clock.after(ms, resolve));
  }

  /** Linked gateways that do not leave. */
  get successors(): string[] {
    return this.#successors().map(({ id }) => id);
  }

  #successors() {
    const others = [...this.#membership.others.values()];
    return others.filter(({ id, isDraining }) => !isDraining && this.#peers.find(id));
  }

  #hasSuccessor(): boolean {
    return [...this.#membership.others.values()].some(({ isDraining }) => !isDraining);
  }

  /** Numbers of nodes of the gateways that nodes here could move to. */
  #sharing(): number[] {
    return this.#successors().map(({ nodes }) => nodes);
  }

  async #meetOthers(): Promise<void> {
    const { clock } = this.parts;
    const untilMs = clock.monotonic() + MEET_WITHIN_MS;
    while (!this.#hasMetAll() && clock.monotonic() < untilMs) await this.#pause(MEET_POLL_MS);
    this.#isJoining = false;
  }

  #hasMetAll(): boolean {
    return [...this.#membership.others.keys()]
      .every((peer) => this.#peers.wasTried(peer) && this.#follower.hasRead(peer));
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

  #afterBeat(isNew: boolean): void {
    const { clock } = this.parts;
    this.#publisher.renew(isNew);
    this.#follower.reconcile(
      this.#membership.others,
      (id) => this.#peers.find(id) !== undefined,
    );
    this.#peers.dialMissing();
    this.#speeds.beat();
    this.#meeting ??= this.#meetOthers();
    if (isNew) this.#announce();
    void this.#penalties.retryUnsent();
    if (clock.monotonic() - this.#rereadMs < REREAD_EVERY_MS) return;
    this.#rereadMs = clock.monotonic();
    void this.#penalties.read();
  }

  /** Lets the others know of this gateway before their next heartbeat. */
  #announce(): void {
    this.#bus.publish({ is: "roll", from: this.id }).catch(() => {
      // Redis is away again.
    });
  }

  #broadcast(message: PeerMessage): void {
    for (const peer of this.#peers.ids()) this.#peers.find(peer)?.send(message);
  }

  /** A message over Redis. A kind that only later versions know is ignored. */
  #receive(message: Message): void {
    if (message.from === this.id) return;
    switch (message.is) {
      case "roll":
        return this.#membership.beatSoon();
      case "nodes":
        return this.#follower.receive(message);
      case "pin":
        return this.#adoptStored(message);
      case "penalty":
      case "pardon":
        return this.#penalties.receive(message);
    }
  }

  /** A message over the link with a peer. A kind that only later versions know is ignored. */
  #receiveFromPeer(peer: string, message: PeerMessage): void {
    switch (message.is) {
      case "loads":
        for (const load of message.loads) this.#remote.setLoad(peer, load);
        return;
      case "speeds":
        return this.#speeds.receive(message.speeds);
      case "wants":
        return this.offers.receiveWaiters(peer, message.service, message.waiting);
      case "offer": {
        const { service, grant, account } = message;
        const node = this.#remote.find(peer, message.node);
        return this.offers.receiveOffer(peer, node, service, grant, account);
      }
      case "decline":
        return this.offers.release(peer, message.grant);
      case "pin":
        return this.#adoptStored(message);
      case "ask":
      case "answer":
      case "taken":
      case "leave":
        return this.answers.receive(peer, message);
      case "keep":
      case "kept":
        return this.handover.receive(peer, message);
      case "tunnel":
        return this.tunnels.receive(peer, message);
      case "watch":
      case "live":
        return this.viewers.receive(peer, message);
    }
  }

  /** Calls that continue a stored response may come to any gateway. */
  #shareStored(account: string, response: string, identity: string): void {
    const pin = { is: "pin", from: this.id, account, response, identity } as const;
    this.#broadcast(pin);
    this.#bus.publish(pin).catch(() => {
      // Redis is away: gateways without a link answer that the response is unknown.
    });
  }

  #adoptStored({ account, response, identity }: Extract<Message, { is: "pin" }>): void {
    this.parts.responseAffinity.adopt(account, response, identity);
  }

  #refreshRemote(record: NodeRecord): void {
    this.#local.publishedElsewhere(record);
    this.#remote.refresh(record.who.id);
  }

  #peerLinked(peer: string): void {
    this.#loads.peerLinked(peer, this.#local.all());
    this.#speeds.peerLinked(peer);
    for (const { who } of this.#follower.nodesOf(peer)) this.#remote.refresh(who.id);
    this.offers.peerLinked(peer);
    this.viewers.peerLinked(peer);
  }

  #peerLost(peer: string): void {
    this.#loads.peerLost(peer);
    this.#remote.clearLoads(peer);
    this.offers.peerLost(peer);
    this.viewers.peerLost(peer);
    this.answers.peerLost(peer);
    this.handover.peerLost(peer);
    this.tunnels.peerLost(peer);
    for (const { who } of this.#follower.nodesOf(peer)) this.#remote.refresh(who.id);
  }

  #connectionTo(gateway: string, nodeId: string): NodeConnection {
    return {
      start: (order: Order, sink: AttemptSink) => {
        const link = this.#peers.find(gateway);
        const node = this.#remote.find(gateway, nodeId);
        if (link === undefined || node === undefined) return null;
        this.#attemptsAway++;
        return link.calls.startOn(nodeId, this.offers.grantFor(node), order, sink);
      },
      // The connection to the node itself belongs to its gateway.
      close: () => {},
    };
  }
}
