/** Sends what changes to every browser that watches: one stream of server-sent events each. */

import type {
  Changed,
  LiveEvents,
  LiveTopic,
  NetworkView,
  NodeGone,
  Side,
} from "../../../api/mod.ts";
import { CloseCode } from "../../../protocol/mod.ts";
import { callView } from "../../account/call_history.ts";
import type { Visitor } from "../../account/session_book.ts";
import type { Clock } from "../../base/clock.ts";
import { ColinkError } from "../../base/error.ts";
import type { Log } from "../../base/log.ts";
import { maySee, type Memberships, type Onlooker, onlookerOf } from "../../node/audience.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { PenaltyBook } from "../../node/penalty.ts";
import type { LedgerEntry } from "../../store/store.ts";
import { SseBody } from "../sse.ts";
import { AuditFeed, type AuditLogEntry } from "./audit_feed.ts";
import { dataFor, type LiveEvent, LiveHistory } from "./history.ts";
import { type Listing, NodeWatch } from "./node_watch.ts";
import { UsageTally } from "./usage_tally.ts";

export interface LiveParts {
  hub: Hub;
  penalties: PenaltyBook;
  memberships: Memberships;
  listing: Listing;
  clock: Clock;
  log: Log;
  /** Calls on this gateway; `running` includes those that wait. */
  running: () => number;
  waiting: () => number;
  /** The given sessions that are still valid. */
  alive: (sessionIds: readonly string[]) => Promise<Set<string>>;
  /** The newest entries of the audit log. */
  auditEvents: () => Promise<readonly AuditLogEntry[]>;
  /** How a node's last connection here ended. */
  goneOf: (nodeId: string) => NodeGone | null;
  /** Undefined: this gateway is not part of a cluster. */
  peers?: PeerWatchers | undefined;
}

/** The browsers that watch at other gateways. */
interface PeerWatchers {
  /** Reports that browsers here begin or stop to watch the account's calls. */
  watch(accountId: string, isWatched: boolean): void;
  /** Whether the account's calls are watched at another gateway. */
  isWatched(accountId: string): boolean;
  /** Sends an event of the account there; `data` is JSON. */
  tell(accountId: string, name: string, data: string): void;
}

export interface LiveRequest {
  visitor: Visitor;
  topics: ReadonlySet<LiveTopic>;
  /** The last event that this browser received. */
  lastEventId?: string;
}

/** How often the nodes are compared with their last state and the changes sent. */
const TICK_MS = 1000;
/** How often sessions and audit events are read: what changes at another gateway shows within five seconds. */
const TICKS_PER_CHECK = 3;
const SESSIONS_PER_CHECK = 500;

/**
 * For so many ticks after the last stream has ended, the network is still watched, and so are the calls of
 * each account: a browser that reconnects misses nothing.
 */
const IDLE_TICKS = 30;

const MAX_STREAMS = 2_000;
const MAX_STREAMS_PER_ACCOUNT = 20;

/** Calls of one account that are sent one by one in a tick; the figures count all. */
const MAX_CALLS_PER_TICK = 20;

/** Nodes are left out of a snapshot in which they would be longer: the pages of `/api/nodes` have them. */
const MAX_SNAPSHOT_CHARS = 512 * 1024;
/** An account's changed nodes that are sent in a tick, at least one; the others follow in the next ones. */
const MAX_NODE_CHARS_PER_TICK = 64 * 1024;

const LIMITS = { keepAliveMs: 15_000, stallMs: 30_000, maxBufferedBytes: 1024 * 1024 };

/** After how long a browser that lost its stream reconnects. */
const RETRY_MS = 2000;

interface Watcher {
  visitor: Visitor;
  topics: ReadonlySet<LiveTopic>;
  body: SseBody;
}

const NOT_SIGNED_IN: Onlooker = { accountId: "", groups: [], isAdmin: false };

export class Live {
  readonly #watchers = new Set<Watcher>();
  /** Streams by account; 0 for IDLE_TICKS after the last one has ended. */
  readonly #accounts = new Map<string, number>();
  /** The tick in which an account's last stream ended. */
  readonly #leftAt = new Map<string, number>();
  readonly #history = new LiveHistory();
  readonly #nodes: NodeWatch;
  readonly #usage = new UsageTally();
  readonly #auditEvents: AuditFeed;
  /** Nodes that have changed since they were sent. */
  readonly #changed = new Set<Node>();
  /** Of the node that is being sent: its text by the groups of those who see it. */
  #memberTexts = new Map<string, string>();
  readonly #callsSent = new Map<string, number>();
  #network = "";
  #ticks = 0;
  #idleTicks = 0;
  #isTicking = false;
  #isClosed = false;
  #cancelTick: () => void = () => {};

