/** The connections of all nodes, from the upgrade to the close: puts nodes into the hub, and ends silent connections. */

import type { WebSocketHandler } from "bun";
import {
  BUSY_LOOK_MS,
  CloseCode,
  isVisibleName,
  type LentReport,
  LivenessWatch,
  MAX_KEPT_PER_LINK,
  type RegisterV2,
  type Status,
} from "../../protocol/mod.ts";
import { type Budget, Budgets } from "../base/budgets.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import { Multimap } from "../base/multimap.ts";
import { CarriedLink, LOST, type OtherHolders } from "./carried_link.ts";
import type { Hub } from "./hub.ts";
import type {
  Dialer,
  Link,
  LinkOwner,
  NodeSocket,
  ResumeTicket,
  ReturningNode,
  Socket,
  SocketData,
} from "./link.ts";
import { LinkV1 } from "./link_v1.ts";
import { holderOf, LinkV2, ticketIn } from "./link_v2.ts";
import { Node, type NodeOffer, offerOf } from "./node.ts";
import type { LinkOffer, OfferBudget } from "./offer_budget.ts";
import { changedOffer, isSameOffer, isSamePause } from "./offer_change.ts";
import type { TurnBatches } from "./turn_batches.ts";
import { firstOf, Twins } from "./twins.ts";
import {
  CALM_LOOK_MS,
  LOOK_MS,
  type ProcessMemory,
  UnfinishedMessages,
} from "./unfinished_messages.ts";

export interface LinksConfig {
  pingMs: number;
  silenceMs: number;
  registerMs: number;
  /** For how long a node may come back to its session after its connection was lost; 0: it may not. */
  resumeMs: number;
  maxFrameBytes: number;
  maxBufferedBytes: number;
}

export interface LinksParts {
  hub: Hub;
  clock: Clock;
  log: Log;
  /** The log for the lines of one link; absent: all of them go to `log`. */
  logOf?: (dialer: Dialer) => Log;
  /** Derives a stable and unguessable public id from a node key. */
  publicId: (nodeKey: string) => string;
  offers: OfferBudget;
  /** Where what is kept for lost links is counted, and links that are cut for want of memory. Absent: nowhere. */
  budgets?: Budgets;
  /** Absent: links may hold unfinished messages for as long as they last. */
  memory?: ProcessMemory;
  observer?: NodeObserver;
  /** Sends frames together. Absent: each is sent at once. */
  batches?: TurnBatches;
}

/** What a node says of itself. */
type Announced = Pick<Node, "offer" | "isDraining" | "pause">;

/** Receives what is recorded about a node beyond its connection. */
export interface NodeObserver {
  /** Called before the node can get a call. */
  connected(node: Node): void;
  /** Called when the node's offer, or whether it takes calls by its own word, has changed. */
  changed(node: Node, before: Announced): void;
  /** Called when the node says something to its owner. */
  noticed(node: Node, text: string): void;
  /** Its connection was lost, and it may come back. Absent: that is not recorded. */
  interrupted?(node: Node): void;
  /** Called when the node reports what it gave since its last report. */
  lent(node: Node, report: LentReport): void;
  /** `isSilent`: the gateway cut the connection because nothing arrived on it. */
  left(node: Node, closeCode: number, isSilent: boolean): void;
}

/**
 * A node's offer is changed at most this often: a change costs as much as the node has models. What
 * comes sooner is merged and applied at the end of the time.
 */
const CHANGE_EVERY_MS = 100;

/** Changes that are applied early are ahead of their time by so much at most. */
const MAX_EARLY_MS = 1_000;

/** A node reports once a minute what it gave. */
const REPORT_EVERY_MS = 10_000;

/** A node's move has reached all gateways within this time. */
const MOVED_WITHIN_MS = 500;

/** A node that says it comes back later than in a year does not say when: some times are no dates. */
const MAX_PAUSE_MS = 366 * 24 * 60 * 60 * 1000;

/** Of why a node is paused, in its own words. */
const MAX_REASON_CHARS = 200;

/** A program that loses calls by restarting is forgiven so often within a minute. */
const MAX_RESTARTS_A_MINUTE = 2;

/** So many nodes are remembered for that. */
const MAX_RESTARTED = 10_000;

/** A session that is resumed more often within a minute ends. */
const MAX_RESUMES_A_MINUTE = 60;

/**
 * With these codes a node, or a proxy before it, closes for a reason: its session ends at once. With any
 * other, 1006 above all, the connection was lost.
 */
