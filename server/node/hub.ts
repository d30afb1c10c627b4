/** The nodes connected now, and the models that they serve. */

import type { Node, NodeOffer } from "./node.ts";

/** Told of every change that matters to who can take a call. */
export interface HubWatcher {
  joined(node: Node): void;
  /** Also before its offer is replaced; `joined` follows then. */
  left(node: Node): void;
  /** The node may have become able to take a call. */
  eased(node: Node): void;
  /** So many more (or, below 0, fewer) of its slots are in use by other gateways, which it shows already. */
  loaded(node: Node, by: number): void;
}

/** Models that were served once are remembered, so that "nobody is online" differs from "no such model". */
export const MAX_REMEMBERED_MODELS = 10_000;

export class Hub {
  /** By private identity, which no two connected nodes share. */
  readonly #nodes = new Map<string, Node>();
  /** Models that are served now. Nodes share the name: each has read its own copy from its socket. */
  readonly #served = new Map<string, { name: string; nodes: number }>();
  readonly #knownModels = new Set<string>();
  readonly #watchers: HubWatcher[] = [];

  /** Called with models that this hub has not seen before. */
  onNewModels: (models: string[]) => void = () => {};

  watch(watcher: HubWatcher): void {
    this.#watchers.push(watcher);
  }

  add(node: Node): void {
    this.#nodes.set(node.who.identity, node);
    this.#join(node);
  }

  /** A second REGISTER: the offer is replaced as a whole. */
  update(node: Node, offer: NodeOffer): void {
    this.#leave(node);
    node.offer = offer;
    this.#join(node);
  }

  remove(node: Node): void {
    if (this.#nodes.get(node.who.identity) !== node) return;
    this.#nodes.delete(node.who.identity);
    this.#leave(node);
  }

  get size(): number {
    return this.#nodes.size;
  }

  nodes(): Iterable<Node> {
    return this.#nodes.values();
  }

  /** The connected node of that private identity. */
  find(identity: string): Node | undefined {
    return this.#nodes.get(identity);
  }

  /** Something about the node changed so that it may take a call. */
  ease(node: Node): void {
    for (const watcher of this.#watchers) watcher.eased(node);
  }

  /** Calls of other gateways run on the node: `others` of them, where it was another number before. */
  load(node: Node, by: number): void {
    node.active += by;
    for (const watcher of this.#watchers) watcher.loaded(node, by);
  }

  /** Whether a connected node serves the model. */
  serves(model: string): boolean {
    return this.#served.has(model);
  }

  /** The models that connected nodes serve, each once. */
  models(): string[] {
    return [...this.#served.keys()].sort();
  }

  /** Whether the model was ever served here. */
  knows(model: string): boolean {
    return this.#knownModels.has(model);
  }

  /** Models that were served before this process started. */
  remember(models: Iterable<string>): void {
    for (const model of models) {
      if (this.#knownModels.size >= MAX_REMEMBERED_MODELS) return;
      this.#knownModels.add(model);
    }
  }

  knownModels(): Iterable<string> {
    return this.#knownModels;
  }

  #join(node: Node): void {
    const models = node.offer.models.map((model) => this.#serve(model));
    node.offer = { ...node.offer, models };
    const room = MAX_REMEMBERED_MODELS - this.#knownModels.size;
    const fresh = models.filter((model) => !this.#knownModels.has(model)).slice(0, room);
    for (const watcher of this.#watchers) watcher.joined(node);
    if (fresh.length === 0) return;
    this.remember(fresh);
    this.onNewModels(fresh);
  }

  #leave(node: Node): void {
    for (const model of node.offer.models) {
      const served = this.#served.get(model);
      if (served !== undefined && --served.nodes === 0) this.#served.delete(model);
    }
    for (const watcher of this.#watchers) watcher.left(node);
  }

  /** Counts one more node that serves the model; returns the shared name. */
  #serve(model: string): string {
    const served = this.#served.get(model) ?? { name: model, nodes: 0 };
    this.#served.set(served.name, served);
    served.nodes++;
    return served.name;
  }
}
