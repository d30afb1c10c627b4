/** Watches a World from outside and fails the test when a call goes to a wrong node, or to none although one is open. */

import { expect } from "bun:test";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { Call } from "../../schedule/call.ts";
import type { Received, World } from "./world.ts";

type Scripted = ReturnType<World["node"]>;

/** How long a node that answered BUSY gets no calls. */
const BUSY_PAUSE_MS = 500;

export class Referee {
  readonly #busySinceMs = new Map<Node, number>();
  /** The attempt that probes a node, by node key and the penalty's model. */
  readonly #probes = new Map<string, { node: Node; attempt: Received }>();

  constructor(private readonly world: World) {}

  /** Checks each call that the node is sent from now on. */
  watch({ node, received }: Scripted): void {
    const { start } = node.connection;
    node.connection.start = (order, sink) => {
      const running = start(order, sink);
      this.#started(node, received.at(-1)!);
      return running;
    };
  }

  answeredBusy(node: Node): void {
    this.#busySinceMs.set(node, this.world.clock.monotonic());
  }

  /** Starts a call and checks which node gets it: if no call waits, one of the open nodes. */
  starts(service: Service, start: () => void): void {
    const open = this.#open(service);
    const nodes = [...this.world.hub.nodes()];
    const before = new Map(
      nodes.map((node) => [node, { rank: rankOf(node), active: node.active }]),
    );
    const isQueue = this.world.scheduler.waiting > 0;
    start();
    const chosen = nodes.filter((node) => node.active > before.get(node)!.active);
    if (isQueue) return;
    expect(chosen.length).toBeWithin(Math.min(1, open.length), 2);
    const least = Math.min(...open.map((node) => before.get(node)!.rank));
    for (const node of chosen) {
      const { rank } = before.get(node)!;
      if (this.world.policy === "least-busy") expect(rank).toBeLessThanOrEqual(least);
      // Whatever the policy, no node goes beyond its share while another has a slot of its own free.
      else expect(Math.floor(rank)).toBeLessThanOrEqual(Math.floor(least));
    }
  }

  /** Checks what holds after every step; `waiting` are calls that were sent to no node yet. */
  check(waiting: readonly Call[]): void {
    for (const [key, { node, attempt }] of this.#probes) {
      const circuit = this.world.circuit({ node }, attempt.order.model);
      if (attempt.isForgotten || circuit !== "probing") this.#probes.delete(key);
    }
    for (const { request } of waiting) expect(this.#open(request)).toEqual([]);
  }

  /**
   * Nodes that can take a call of the service at once, as far as an observer knows. A node that
   * answered BUSY may be able to earlier than assumed here.
   */
  #open(service: Service): Node[] {
    return [...this.world.hub.nodes()].filter((node) => {
      const circuit = this.world.circuit({ node }, service.model);
      const busySinceMs = this.#busySinceMs.get(node) ?? -Infinity;
      return !node.isDraining && node.serves(service) && node.active < node.offer.maxParallel &&
        (circuit === "clear" || circuit === "probation") &&
        busySinceMs + BUSY_PAUSE_MS <= this.world.clock.monotonic();
    });
  }

  #started(node: Node, attempt: Received): void {
    const { model } = attempt.order;
    expect(node.isDraining).toBe(false);
    expect(node.active).toBeLessThanOrEqual(node.offer.maxParallel);
    expect(["clear", "probing"]).toContain(this.world.circuit({ node }, model));
    for (const penalty of this.world.penalties.of(node.who.nodeKey)) {
      if (penalty.model !== null && penalty.model !== model) continue;
      const key = `${node.who.nodeKey} ${penalty.model}`;
      expect(this.#probes.has(key)).toBe(false);
      this.#probes.set(key, { node, attempt });
    }
  }
}

/** Its load; from 10 on if its next call would take a slot beyond its share. */
function rankOf(node: Node): number {
  return node.load + (node.isBeyondShare ? 10 : 0);
}
