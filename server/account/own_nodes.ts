/** Nodes, connected or not, as their owners and administrators see and manage them. */

import type {
  AdminNodeChange,
  AdminNodeView,
  NodeChange,
  NodeEvent,
  NodeEventKind,
  NodeGone,
  NodeModelSpeed,
  NodeView,
  OwnNodeView,
} from "../../api/mod.ts";
import { readNodeMessage } from "../../protocol/mod.ts";
import { type Clock, DAY_MS, HOUR_MS } from "../base/clock.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";
import type { NodeEventRow, NodeRow, OwnedNodeRow } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import { isPaused, type NodeRegister, TIMELINE_EVENTS } from "./node_register.ts";
import { figures } from "./usage_report.ts";

export interface OwnNodesOptions {
  store: Pick<Store, "nodes" | "usage">;
  register: NodeRegister;
  /** A connected node as the account `viewerId` sees it; null: it is not connected. */
  live: (nodeId: string, viewerId: string | null) => NodeView | null;
  clock: Clock;
}

const SPEED_HOURS = 24;
const MAX_SPEEDS = 50;

const MAX_PAUSE_DAYS = 366;

const MAX_OWN = 1_000;
const MAX_ALL = 10_000;

/** The part of a node's timeline that accounts other than its owner may see. */
const publicEvents: ReadonlySet<NodeEventKind> = new Set([
  "connected",
  "disconnected",
  "penalized",
  "recovered",
]);

/** Every method throws `store_unavailable` while the database is away. */
export class OwnNodes {
  readonly #options: OwnNodesOptions;

  constructor(options: OwnNodesOptions) {
    this.#options = options;
  }

  /** The account's nodes, the most recently connected first. */
  async list(accountId: string): Promise<OwnNodeView[]> {
    const rows = await this.#options.store.nodes.ofAccount(accountId, MAX_OWN);
    return rows.map((row) => this.#view(row));
  }

  /** A node of any account, connected now or in the past; null: unknown. */
  async find(nodeId: string): Promise<{ ownerId: string; own: OwnNodeView } | null> {
    const row = await this.#options.store.nodes.find(nodeId);
    return row === null ? null : { ownerId: row.accountId, own: this.#view(row) };
  }

  /** Newest first. `isOwn`: for the node's owner, who sees all of it. */
  async timeline(nodeId: string, { isOwn }: { isOwn: boolean }): Promise<NodeEvent[]> {
    const rows = await this.#options.store.nodes.timeline(nodeId, TIMELINE_EVENTS);
    const events = rows.map(eventView);
    return isOwn ? events : events.filter(({ kind }) => publicEvents.has(kind));
  }

  /** The speed of the node's models in the last 24 hours, the busiest model first. */
  async speed(nodeId: string, ownerId: string): Promise<NodeModelSpeed[]> {
    const to = Math.ceil(this.#options.clock.now() / HOUR_MS) * HOUR_MS;
    const rows = await this.#options.store.usage.shares(
      {
        accountId: ownerId,
        side: "provided",
        step: "hour",
        from: to - SPEED_HOURS * HOUR_MS,
        to,
        nodeId,
      },
      "model",
      MAX_SPEEDS,
    );
    return rows.map((sum) => {
      const { calls, errors, first_token_p50_ms, first_token_p95_ms, tokens_per_second } = figures(
        sum,
      );
      return {
        model: sum.id,
        calls,
        errors,
        first_token_p50_ms,
        first_token_p95_ms,
        tokens_per_second,
      };
    });
  }

  /** Changes a node for its owner. Throws `not_found` for a node that is not the account's. */
  async change(accountId: string, nodeId: string, change: NodeChange): Promise<OwnNodeView> {
    const { label, paused, paused_until: until = null } = change;
    const decision = defined({ label: label === "" ? null : label });
    const row = await this.#decide(nodeId, accountId, {
      ...decision,
      ...this.#pause(paused, until),
    });
    if (label !== undefined) this.#addEvent(row, "renamed", row.label);
    if (paused !== undefined) this.#addEvent(row, paused ? "paused" : "resumed", null, until);
    return this.#view(row);
  }

  /** Lets the node's calls end; it gets no new ones until it reconnects or is resumed. */
  async drain(accountId: string, nodeId: string): Promise<OwnNodeView> {
    const row = await this.#decide(nodeId, accountId, { drainedAt: this.#options.clock.now() });
    this.#addEvent(row, "drain", null);
    return this.#view(row);
  }

  /**
   * Forgets a node that is not connected. `accountId`: its owner; null: an administrator does it.
   * Throws `not_found`, or `invalid_request` for a node that is connected.
   */
  async forget(accountId: string | null, nodeId: string): Promise<{ name: string }> {
    if (this.#options.live(nodeId, null) !== null) {
      throw new ColinkError(
        "invalid_request",
        "Cannot forget a connected node: stop its program first, or rotate its token",
        { problem: { code: "node_connected" } },
      );
    }
    const before = await this.#options.store.nodes.find(nodeId);
    const row = await this.#options.store.nodes.forget(nodeId, accountId);
    if (before === null || row === null) throw unknownNode();
    this.#options.register.decided(row);
    return { name: before.label ?? before.name };
  }

  /** Adds the replacement of the node's token to its timeline. */
  tokenRotated(nodeId: string): void {
    this.#options.register.addEvent(nodeId, { kind: "token_rotated" });
  }