  constructor(private readonly parts: LiveParts) {
    this.#nodes = new NodeWatch(parts.hub, parts.penalties, parts.listing);
    this.#auditEvents = new AuditFeed(parts.auditEvents);
  }

  /** A stream for a visitor. Throws `too_many_streams` or `shutting_down`. */
  open({ visitor, topics, lastEventId }: LiveRequest): ReadableStream {
    if (this.#isClosed) {
      throw new ColinkError(
        "shutting_down",
        "Cannot watch: this gateway is restarting; try again",
        {
          retryAfterMs: RETRY_MS,
        },
      );
    }
    this.#requireRoom(visitor.accountId);
    const watcher: Watcher = {
      visitor,
      topics,
      body: new SseBody(this.parts.clock, LIMITS, {
        tooSlow: () => this.#drop(watcher),
        drained: () => {},
        gone: () => this.#drop(watcher),
      }),
    };
    this.#start();
    const missed = this.#accounts.has(visitor.accountId) ? this.#history.since(lastEventId) : null;
    this.#watchers.add(watcher);
    this.#accounts.set(visitor.accountId, this.#streamsOf(visitor.accountId) + 1);
    this.#leftAt.delete(visitor.accountId);
    this.parts.peers?.watch(visitor.accountId, true);
    watcher.body.write(`retry: ${RETRY_MS}\n\n`);
    if (missed === null) this.#snapshot(watcher);
    else for (const { id, event } of missed) this.#send(watcher, id, event);
    return watcher.body.stream;
  }