const FINAL_CODES: ReadonlySet<number> = new Set([
  CloseCode.normal,
  ...[1002, 1003, 1007, 1008, 1009, 1010],
]);

/** Codes from here on are this protocol's own: an end that closes with one does not come back. */
const FIRST_OWN_CODE = 4000;

/** How long a node is kept that has come to another gateway, should that one not say that it has it. */
const HANDED_OVER_WITHIN_MS = 2_000;

/** How often a node is looked at whose frames another gateway carries, for how long it is, and when it then reconnects. */
const CARRIED_LOOK_MS = 1_000;
const MAX_CARRIED_MS = 5 * 60_000;
const CARRIED_MOVE_WITHIN_MS = 2_000;

/** A change of what a node offers. */
interface Change {
  offer: NodeOffer | null;
  status: Status;
}

interface Peer {
  ws: NodeSocket;
  dialer: Dialer;
  log: Log;
  node: Node | null;
  /** The node, once it is served over another link and this one only has calls to end. */
  former: Node | null;
  /** Whether it may begin a session here: it was open before this gateway began to leave. */
  mayBegin: boolean;
  /** The node key without its ordinal. */
  base: string;
  /** What is counted for its account; null: nothing is. */
  offered: LinkOffer | null;
  isSilent: boolean;
  /** Whether it was asked to dial another gateway. */
  isMoving: boolean;
  /** Ends the wait for a node whose connection is lost; null: it is connected. */
  cancelWait: (() => void) | null;
  /** When its connection was lost last, in monotonic milliseconds. */
  lostMs: number;
  /** When the session was resumed within the last minute, in monotonic milliseconds. */
  resumedMs: number[];
  /** What the node has sent since its offer was changed last, and when that may be next. */
  pending: Change | null;
  cancelPending: () => void;
  mayChangeMs: number;
  /** When it may next report what it gave, in monotonic milliseconds. */
  mayReportMs: number;
  cancelRegisterLimit: () => void;
}

export class Links implements LinkOwner {
  readonly #peers = new Map<Link, Peer>();
  /** Links that serve a node, by node key without ordinal. */
  readonly #twins: Twins<Link>;
  /** Links in wire v2, by session. */
  readonly #sessions = new Map<string, LinkV2>();
  /** Interrupted links whose nodes are waited for, by node key without ordinal. */
  readonly #interrupted = new Multimap<string, LinkV2>();
  /** The same links by account, and the connections that may be those of their nodes. */
  readonly #awaited = new Multimap<string, LinkV2>();
  readonly #uncounted = new Multimap<string, Peer>();
  /** Null: this gateway is the only one. */
  #others: OtherHolders | null = null;
  /** When programs were restarted and lost calls by that within the last minute, in monotonic milliseconds, by node key without ordinal. */
  readonly #restarts = new LruCache<string, number[]>(MAX_RESTARTED);
  readonly #monotonic: () => number;
  readonly #keptBytes: Budget;
  /** Links in wire v2 that were open when this gateway began to leave, by token; null: it has not. */
  #leaving: Multimap<string, LinkV2> | null = null;
  readonly #watch: LivenessWatch<Link>;
  readonly #unfinished: UnfinishedMessages<Link> | null;
  #cancelMemoryLook: () => void = nothing;