  /** The nodes of all accounts, those that wait for approval first. */
  async all(): Promise<AdminNodeView[]> {
    const rows = await this.#options.store.nodes.all(MAX_ALL);
    return rows.map((row) => this.#adminView(row));
  }

  /** Changes a node for an administrator. Throws `not_found`. */
  async administer(nodeId: string, { approved, paused }: AdminNodeChange): Promise<AdminNodeView> {
    const row = await this.#decide(nodeId, null, {
      ...(approved === undefined
        ? {}
        : { approvedAt: approved ? this.#options.clock.now() : null }),
      ...this.#pause(paused),
    });
    if (approved !== undefined) this.#addEvent(row, approved ? "approved" : "unapproved", null);
    if (paused !== undefined) this.#addEvent(row, paused ? "paused" : "resumed", null);
    const owned = await this.#options.store.nodes.owned(nodeId);
    if (owned === null) throw unknownNode();
    return this.#adminView(owned);
  }

  /** Approves all known nodes, for when approval is switched on: only new nodes wait then. */
  async approveAll(): Promise<void> {
    await this.#options.store.nodes.approveAll(this.#options.clock.now());
    await this.#options.register.refresh();
  }

  /** Resuming a node ends a drain, too. */
  #pause(paused: boolean | undefined, until: number | null = null) {
    if (until !== null && paused !== true) {
      throw new ColinkError(
        "invalid_request",
        "Cannot set when a pause ends without a pause: send paused: true along with paused_until",
        { param: "paused_until", problem: { code: "not_allowed" } },
      );
    }
    if (paused === undefined) return {};
    const now = this.#options.clock.now();
    if (!paused) return { pausedAt: null, pausedUntil: null, drainedAt: null };
    if (until !== null && (until <= now || until > now + MAX_PAUSE_DAYS * DAY_MS)) {
      throw new ColinkError(
        "invalid_request",
        "Cannot pause until then: choose a time within the next 366 days",
        {
          param: "paused_until",
          problem: { code: "time_range", limit: MAX_PAUSE_DAYS },
        },
      );
    }
    return { pausedAt: now, pausedUntil: until };
  }

  async #decide(
    nodeId: string,
    accountId: string | null,
    decision: Parameters<Store["nodes"]["decide"]>[2],
  ): Promise<NodeRow> {
    const row = await this.#options.store.nodes.decide(nodeId, accountId, decision);
    if (row === null) throw unknownNode();
    this.#options.register.decided(row);
    return row;
  }

  #addEvent(
    { id }: NodeRow,
    kind: NodeEventKind,
    detail: string | null,
    until: number | null = null,
  ): void {
    this.#options.register.addEvent(id, { kind, detail, until });
  }

  #view(row: NodeRow): OwnNodeView {
    const live = this.#options.live(row.id, row.accountId);
    return {
      id: row.id,
      name: row.label ?? row.name,
      label: row.label,
      live,
      models: live?.supported_models ?? row.models,
      max_parallel: live?.max_parallel ?? row.maxParallel,
      agent: row.agent,
      machine: live === null ? row.machine : live.machine,
      first_seen_at: row.firstSeenAt,
      last_seen_at: live === null ? row.lastSeenAt : this.#options.clock.now(),
      gone: live === null ? goneOf(row) : null,
      ...this.#pauseOf(row),
      approved_at: row.approvedAt,
      key_id: row.keyId,
    };
  }

  /** A pause that has ended by itself is none. */
  #pauseOf(row: NodeRow): Pick<OwnNodeView, "paused_at" | "paused_until"> {
    return isPaused(row, this.#options.clock.now())
      ? { paused_at: row.pausedAt, paused_until: row.pausedUntil }
      : { paused_at: null, paused_until: null };
  }

  #adminView(row: OwnedNodeRow): AdminNodeView {
    const isConnected = this.#options.live(row.id, null) !== null;
    return {
      id: row.id,
      name: row.label ?? row.name,
      owner_id: row.accountId,
      owner_email: row.ownerEmail,
      connected: isConnected,
      models: row.models,
      agent: row.agent,
      machine: row.machine,
      first_seen_at: row.firstSeenAt,
      last_seen_at: isConnected ? this.#options.clock.now() : row.lastSeenAt,
      approved_at: row.approvedAt,
      paused_at: this.#pauseOf(row).paused_at,
    };
  }
}

function goneOf({ goneAt, goneCode, closeCode }: NodeRow): NodeGone | null {
  if (goneAt === null || goneCode === null) return null;
  return { at: goneAt, code: goneCode as NodeGone["code"], close_code: closeCode ?? 1006 };
}

function eventView({ at, kind, code, model, detail, until }: NodeEventRow): NodeEvent {
  const offer = kind === "offer" ? offerIn(detail ?? "") : null;
  const message = kind === "notice" || kind === "paused" ? readNodeMessage(detail ?? "") : null;
  return { at, kind: kind as NodeEventKind, code, model, detail, message, offer, until };
}

/** What the register has noted of a changed offer. */
function offerIn(detail: string): NodeEvent["offer"] {
  const [, models, atOnce] = /^(\d+) models?, (\d+) at once$/.exec(detail) ?? [];
  return atOnce === undefined ? null : { models: Number(models), max_parallel: Number(atOnce) };
}

function unknownNode(): ColinkError {
  return new ColinkError("not_found", "Cannot find the node: this account has none of that id");
}
