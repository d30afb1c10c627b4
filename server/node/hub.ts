/** The nodes connected now, and the models that they serve. */

import { type Endpoint, endpointsOf } from "../../protocol/mod.ts";
import { type ModelFacts, together } from "./model_facts.ts";
import type { Node, NodeOffer } from "./node.ts";
import type { Service } from "./service.ts";

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

/** A model that is served now. */
interface Served {
  /** Nodes share it: each has read its own copy from its socket. */
  readonly name: string;
  readonly nodes: Set<Node>;
  /** What they tell together; null: to be asked anew. */
  facts: ModelFacts | null;
}

export class Hub {
  /** By private identity, which no two connected nodes share. */
  readonly #nodes = new Map<string, Node>();
  readonly #served = new Map<string, Served>();
  /** Models that were ever served here, with the endpoints at which this process has seen them. */
  readonly #known = new Map<string, readonly Endpoint[]>();
  readonly #watchers: HubWatcher[] = [];

  /** Called with models that this hub has not seen before. */
  onNewModels: (models: string[]) => void = () => {};

  watch(watcher: HubWatcher): void {
    this.#watchers.push(watcher);
  }

  /** A node that is connected here takes the place of what another gateway has told of it. */
  add(node: Node): void {
    const twin = this.#nodes.get(node.who.nodeKey);
    if (twin !== undefined) this.remove(twin);
    this.#nodes.set(node.who.nodeKey, node);
    this.#join(node);
  }

  /** A second REGISTER: the offer is replaced as a whole. */
  update(node: Node, offer: NodeOffer): void {
    this.#leave(node);
    node.offer = offer;
    this.#join(node);
  }

  remove(node: Node): void {
    if (this.#nodes.get(node.who.nodeKey) !== node) return;
    this.#nodes.delete(node.who.nodeKey);
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

  /** The connected node of that public id. Looks at all of them: for people who ask, not for calls. */
  findPublic(id: string): Node | undefined {
    for (const node of this.#nodes.values()) if (node.who.publicId === id) return node;
    return undefined;
  }

  /** How many nodes of the account are connected. */
  countOf(accountId: string): number {
    let count = 0;
    for (const { who } of this.#nodes.values()) if (who.accountId === accountId) count++;
    return count;
  }

  /** Something about the node changed so that it may take a call. */
  ease(node: Node): void {
    for (const watcher of this.#watchers) watcher.eased(node);
  }

  /** Calls of other gateways run on the node: `by` more of them than before. */
  load(node: Node, by: number): void {
    node.active += by;
    for (const watcher of this.#watchers) watcher.loaded(node, by);
  }

  /** The models that connected nodes serve, each once. */
  models(): string[] {
    return [...this.#served.keys()].sort();
  }

  /** What the connected nodes tell of a model together; null: none serves it. */
  factsOf(model: string): ModelFacts | null {
    const served = this.#served.get(model);
    if (served === undefined) return null;
    return served.facts ??= together([...served.nodes].map((node) => node.factsOf(model)));
  }

  /** The connected nodes that serve the model. */
  nodesOf(model: string): Iterable<Node> {
    return this.#served.get(model)?.nodes ?? [];
  }

  /** Whether the model was ever served here. */
  knows(model: string): boolean {
    return this.#known.has(model);
  }

  /** Whether this process has seen the model served at this endpoint. */
  hasSeen({ model, endpoint }: Service): boolean {
    return this.#known.get(model)?.includes(endpoint) ?? false;
  }

  /** Models that were served before this process started. */
  remember(models: Iterable<string>): void {
    for (const model of models) {
      if (this.#known.size >= MAX_REMEMBERED_MODELS) return;
      this.#known.set(model, this.#known.get(model) ?? []);
    }
  }

  knownModels(): Iterable<string> {
    return this.#known.keys();
  }

  #join(node: Node): void {
    const models = node.offer.models.map((model) => this.#serve(node, model));
    node.offer = { ...node.offer, models };
    const room = MAX_REMEMBERED_MODELS - this.#known.size;
    const fresh = models.filter((model) => !this.#known.has(model)).slice(0, room);
    this.remember(fresh);
    for (const model of models) this.#see(model, node.factsOf(model).endpoints);
    for (const watcher of this.#watchers) watcher.joined(node);
    if (fresh.length > 0) this.onNewModels(fresh);
  }

  #leave(node: Node): void {
    for (const model of node.offer.models) {
      const served = this.#served.get(model);
      if (served === undefined) continue;
      served.nodes.delete(node);
      served.facts = null;
      if (served.nodes.size === 0) this.#served.delete(model);
    }
    for (const watcher of this.#watchers) watcher.left(node);
  }

  /** One more node serves the model; returns the shared name. */
  #serve(node: Node, model: string): string {
    const served = this.#served.get(model) ?? { name: model, nodes: new Set(), facts: null };
    this.#served.set(served.name, served);
    served.nodes.add(node);
    served.facts = null;
    return served.name;
  }

  #see(model: string, endpoints: readonly Endpoint[]): void {
    const seen = this.#known.get(model);
    if (seen === undefined || endpoints.every((endpoint) => seen.includes(endpoint))) return;
    this.#known.set(model, endpointsOf({ endpoints: [...seen, ...endpoints] }));
  }
}
