/** The nodes connected now, found by the model that they serve. */

import type { Node, NodeOffer } from "./node.ts";

/** Told when a node may have become able to take a waiting call. */
export type RoomListener = (node: Node) => void;

/** Models that were served once are remembered, so that "nobody is online" differs from "no such model". */
export const MAX_REMEMBERED_MODELS = 10_000;

export class Hub {
  readonly #nodes = new Set<Node>();
  readonly #byModel = new Map<string, Set<Node>>();
  readonly #knownModels = new Set<string>();
  readonly #roomListeners: RoomListener[] = [];

  /** Called with models that this hub has not seen before. */
  onNewModels: (models: string[]) => void = () => {};

  onRoom(listener: RoomListener): void {
    this.#roomListeners.push(listener);
  }

  /** Something about the node changed so that it may take a call. */
  announceRoom(node: Node): void {
    for (const listener of this.#roomListeners) listener(node);
  }

  add(node: Node): void {
    this.#nodes.add(node);
    this.#index(node);
    this.announceRoom(node);
  }

  /** A second REGISTER: the offer is replaced as a whole. */
  update(node: Node, offer: NodeOffer): void {
    this.#unindex(node);
    node.offer = offer;
    this.#index(node);
    this.announceRoom(node);
  }

  remove(node: Node): void {
    if (this.#nodes.delete(node)) this.#unindex(node);
  }

  get size(): number {
    return this.#nodes.size;
  }

  nodes(): Iterable<Node> {
    return this.#nodes;
  }

  /** The connected nodes that serve the model. */
  serving(model: string): ReadonlySet<Node> {
    return this.#byModel.get(model) ?? noNodes;
  }

  /** The models that connected nodes serve, each once. */
  models(): string[] {
    return [...this.#byModel.keys()].sort();
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

  #index(node: Node): void {
    const room = MAX_REMEMBERED_MODELS - this.#knownModels.size;
    const fresh = node.offer.models.filter((model) => !this.#knownModels.has(model)).slice(0, room);
    for (const model of node.offer.models) {
      const nodes = this.#byModel.get(model);
      if (nodes) nodes.add(node);
      else this.#byModel.set(model, new Set([node]));
    }
    if (fresh.length === 0) return;
    this.remember(fresh);
    this.onNewModels(fresh);
  }

  #unindex(node: Node): void {
    for (const model of node.offer.models) {
      const nodes = this.#byModel.get(model);
      nodes?.delete(node);
      if (nodes?.size === 0) this.#byModel.delete(model);
    }
  }
}

const noNodes: ReadonlySet<Node> = new Set();
