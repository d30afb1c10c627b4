/** One connected machine: who it is, what it serves, what it is doing. */

import type { NodeView, RegisterData } from "../../protocol/mod.ts";
import type { AttemptSink, Order, RunningAttempt } from "./attempt.ts";

/** What a Node needs of its connection. */
export interface NodeConnection {
  /** Sends a call; null if the connection cannot take it now. */
  start(order: Order, sink: AttemptSink): RunningAttempt | null;
  close(code: number, reason: string): void;
}

/** What does not change while a node is connected. */
export interface NodeIdentity {
  /** Public, stable over reconnects, says nothing about token or address. */
  id: string;
  /** Penalties are kept under this. Never shown. */
  identity: string;
  accountId: string;
  /** The client token's key: when it is revoked, the connection ends. */
  keyId: string;
}

/** What REGISTER says; a second REGISTER replaces it. */
export interface NodeOffer {
  name: string;
  agent: string | null;
  maxParallel: number;
  models: readonly string[];
}

/** What a node offers, as its REGISTER says it. */
export function offerOf(data: RegisterData): NodeOffer {
  return {
    name: data.name ?? "node",
    agent: data.agent ?? null,
    maxParallel: data.max_parallel,
    models: [...new Set(data.models)],
  };
}

/** How long a node that said BUSY counts as full, unless one of its slots is freed first. */
export const BUSY_PAUSE_MS = 500;

export class Node {
  /** Leases held now. */
  active = 0;
  isDraining = false;
  /** The node said that it is full, whatever the count says. Monotonic milliseconds. */
  fullUntilMs = 0;

  constructor(
    readonly who: NodeIdentity,
    public offer: NodeOffer,
    readonly connection: NodeConnection,
    /** UTC milliseconds. */
    readonly connectedAt: number,
  ) {}

  hasRoom(monotonicMs: number): boolean {
    return !this.isDraining && this.active < this.offer.maxParallel &&
      monotonicMs >= this.fullUntilMs;
  }

  /** Share of its slots in use: 0 is idle, 1 is full. */
  get load(): number {
    return this.active / this.offer.maxParallel;
  }

  view(penalty: { until: number; reason: string } | null): NodeView {
    return {
      id: this.who.id,
      name: this.offer.name,
      max_parallel: this.offer.maxParallel,
      active_tasks: this.active,
      supported_models: [...this.offer.models],
      penalized: penalty !== null,
      penalty_reason: penalty?.reason ?? null,
      penalized_until: penalty?.until ?? null,
      draining: this.isDraining,
      connected_at: this.connectedAt,
      agent: this.offer.agent,
    };
  }
}
