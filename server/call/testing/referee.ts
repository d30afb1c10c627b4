/** Watches a World from outside and objects when a call goes, or does not go, where it should. */

import { expect } from "bun:test";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { Call } from "../../schedule/call.ts";
import type { Received, World } from "./world.ts";

type Scripted = ReturnType<World["node"]>;

/** A node that said BUSY is left alone for so long. */
const BUSY_PAUSE_MS = 500;

export class Referee {
  readonly #busySinceMs = new Map<Node, number>();
  /** What tries a node on probation, by identity and the model that the penalty was for. */
  readonly #trials = new Map<string, { node: Node; attempt: Received }>();

  constructor(private readonly world: World) {}

  /** From now on each call that the node is sent is looked at. */
  watch({ node, received }: Scripted): void {
    const { start } = node.connection;
    node.connection.start = (order, sink) => {
      const running = start(order, sink);
      this.#started(node, received.at(-1)!);
      return running;
    };
  }

  saidBusy(node: Node): void {
    this.#busySinceMs.set(node, this.world.clock.monotonic());
  }

  /** Lets a call come, and looks at who gets it: where nobody waits, one of the open nodes does. */
  comes(service: Service, come: () => void): void {
    const open = this.#open(service);
    const loads = new Map([...this.world.hub.nodes()].map((node) => [node, node.load]));
    const isLine = this.world.scheduler.waiting > 0;
    come();
    const chosen = [...loads.keys()].filter((node) => node.load > loads.get(node)!);
    if (isLine) return;
    expect(chosen.length).toBeWithin(Math.min(1, open.length), 2);
    if (this.world.policy !== "least-busy") return;
    const least = Math.min(...open.map((node) => loads.get(node)!));
    for (const node of chosen) expect(loads.get(node)).toBeLessThanOrEqual(least);
  }

  /** What holds after every step; `waiting` are calls that nobody was asked to run yet. */
  check(waiting: readonly Call[]): void {
    for (const [key, { node, attempt }] of this.#trials) {
      const circuit = this.world.circuit({ node }, attempt.order.model);
      if (attempt.isForgotten || circuit !== "probing") this.#trials.delete(key);
    }
    for (const { request } of waiting) expect(this.#open(request)).toEqual([]);
  }

  /**
   * Nodes that can take a call of the service at once, as far as can be seen from outside. One that
   * said BUSY may have become so, too.
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
      expect(this.#trials.has(key)).toBe(false);
      this.#trials.set(key, { node, attempt });
    }
  }
}