  /** Sends a call that has ended to the account that made it and to the one whose node served it. */
  callEnded(entry: LedgerEntry): void {
    if (this.#accounts.size === 0 && this.parts.peers === undefined) return;
    this.#sendCall(entry.accountId, "made", entry);
    if (entry.providerAccountId !== null) {
      this.#sendCall(entry.providerAccountId, "provided", entry);
    }
  }

  /** Sends an event of the account's calls that another gateway reports. */
  peerReported(accountId: string, name: string, data: string): void {
    if (!this.#accounts.has(accountId)) return;
    if (name === "call" && !this.#maySendCall(accountId)) return;
    this.#publish({ topic: "calls", name, data, onlyFor: accountId, own: null });
  }

  /** Ends the streams of sessions that have ended. */
  sessionsEnded(sessionIds: readonly string[]): void {
    const ended = new Set(sessionIds);
    for (const watcher of this.#watchers) {
      if (ended.has(watcher.visitor.sessionId)) this.#endSession(watcher);
    }
  }

  /** Ends every stream; browsers reconnect elsewhere. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTick();
    for (const watcher of this.#watchers) this.#drop(watcher);
  }

  #requireRoom(accountId: string): void {
    const isFull = this.#watchers.size >= MAX_STREAMS ||
      this.#streamsOf(accountId) >= MAX_STREAMS_PER_ACCOUNT;
    if (!isFull) return;
    throw new ColinkError(
      "too_many_streams",
      "Cannot watch: too many pages are open already; close one and try again",
      { retryAfterMs: 30_000 },
    );
  }

  #streamsOf(accountId: string): number {
    return this.#accounts.get(accountId) ?? 0;
  }

  /** Begins to watch: what changes from now on is sent. */
  #start(): void {
    this.#idleTicks = 0;
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#history.forget();
    this.#nodes.look();
    this.#changed.clear();
    this.#auditEvents.forget();
    void this.#sendAuditEvents();
    this.#network = JSON.stringify(this.#networkView());
    this.#scheduleTick();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.parts.clock.after(TICK_MS, () => {
      this.#tick();
      if (this.#isTicking) this.#scheduleTick();
    });
  }

  #tick(): void {
    this.#sendNodes();
    this.#sendNetwork();
    this.#sendUsage();
    this.#callsSent.clear();
    if (++this.#ticks % TICKS_PER_CHECK === 0) {
      void this.#checkSessions();
      void this.#sendAuditEvents();
    }
    this.#forgetAccounts();
    this.#idleTicks = this.#watchers.size === 0 ? this.#idleTicks + 1 : 0;
    if (this.#idleTicks >= IDLE_TICKS) this.#isTicking = false;
  }

  #forgetAccounts(): void {
    for (const [accountId, tick] of this.#leftAt) {
      if (this.#ticks - tick < IDLE_TICKS) continue;
      this.#leftAt.delete(accountId);
      this.#accounts.delete(accountId);
      this.parts.peers?.watch(accountId, false);
    }
  }

  #sendNodes(): void {
    const { changed, gone, narrowed, loads } = this.#nodes.look();
    for (const node of changed) this.#changed.add(node);
    this.#sendChanged();
    const now = this.parts.clock.now();
    for (const { id, name, shared } of gone) {
      const how = this.parts.goneOf(id) ?? { at: now, code: "lost" as const, close_code: 1006 };
      this.#publishNode("node_gone", { id, name, gone: how }, (visitor) => maySee(shared, visitor));
    }
    // To those who may see it no more, it has left.
    for (const { id, name, before, shared } of narrowed) {
      const how = { at: now, code: "closed" as const, close_code: CloseCode.normal };
      this.#publishNode(
        "node_gone",
        { id, name, gone: how },
        (visitor) => maySee(before, visitor) && !maySee(shared, visitor),
      );
    }
    for (const [shared, load] of loads) {
      this.#publishNode("load", load, (visitor) => maySee(shared, visitor));
    }
  }

  #publishNode<N extends "node_gone" | "load">(
    name: N,
    value: LiveEvents[N],
    maySeeIt: (onlooker: Onlooker) => boolean,
  ): void {
    const event = { topic: "nodes" as const, name, data: JSON.stringify(value), onlyFor: null };
    this.#publish({ ...event, own: null, isFor: this.#isFor(maySeeIt) });
  }

  #isFor(maySeeIt: (onlooker: Onlooker) => boolean): NonNullable<LiveEvent["isFor"]> {
    return (visitor) => maySeeIt(onlookerOf(visitor, this.parts.memberships));
  }

  /** A few of each account: a thousand models make one node's event a quarter of a MiB, for every browser. */
  #sendChanged(): void {
    const sentChars = new Map<string, number>();
    for (const node of this.#changed) {
      const { accountId } = node.who;
      const chars = sentChars.get(accountId) ?? 0;
      if (node.isConnected && chars >= MAX_NODE_CHARS_PER_TICK) continue;
      this.#changed.delete(node);
      if (!node.isConnected) continue;
      const write = (onlooker: Partial<Onlooker>) =>
        JSON.stringify(this.#nodes.view(node, { ...NOT_SIGNED_IN, ...onlooker }));
      const data = write({});
      const own = { accountId, data: write({ accountId }) };
      const forAdmins = write({ isAdmin: true });
      const { who, audience } = node;
      const isFor = this.#isFor((visitor) => maySee({ who, audience }, visitor));
      this.#publish({
        topic: "nodes",
        name: "node",
        data,
        onlyFor: null,
        own,
        forAdmins,
        isFor,
        ...(this.#nodes.isPartlyListed(node) && { forMembers: this.#forMembers(write) }),
      });
      this.#memberTexts = new Map();
      // The longest of the three.
      sentChars.set(accountId, chars + own.data.length);
    }
  }

  /** What members of groups see of a changed node. While it is being sent, all of the same groups share a text. */
  #forMembers(
    write: (onlooker: Pick<Onlooker, "groups">) => string,
  ): NonNullable<LiveEvent["forMembers"]> {
    const texts = this.#memberTexts = new Map();
    return ({ accountId }) => {
      const groups = this.parts.memberships.groupsOf(accountId);
      // Later, to a browser that has missed it, it is written again: the history counts no such text.
      if (texts !== this.#memberTexts) return write({ groups });
      const key = groups.join();
      const text = texts.get(key) ?? write({ groups });
      texts.set(key, text);
      return text;
    };
  }

  #sendNetwork(): void {
    const view = this.#networkView();
    const text = JSON.stringify(view);
    if (text === this.#network) return;
    this.#network = text;
    this.#publishToEverybody("network", "network", view);
  }

  #sendUsage(): void {
    for (const [onlyFor, increments] of this.#usage.take()) {
      this.#publishCall(onlyFor, "usage", increments);
    }
  }

  #sendCall(accountId: string, side: Side, entry: LedgerEntry): void {
    const isWatched = this.#accounts.has(accountId) ||
      this.parts.peers?.isWatched(accountId) === true;
    if (!isWatched || this.#isClosed) return;
    // Ticks limit and count the calls also where only other gateways watch.
    this.#start();
    this.#usage.add(accountId, side, entry);
    if (!this.#maySendCall(accountId)) return;
    this.#publishCall(accountId, "call", callView(entry, side, this.#names(accountId)));
  }

  #maySendCall(accountId: string): boolean {
    const sent = this.#callsSent.get(accountId) ?? 0;
    this.#callsSent.set(accountId, sent + 1);
    return sent < MAX_CALLS_PER_TICK;
  }

  #publishCall<N extends "call" | "usage">(onlyFor: string, name: N, value: LiveEvents[N]): void {
    const data = JSON.stringify(value);
    this.#publish({ topic: "calls", name, data, onlyFor, own: null });
    this.parts.peers?.tell(onlyFor, name, data);
  }

  /** The names of connected nodes. Keys have none here: the browser knows them. */
  #names(accountId: string) {
    const nodes = [...this.parts.hub.nodes()];
    return {
      keys: new Map<string, string>(),
      nodes: new Map(nodes.map((node) => [node.who.publicId, node.label ?? node.offer.name])),
      own: new Set(
        nodes.filter(({ who }) => who.accountId === accountId).map(({ who }) => who.publicId),
      ),
    };
  }

  #publishToEverybody<N extends keyof LiveEvents>(
    topic: LiveTopic,
    name: N,
    value: LiveEvents[N],
  ): void {
    this.#publish({ topic, name, data: JSON.stringify(value), onlyFor: null, own: null });
  }

  #publish(event: LiveEvent): void {
    const id = this.#history.add(event);
    for (const watcher of this.#watchers) this.#send(watcher, id, event);
  }

  #send({ visitor, topics, body }: Watcher, id: string, event: LiveEvent): void {
    if (!topics.has(event.topic)) return;
    const data = dataFor(event, visitor);
    if (data !== null) body.write(`id: ${id}\nevent: ${event.name}\ndata: ${data}\n\n`);
  }

  #snapshot({ visitor, topics, body }: Watcher): void {
    const nodes = topics.has("nodes")
      ? this.#nodes.views(onlookerOf(visitor, this.parts.memberships), MAX_SNAPSHOT_CHARS)
      : null;
    const snapshot: LiveEvents["snapshot"] = {
      now: this.parts.clock.now(),
      network: this.#networkView(),
      ...(nodes === null ? {} : { nodes }),
    };
    const id = this.#history.lastId;
    body.write(`id: ${id}\nevent: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n`);
  }

  #networkView(): NetworkView {
    const { hub, running, waiting } = this.parts;
    const waitingNow = waiting();
    return {
      nodes: hub.size,
      models: hub.modelCount,
      running: Math.max(0, running() - waitingNow),
      waiting: waitingNow,
    };
  }

  async #sendAuditEvents(): Promise<void> {
    try {
      const { own, admins } = await this.#auditEvents.look();
      for (const [accountId, what] of own) {
        if (this.#accounts.has(accountId)) this.#publishChanged(what, { onlyFor: accountId });
      }
      if (admins.size > 0) this.#publishChanged(admins, { onlyFor: null, isForAdmins: true });
    } catch (error) {
      this.parts.log.debug({ cause: String(error) }, "live: cannot read the audit log");
    }
  }

  #publishChanged(
    what: ReadonlySet<Changed>,
    to: Pick<LiveEvent, "onlyFor" | "isForAdmins">,
  ): void {
    const data = JSON.stringify({ what: [...what] } satisfies LiveEvents["changed"]);
    this.#publish({ topic: "changes", name: "changed", data, own: null, ...to });
  }

  async #checkSessions(): Promise<void> {
    const watchers = [...this.#watchers];
    try {
      for (let at = 0; at < watchers.length; at += SESSIONS_PER_CHECK) {
        const some = watchers.slice(at, at + SESSIONS_PER_CHECK);
        const ids = [...new Set(some.map(({ visitor }) => visitor.sessionId))];
        const alive = await this.parts.alive(ids);
        for (const watcher of some) {
          if (!alive.has(watcher.visitor.sessionId)) this.#endSession(watcher);
        }
      }
    } catch (error) {
      // Checked again in a few ticks. The ledger reports the outage.
      this.parts.log.debug({ cause: String(error) }, "live: cannot check sessions");
    }
  }

  #endSession(watcher: Watcher): void {
    watcher.body.writeExtra("event: session_over\ndata: {}\n\n");
    this.#drop(watcher);
  }

  #drop(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher)) return;
    const { accountId } = watcher.visitor;
    const streams = Math.max(0, this.#streamsOf(accountId) - 1);
    // Stays at 0 for a while, so that a browser that reconnects misses none of the account's calls.
    this.#accounts.set(accountId, streams);
    if (streams === 0) this.#leftAt.set(accountId, this.#ticks);
    watcher.body.end();
  }
}