  constructor(private readonly parts: LinksParts, private readonly config: LinksConfig) {
    const { clock, memory, budgets = new Budgets() } = parts;
    const { pingMs, silenceMs } = config;
    this.#monotonic = () => clock.monotonic();
    this.#twins = new Twins(clock);
    this.#keptBytes = budgets.add("lost_link_bytes", {
      limit: MAX_KEPT_PER_LINK,
      used: () => Math.max(0, ...[...this.#interrupted.values()].map((link) => link.keptBytes)),
    });
    this.#watch = new LivenessWatch(
      clock,
      { everyMs: Math.min(BUSY_LOOK_MS, pingMs / 3, silenceMs / 3), pingMs, silenceMs },
      () => this.#peers.keys(),
      (link) => this.#silent(link),
    );
    this.#unfinished = memory
      ? new UnfinishedMessages<Link>(memory, config.maxFrameBytes, budgets)
      : null;
  }

  /** Starts the heartbeat, and looks at memory. */
  start(): void {
    this.#watch.start();
    this.#lookAtMemory();
  }

  stop(): void {
    this.#watch.stop();
    this.#cancelMemoryLook();
  }

  get size(): number {
    return this.#peers.size;
  }

  /** The handlers of Bun.serve. All are synchronous, because async ones would run out of order. */
  handlers(): WebSocketHandler<SocketData> {
    return {
      data: {} as SocketData,
      maxPayloadLength: this.config.maxFrameBytes,
      backpressureLimit: 64 * 1024 * 1024,
      perMessageDeflate: false,
      // LivenessWatch replaces Bun's idle timer, which would blame the node when this event loop was blocked.
      idleTimeout: 0,
      sendPings: false,
      open: (ws) => {
        ws.data.link = this.#open(ws, ws.data.dialer);
      },
      message: (ws, message) => ws.data.link?.receive(message),
      ping: (ws) => ws.data.link?.pinged(),
      pong: (ws, bytes) => ws.data.link?.ponged(bytes.toString()),
      drain: (ws) => ws.data.link?.drained(),
      close: (ws, code, reason) => this.#closed(ws.data.link, code, reason),
    };
  }

  registered(link: Link, offer: NodeOffer, nodeId: string | null, isNew = true): string {
    const peer = this.#peers.get(link)!;
    const { hub, clock, observer } = this.parts;
    const { log } = peer;
    if (peer.node) {
      this.#change(link, peer, { offer, status: {} });
      return peer.node.who.publicId;
    }
    const { accountId, keyId, keyFamily, address } = peer.dialer;
    const base = `${keyFamily}/${nodeId ?? address}`;
    if (nodeId !== null) this.startedAs(base, offer.instance, 0);
    if (!peer.mayBegin) {
      link.close(CloseCode.restart, "The gateway is restarting");
      return "";
    }
    if (!this.#mayOffer(link, peer, offer)) return "";
    peer.cancelRegisterLimit();
    // Drop the closure: thousands of nodes stay connected for days.
    peer.cancelRegisterLimit = nothing;
    peer.base = base;
    this.#replaceMoving(base);
    // A program that was restarted has none of the calls of the one before.
    if (nodeId !== null && isNew) this.#endInterrupted(base);
    // Older connections of the same node are probably half open: checks that they still live.
    if (nodeId !== null) this.#challenge((then) => this.#twins.ask(base, then));
    const ordinal = this.#twins.take(base, link);
    const nodeKey = ordinal === 0 ? base : `${base}#${ordinal}`;
    const who = { publicId: this.parts.publicId(nodeKey), nodeKey, accountId, keyId };
    peer.node = new Node(who, offer, link, clock.now());
    if (link instanceof LinkV2) this.#sessions.set(link.session, link);
    if (peer.isMoving) this.#twins.move(base, link);
    observer?.connected(peer.node);
    hub.add(peer.node);
    // The hub's texts, which all nodes share: this link's own copies are dropped.
    peer.offered = peer.node.offer;
    log.info({
      node: who.publicId,
      name: offer.name,
      models: offer.models.length,
      max_parallel: offer.maxParallel,
      agent: offer.agent,
      wire: peer.dialer.wire,
    }, "node connected");
    return who.publicId;
  }

  resume(link: Link, returning: ReturningNode): boolean {
    const fresh = this.#peers.get(link)!;
    // A node that is registered here has its session.
    if (fresh.node !== null) return false;
    const { ticket, offer } = returning;
    const found = this.#findHeld(fresh.ws, ticket);
    if (found === null) return this.#askOthers(link, fresh, returning);
    fresh.cancelRegisterLimit();
    this.#peers.delete(link);
    this.#uncounted.delete(fresh.dialer.accountId, fresh);
    this.parts.offers.change(fresh.dialer.accountId, fresh.offered, null);
    link.detach();
    this.#goOn(...found, fresh.ws, offer);
    return true;
  }

  /**
   * A node has come to another gateway with a session that this one holds, which goes on over the
   * socket. False: it does not, and the node starts over there.
   */
  resumeOver(ws: NodeSocket, register: RegisterV2): boolean {
    const ticket = register.resume && ticketIn(register.resume);
    const found = ticket ? this.#findHeld(ws, ticket) : null;
    if (found === null) return false;
    const [link, peer] = found;
    if (!link.hasCalls) {
      // Nothing is lost if it starts over there, and nothing has to be carried.
      this.#handOver(link, peer);
      return false;
    }
    this.#goOn(link, peer, ws, offerOf(register, register));
    this.#moveWhenIdle(link, peer, ws);
    return true;
  }

  /** The gateway that carries a node's frames has asked it to dial another one, as `move` does. */
  leavingOver({ data: { link } }: NodeSocket): void {
    const peer = link && this.#peers.get(link);
    if (peer) this.#moves(link, peer);
  }

  /** The gateway that carries a node's frames has lost its socket, or was lost itself. */
  closedOver({ data }: NodeSocket, code: number): void {
    this.#closed(data.link, code, "");
  }

  /** Several gateways: the sessions that the others hold can be resumed here. */
  attach(others: OtherHolders): void {
    this.#others = others;
  }

  /** Null: the session cannot go on over the socket. */
  #findHeld({ data: { dialer } }: NodeSocket, ticket: ResumeTicket): [LinkV2, Peer] | null {
    const link = this.#sessions.get(ticket.session);
    const peer = link && this.#peers.get(link);
    if (
      link === undefined || !peer || nodeOf(link, peer) === null ||
      !this.#isOwn(link, peer, dialer, ticket)
    ) return null;
    if (this.#mayResume(peer)) return [link, peer];
    this.#end(link, peer, CloseCode.protocol, "its session was resumed too often");
    return null;
  }

  /** The session goes on over the socket. */
  #goOn(link: LinkV2, peer: Peer, ws: NodeSocket, offer: NodeOffer): void {
    const { node } = peer;
    const { publicId } = nodeOf(link, peer)!.who;
    this.#fence(peer);
    this.#stopAwaiting(link, peer);
    peer.cancelWait?.();
    peer.cancelWait = null;
    peer.isSilent = false;
    peer.ws = ws;
    peer.dialer = ws.data.dialer;
    ws.data.link = link;
    if (node !== null) this.parts.hub.reconnected(node);
    link.resume(this.#batched(ws), publicId);
    if (node !== null) this.#change(link, peer, { offer, status: {} });
    peer.log.info({ node: publicId }, "node is back: its calls go on");
  }

  /** The node is at another gateway now. It is kept until that one offers it: calls that wait for it would find none. */
  #handOver(link: LinkV2, peer: Peer): void {
    this.#fence(peer);
    if (peer.cancelWait === null) this.#await(link, peer, LOST);
    this.#moves(link, peer);
    peer.cancelWait!();
    const end = () => this.#end(link, peer, LOST, "it has come to another gateway");
    peer.cancelWait = this.parts.clock.after(HANDED_OVER_WITHIN_MS, end);
  }

  /** Asks the gateway that the session names. False: there is none to ask. */
  #askOthers(link: Link, peer: Peer, { ticket, register, begin }: ReturningNode): boolean {
    const { ws, dialer } = peer;
    const holder = holderOf(ticket.session);
    if (this.#others === null || holder === null || holder === this.#others.gateway) return false;
    const carried = new CarriedLink(ws, this, this.#monotonic, (early) => {
      this.#replace(carried, link, peer);
      begin();
      for (const message of early) link.receive(message);
    });
    const carrier = this.#others.carry({ session: ticket.session, dialer, register }, carried);
    if (carrier === null) return false;
    peer.cancelRegisterLimit();
    carried.carriedBy(carrier);
    this.#replace(link, carried, peer);
    return true;
  }

  /** Another link has the socket from now on. */
  #replace(before: Link, after: Link, peer: Peer): void {
    this.#peers.delete(before);
    this.#peers.set(after, peer);
    peer.ws.data.link = after;
  }

  /**
   * A node whose frames another gateway carries is asked to reconnect once it has no calls, or after
   * some minutes: what it runs then ends on the link that it has.
   */
  #moveWhenIdle(link: LinkV2, peer: Peer, ws: NodeSocket): void {
    const { clock } = this.parts;
    const untilMs = clock.monotonic() + MAX_CARRIED_MS;
    const look = () => {
      if (this.#peers.get(link) !== peer || peer.ws !== ws || peer.node === null) return;
      const isDue = !link.hasCalls || clock.monotonic() >= untilMs;
      if (isDue && peer.cancelWait === null) {
        this.move(peer.node, "its session is at another gateway", CARRIED_MOVE_WITHIN_MS);
      } else clock.after(CARRIED_LOOK_MS, look);
    };
    clock.after(CARRIED_LOOK_MS, look);
  }

  /** Whether the ticket is that of the held link, which can be resumed, and both belong to one token. */
  #isOwn(held: LinkV2, { dialer }: Peer, fresh: Dialer, ticket: ResumeTicket): boolean {
    const isSameToken = dialer.accountId === fresh.accountId &&
      dialer.keyFamily === fresh.keyFamily;
    return held.isHeldBy(ticket) && isSameToken && held.isResumable && dialer !== fresh;
  }

  /** The node has a new socket: nothing that still comes over the old one counts. */
  #fence({ ws, cancelWait }: Peer): void {
    if (cancelWait !== null) return;
    ws.data.link = null;
    ws.terminate();
  }

  #mayResume(peer: Peer): boolean {
    const nowMs = this.#monotonic();
    peer.resumedMs = [...peer.resumedMs.filter((ms) => nowMs - ms < 60_000), nowMs];
    return peer.resumedMs.length <= MAX_RESUMES_A_MINUTE;
  }

  changed(link: Link, status: Status): void {
    const peer = this.#peers.get(link);
    // An empty STATUS is only a sign of life.
    if (!peer?.node || Object.keys(status).length === 0) return;
    const { lent, ...rest } = status;
    if (lent !== undefined && this.#mayReport(peer)) this.parts.observer?.lent(peer.node, lent);
    if (Object.keys(rest).length === 0) return;
    const { offer = null, status: before = {} } = peer.pending ?? {};
    this.#change(link, peer, { offer, status: { ...before, ...rest } });
  }

  /** A report beyond the rate is dropped, and so are its figures. */
  #mayReport(peer: Peer): boolean {
    const nowMs = this.#monotonic();
    if (nowMs < peer.mayReportMs) return false;
    peer.mayReportMs = nowMs + REPORT_EVERY_MS;
    return true;
  }

  /** Counts what the link's node wants to offer from now on. False: its account has too many, and the link ends. */
  #mayOffer(link: Link, peer: Peer, offer: LinkOffer): boolean {
    const reason = this.parts.offers.change(peer.dialer.accountId, peer.offered, offer);
    if (reason === null) {
      this.#uncounted.delete(peer.dialer.accountId, peer);
      peer.offered = offer;
      return true;
    }
    link.close(CloseCode.protocol, reason);
    return false;
  }

  /** Applies a change now, or together with others when the node may change its offer again. */
  #change(link: Link, peer: Peer, change: Change): void {
    const { clock } = this.parts;
    const isTimed = peer.pending !== null;
    peer.pending = change;
    if (isTimed) return;
    // A node that moves takes calls for a second after it has said so: until the other gateway offers it.
    const isMoved = peer.isMoving && change.status.state === "draining";
    const waitMs = Math.max(peer.mayChangeMs - clock.monotonic(), isMoved ? MOVED_WITHIN_MS : 0);
    if (waitMs <= 0) this.#applyPending(link, peer);
    else peer.cancelPending = clock.after(waitMs, () => this.#applyPending(link, peer));
  }

  /** What the node has announced before it answered so is in force from now on. */
  offerWithdrawn(link: Link): void {
    const peer = this.#peers.get(link);
    if (!peer?.pending || peer.mayChangeMs - this.#monotonic() > MAX_EARLY_MS) return;
    this.#applyPending(link, peer);
  }

  #applyPending(link: Link, peer: Peer): void {
    const { node, pending, log } = peer;
    peer.pending = null;
    peer.cancelPending();
    peer.cancelPending = nothing;
    // A change that was applied early takes the time of a later one.
    peer.mayChangeMs = Math.max(this.#monotonic(), peer.mayChangeMs) + CHANGE_EVERY_MS;
    if (node === null || pending === null || this.parts.hub.find(node.who.nodeKey) !== node) return;
    const { status } = pending;
    const offer = changedOffer(pending.offer ?? node.offer, status);
    const rest = status.state === undefined ? node : this.#restOf(status);
    if (status.state === undefined) this.#notice(node, status.reason);
    const isSameRest = rest.isDraining === node.isDraining && isSamePause(rest.pause, node.pause);
    if (isSameRest && isSameOffer(offer, node.offer)) return;
    if (!this.#mayOffer(link, peer, offer)) return;
    const before = { offer: node.offer, isDraining: node.isDraining, pause: node.pause };
    this.parts.hub.update(node, offer, rest.isDraining, rest.pause);
    peer.offered = node.offer;
    this.parts.observer?.changed(node, before);
    const { state, reason } = status;
    log.info(
      {
        node: node.who.publicId,
        models: offer.models.length,
        state,
        reason: reason?.slice(0, MAX_REASON_CHARS),
      },
      "node changed its offer",
    );
  }

  /** Passes on what the node says to its owner. */
  #notice(node: Node, reason = ""): void {
    const shown = reason.slice(0, MAX_REASON_CHARS).trim();
    if (isVisibleName(shown)) this.parts.observer?.noticed(node, shown);
  }

  /** Whether the node takes calls by its own word, and why not. */
  #restOf({ state, reason, resumes_in_ms }: Status): Pick<Node, "isDraining" | "pause"> {
    if (state !== "paused") return { isDraining: state !== "serving", pause: null };
    const shown = reason?.slice(0, MAX_REASON_CHARS).trim() ?? "";
    const isKnown = resumes_in_ms !== undefined && resumes_in_ms <= MAX_PAUSE_MS;
    const until = isKnown ? this.parts.clock.now() + resumes_in_ms : null;
    return { isDraining: true, pause: { reason: isVisibleName(shown) ? shown : null, until } };
  }

  noticed(link: Link, event: string, detail: Record<string, unknown>): void {
    const { node, log = this.parts.log } = this.#peers.get(link) ?? {};
    log.warn({ node: node?.who.publicId, ...detail }, event);
  }

  failed(link: Link, error: unknown): void {
    const { node, log = this.parts.log } = this.#peers.get(link) ?? {};
    log.error({ node: node?.who.publicId, err: error }, "could not handle a node's message");
  }

  /** Ends all connections that were authenticated by one of the keys, registered or not. */
  closeKeys(keyIds: ReadonlySet<string>): void {
    for (const [link, peer] of this.#peers) {
      if (keyIds.has(peer.dialer.keyId)) {
        this.#close(link, peer, CloseCode.revoked, "The client token was revoked");
      }
    }
  }

  /**
   * Asks all nodes to connect to another gateway within the time. From now on a link only serves to go
   * on with a session.
   */
  goAway(reason: string, redialWithinMs: number): void {
    this.#leaving = new Multimap();
    for (const [link, peer] of this.#peers) {
      if (peer.dialer.wire === 2) this.#moves(link, peer);
      if (link instanceof LinkV2) this.#leaving.add(peer.dialer.keyFamily, link);
      link.goAway(reason, redialWithinMs);
    }
  }

  /** Whether a link of the dialer could go on with a session of this gateway, which leaves. */
  mayResumeFor({ accountId, keyFamily }: Dialer): boolean {
    for (const link of this.#leaving?.of(keyFamily) ?? []) {
      if (link.isResumable && this.#peers.get(link)?.dialer.accountId === accountId) return true;
    }
    return false;
  }

  /** Asks one node to dial another gateway within the time. False: wire v1 has no word for it. */
  move(node: Node, reason: string, redialWithinMs: number): boolean {
    const link = node.connection as Link;
    const peer = this.#peers.get(link);
    if (peer?.dialer.wire !== 2) return false;
    this.#moves(link, peer);
    link.goAway(reason, redialWithinMs);
    return true;
  }

  #moves(link: Link, peer: Peer): void {
    peer.isMoving = true;
    this.#twins.move(peer.base, link);
  }

  closeAll(code: number, reason: string): void {
    for (const [link, peer] of this.#peers) this.#close(link, peer, code, reason);
  }

  /** A node that is away is not waited for any longer. */
  #close(link: Link, peer: Peer, code: number, reason: string): void {
    link.close(code, reason);
    if (peer.cancelWait !== null) this.#end(link, peer, code, reason);
  }

  /** Cuts all connections that are left. */
  dropAll(): void {
    for (const [link, peer] of this.#peers) {
      link.cut();
      if (peer.cancelWait !== null) this.#end(link, peer, CloseCode.restart, "stopped");
    }
  }

  #batched(socket: NodeSocket): Socket {
    return this.parts.batches?.over(socket) ?? socket;
  }

  #open(ws: NodeSocket, dialer: Dialer): Link {
    const { clock, log, logOf = () => log } = this.parts;
    const link = dialer.wire === 2
      ? new LinkV2(this.#batched(ws), this, this.#monotonic).hello(
        this.config,
        this.#others?.gateway,
      )
      : new LinkV1(ws, this, clock);
    const cancelRegisterLimit = clock.after(this.config.registerMs, () => {
      link.close(CloseCode.notRegistered, "No REGISTER came in time");
    });
    const peer: Peer = {
      ws,
      dialer,
      log: logOf(dialer),
      node: null,
      former: null,
      mayBegin: this.#leaving === null,
      base: "",
      offered: null,
      isSilent: false,
      isMoving: false,
      cancelWait: null,
      lostMs: -Infinity,
      resumedMs: [],
      pending: null,
      cancelPending: nothing,
      mayChangeMs: -Infinity,
      mayReportMs: -Infinity,
      cancelRegisterLimit,
    };
    this.#peers.set(link, peer);
    this.#countOpened(link, peer);
    return link;
  }

  #countOpened(link: Link, peer: Peer): void {
    const nothingYet = { models: [] };
    const reason = this.parts.offers.change(peer.dialer.accountId, null, nothingYet);
    if (reason === null) peer.offered = nothingYet;
    else if (!this.#isAwaited(peer)) link.close(CloseCode.protocol, reason);
    else this.#uncounted.add(peer.dialer.accountId, peer);
  }

  /**
   * Whether the connection may be that of a node which is waited for, and which is counted for its
   * account already. A node that registers again is counted then.
   */
  #isAwaited({ dialer: { accountId } }: Peer): boolean {
    return this.#uncounted.of(accountId).size < this.#awaited.of(accountId).size;
  }

  #closed(link: Link | null, code: number, reason: string): void {
    const peer = link && this.#peers.get(link);
    if (!link || !peer) return;
    const isLost = !FINAL_CODES.has(code) && code < FIRST_OWN_CODE && code !== CloseCode.restart;
    if (isLost && link instanceof LinkV2 && link.isResumable && this.#isHeld(link, peer)) {
      return this.#await(link, peer, code);
    }
    this.#end(link, peer, code, reason);
  }

  #isHeld(link: LinkV2, peer: Peer): boolean {
    const node = nodeOf(link, peer);
    return node !== null && (node !== peer.node || this.parts.hub.find(node.who.nodeKey) === node);
  }

  /** The node's connection is lost: its calls wait for it, and it gets no others. */
  #await(link: LinkV2, peer: Peer, code: number): void {
    const { clock, observer } = this.parts;
    const { resumeMs } = this.config;
    const { who: { publicId }, active } = nodeOf(link, peer)!;
    const late = `it did not come back within ${resumeMs / 1000} s`;
    peer.cancelWait = clock.after(resumeMs, () => this.#end(link, peer, code, late));
    peer.lostMs = clock.monotonic();
    this.#interrupted.add(peer.base, link);
    this.#awaited.add(peer.dialer.accountId, link);
    if (peer.node !== null) {
      observer?.interrupted?.(peer.node);
      this.parts.hub.interrupted(peer.node, clock.now() + resumeMs);
    }
    peer.log.info({ node: publicId, code, calls: active }, "node lost its link");
    for (let calls = link.suspend(); calls > 0; calls--) this.#keptBytes.refused();
  }

  /** The node is not waited for any longer. */
  #stopAwaiting(link: LinkV2, { base, dialer: { accountId } }: Peer): void {
    this.#interrupted.delete(base, link);
    this.#awaited.delete(accountId, link);
  }

  /** The connection is over and done with, and so are its calls. */
  #end(link: Link, peer: Peer, code: number, reason: string): void {
    if (!this.#peers.delete(link)) return;
    peer.cancelRegisterLimit();
    peer.cancelWait?.();
    this.#uncounted.delete(peer.dialer.accountId, peer);
    if (link instanceof LinkV2) {
      this.#stopAwaiting(link, peer);
      this.#sessions.delete(link.session);
      this.#leaving?.delete(peer.dialer.keyFamily, link);
    }
    this.parts.offers.change(peer.dialer.accountId, peer.offered, null);
    if (peer.node) {
      this.parts.hub.remove(peer.node);
      this.#twins.giveBack(peer.base, link);
      this.parts.observer?.left(peer.node, code, peer.isSilent);
      peer.log.info({ node: peer.node.who.publicId, code, reason }, "node disconnected");
    }
    // Must be last: calls whose attempts fail look for another node at once, which must not be this one.
    link.closed(`connection closed (${code})`, code);
  }

  /** Another gateway reports that the node is connected to it: checks that the connection here still lives. */
  challenge(node: Node): void {
    const link = node.connection as Link;
    const peer = this.#peers.get(link);
    if (peer?.node !== node) return;
    // It has done what it was asked for: from now on it gets calls there.
    if (peer.isMoving) this.#giveUp(link, peer);
    // A node that is waited for has a new session there: it does not come back, and its calls here are lost.
    else if (peer.cancelWait !== null) this.#endReplaced(link, peer, "it is at another gateway");
    else this.#challenge((then) => this.#twins.askOne(peer.base, link, then));
  }

  /**
   * A node has connected so long ago, here or at another gateway. Where its program is another one than
   * that of a link which was lost before, nobody comes back to that link: its calls are lost.
   */
  startedAs(nodeKey: string, instance: string | undefined, forMs: number): void {
    if (instance === undefined) return;
    const sinceMs = this.#monotonic() - forMs;
    for (const base of basesOf(nodeKey)) {
      for (const [link, peer] of this.#lostOf(base)) {
        const before: string = nodeOf(link, peer)?.offer.instance ?? instance;
        if (before === instance || peer.lostMs > sinceMs) continue;
        this.#endReplaced(link, peer, "its program was started again");
      }
    }
  }

  /** A node that was asked to move has come back to this gateway: it stays the same node. */
  #replaceMoving(base: string): void {
    for (const link of this.#twins.moving(base)) this.#giveUp(link, this.#peers.get(link)!);
  }

  /** The node is served over another link. Calls end on the one that it had. */
  #giveUp(link: Link, peer: Peer): void {
    if (peer.node === null) return;
    this.parts.hub.remove(peer.node);
    this.#twins.giveBack(peer.base, link);
    peer.former = peer.node;
    peer.node = null;
  }

  /** Nodes with this key that are waited for do not come back. */
  #endInterrupted(base: string): void {
    for (const [link, peer] of this.#lostOf(base)) {
      if (peer.node !== null) this.#endReplaced(link, peer, "its program was restarted");
    }
  }

  /** Lost links with the node key: as many as a newcomer concerns, and the next time others first. */
  #lostOf(base: string): [LinkV2, Peer][] {
    const links = firstOf(this.#interrupted.of(base));
    for (const link of links) {
      this.#interrupted.delete(base, link);
      this.#interrupted.add(base, link);
    }
    return links.map((link) => [link, this.#peers.get(link)!]);
  }

  #endReplaced(link: Link, peer: Peer, reason: string): void {
    this.#replaced(link, peer, reason);
    this.#end(link, peer, LOST, reason);
  }

  /** The node is back without its session. A program that starts again and again is a bad node. */
  #replaced(link: Link, { base }: Peer, reason: string): void {
    if (!(link instanceof LinkV2) || !link.hasCalls) return;
    const nowMs = this.#monotonic();
    const before = (this.#restarts.get(base) ?? []).filter((ms) => nowMs - ms < 60_000);
    this.#restarts.set(base, [...before, nowMs].slice(-MAX_RESTARTS_A_MINUTE));
    if (before.length < MAX_RESTARTS_A_MINUTE) link.replaced(reason);
  }

  /** Links that show no sign of life by the end of their time are cut. */
  #challenge(ask: (then: (asked: readonly Link[]) => void) => readonly Link[]): void {
    const askedMs = this.#monotonic();
    const cutSilent = (link: Link) => {
      const peer = this.#peers.get(link);
      // Whichever of its connections the node is on now, it is not this one.
      if (!peer || link.lastSeenMs >= askedMs || peer.cancelWait !== null) return;
      this.#replaced(link, peer, "the node has reconnected");
      link.cut();
    };
    for (const link of ask((asked) => asked.forEach(cutSilent))) link.ping();
  }

  /** Cuts links that fill memory with messages which they do not finish. */
  #lookAtMemory(): void {
    const unfinished = this.#unfinished;
    if (unfinished === null) return;
    const { clock, log } = this.parts;
    const lookMs = this.#peers.size > unfinished.spared ? LOOK_MS : CALM_LOOK_MS;
    this.#cancelMemoryLook = clock.after(lookMs, () => this.#lookAtMemory());
    const links = () => this.#connected();
    const found = unfinished.look(links, this.#peers.size, this.#monotonic());
    if (found === null) return;
    const { accountId: account, links: cut, grownBytes } = found;
    for (const link of cut) link.shed("the gateway needs memory");
    log.warn(
      { account, links: cut.length, grown_mib: Math.round(grownBytes / 1024 / 1024) },
      "cut links that may hold unfinished messages: memory has grown",
    );
  }

  *#connected(): Iterable<readonly [accountId: string, link: Link]> {
    for (const [link, { dialer, cancelWait }] of this.#peers) {
      if (cancelWait === null) yield [dialer.accountId, link];
    }
  }

  #silent(link: Link): void {
    const peer = this.#peers.get(link)!;
    // What is lost cannot be silent.
    if (peer.cancelWait !== null) return;
    peer.isSilent = true;
    link.drop();
  }
}

/** The node that the link serves, or whose last calls end on it. */
function nodeOf(link: LinkV2, { node, former }: Peer): Node | null {
  return node ?? (link.hasCalls ? former : null);
}

/** What may be the node key without its ordinal: a node's own id may end like one. */
function basesOf(nodeKey: string): string[] {
  const base = nodeKey.replace(/#\d+$/, "");
  return base === nodeKey ? [nodeKey] : [nodeKey, base];
}

function nothing(): void {}
