/** The nodes connected now, and the models that they serve. Every change of a node goes through the hub. */

import { type Endpoint, endpointsOf } from "../../protocol/mod.ts";
import { type Audience, STRANGER, unresolved, type Viewer } from "./audience.ts";
import { ConfidedModels } from "./confided_models.ts";
import { EarnedSlots, type StoredSlots } from "./earned_slots.ts";
import { type ModelFacts, together } from "./model_facts.ts";
import type { Node, NodeOffer, NodePause, NodeStanding } from "./node.ts";
import type { Service } from "./service.ts";

/** Called on changes that matter to which node can take a call. */
export interface HubWatcher {
  joined?(node: Node): void;
  /** Also called before the node's offer is replaced; `joined` follows then. */
  left?(node: Node): void;
  /** The node may have become able to take a call; with a service, or only cheaper for its calls. */
  eased?(node: Node, service?: Service): void;
  /** The node takes no calls from now on, by a decision. */
  barred?(node: Node): void;
  /** The node's connection is lost, and it may come back. `eased` follows when it does. */
  interrupted?(node: Node): void;
  /** Other gateways use `by` more of the node's slots than before; negative: fewer. */
  loaded?(node: Node, by: number): void;
  /** The node's share of slots has grown by `by`; negative: shrunk. */
  shared?(node: Node, by: number): void;
}

export interface HubParts {
  /** The decisions in force about a node, applied whenever it joins. Default: none. */
  standingOf?: (node: Node) => NodeStanding;
  /** For whom the node is, by what its offer says. Default: names stand for no account and no group. */
  audienceOf?: (node: Node) => Audience;
  /** What the node had earned before this process started; null: nothing is known. */
  earnedBefore?: (node: Node) => StoredSlots | null;
  /** Called when a node of this gateway has earned slots, or lost some. */
  onEarned?: (node: Node) => void;
  /** Called with models that this hub has not seen served to everyone before. */
  onNewModels?: (models: string[]) => void;
}

/** Models that were served once are remembered, so that "no node is online" differs from "no such model". */
export const MAX_REMEMBERED_MODELS = 10_000;

/** A model that is served now. */
interface Served {
  /** One text for all nodes that serve the model: each node's own copy of the name is dropped. */
  readonly name: string;
  readonly nodes: Set<Node>;
  /** The nodes for everyone. */
  open: number;
  /** What the nodes for everyone state together; null: not computed since they changed. */
  facts: ModelFacts | null;
}

/** The nodes that are near an account or a group. */
type NodesById = Map<string, Set<Node>>;

const NO_NODES: readonly Node[] = [];

export class Hub {
  /** By node key, which no two connected nodes share. */
  readonly #nodes = new Map<string, Node>();
  readonly #served = new Map<string, Served>();
  /** Models that were ever served to everyone here, with the endpoints at which this process has seen them. */
  readonly #known = new Map<string, readonly Endpoint[]>();
  /** The same for models that were not served to everyone. */
  readonly #confided = new ConfidedModels();
  readonly #byOwner: NodesById = new Map();
  /** Nodes that are not for everyone, by the accounts, their owners among them, and the groups that they are for. */
  readonly #byAccount: NodesById = new Map();
  readonly #byGroup: NodesById = new Map();
  readonly #watchers: HubWatcher[] = [];
  readonly #earned = new EarnedSlots();
  #revision = 0;

  constructor(private readonly parts: HubParts = {}) {}

  watch(watcher: HubWatcher): void {
    this.#watchers.push(watcher);
  }

  /** Adds a node. A node with the same key, such as one that another gateway has reported, is removed. */
  add(node: Node): void {
    const twin = this.#nodes.get(node.who.nodeKey);
    if (twin !== undefined) this.remove(twin);
    this.#nodes.set(node.who.nodeKey, node);
    writable(node).isConnected = true;
    this.#recallEarned(node);
    this.#join(node);
    // It may have lost slots while it was away, or earned some at another gateway.
    if (this.#earned.has(node.who.nodeKey)) this.#keepEarned(node);
  }

  /** Replaces the node's offer as a whole, and whether it takes calls. */
  update(
    node: Node,
    offer: NodeOffer,
    isDraining: boolean = node.isDraining,
    pause: NodePause | null = isDraining ? node.pause : null,
  ): void {
    this.#leave(node);
    writable(node).offer = offer;
    writable(node).isDraining = isDraining;
    writable(node).pause = pause;
    this.#join(node);
  }

  remove(node: Node): void {
    if (!node.isConnected) return;
    this.#nodes.delete(node.who.nodeKey);
    writable(node).isConnected = false;
    this.#leave(node);
  }

  get size(): number {
    return this.#nodes.size;
  }

  nodes(): Iterable<Node> {
    return this.#nodes.values();
  }

  find(nodeKey: string): Node | undefined {
    return this.#nodes.get(nodeKey);
  }

  /** The connected node with that public id. Searches all nodes: for the console, not for calls. */
  findPublic(id: string): Node | undefined {
    for (const node of this.#nodes.values()) if (node.who.publicId === id) return node;
    return undefined;
  }

  /** How many nodes of the account are connected. */
  countOf(accountId: string): number {
    return this.#byOwner.get(accountId)?.size ?? 0;
  }

  /** The accounts and groups that the node's names stand for have changed. */
  resolve(node: Node): void {
    this.update(node, node.offer, node.isDraining, node.pause);
  }

  /** Applies the decisions about the node again: call it when they have changed. */
  review(node: Node): void {
    const wasHeld = node.hold !== null;
    this.#reshare(node, () => this.#decide(node));
    if (wasHeld && node.hold === null) this.ease(node);
    if (wasHeld || node.hold === null) return;
    for (const watcher of this.#watchers) watcher.barred?.(node);
  }

  /** The node's connection is lost: it gets no calls unless it comes back, which it may until then, in UTC milliseconds. */
  interrupted(node: Node, until: number): void {
    writable(node).reconnectsUntil = until;
    for (const watcher of this.#watchers) watcher.interrupted?.(node);
  }

  /** The node has come back. */
  reconnected(node: Node): void {
    if (node.reconnectsUntil === null) return;
    writable(node).reconnectsUntil = null;
    this.ease(node);
  }

  /**
   * Reports that the node may have become able to take a call, or with a service cheaper for its calls,
   * for reasons outside the hub.
   */
  ease(node: Node, service?: Service): void {
    for (const watcher of this.#watchers) watcher.eased?.(node, service);
  }

  /**
   * A call of this gateway takes a slot of the node (`by` is 1) or gives it back (−1). For the
   * scheduler's slots alone, which see to their pools themselves: calling the watchers twice a call
   * would cost more than the choice of a node.
   */
  use(node: Node, by: 1 | -1): void {
    writable(node).active += by;
  }

  /** Other gateways use `by` more of the node's slots than before; negative: fewer. */
  load(node: Node, by: number): void {
    writable(node).active += by;
    for (const watcher of this.#watchers) watcher.loaded?.(node, by);
  }

  /** A node that is connected to this gateway has answered a call well. */
  answered(node: Node): void {
    const { who: { nodeKey }, offer: { maxParallel } } = node;
    this.#earned.answered(nodeKey, maxParallel);
    this.#learnEarned(node);
  }

  /** The node was at fault for a failure, wherever it was seen. */
  failed(nodeKey: string): void {
    const node = this.find(nodeKey);
    // Another gateway counts what its nodes earn and lose.
    if (node !== undefined && node.gateway !== null) return;
    this.#earned.failed(nodeKey);
    if (node !== undefined) this.#learnEarned(node);
  }

  /** The node's gateway says how many slots the node has earned. */
  reportEarned(node: Node, slots: number): void {
    this.#earned.set(node.who.nodeKey, slots);
    this.#learnEarned(node);
  }

  /** A number that changes with what any node offers. */
  get revision(): number {
    return this.#revision;
  }

  /** How many models connected nodes serve. */
  get modelCount(): number {
    return this.#served.size;
  }

  /** The models that the viewer may use, each once, in alphabetical order; null: all models. */
  models(viewer: Viewer | null = STRANGER): string[] {
    if (viewer === null) return [...this.#served.keys()].sort();
    const models = new Set<string>();
    if (viewer.route === "any") {
      for (const { name, open } of this.#served.values()) if (open > 0) models.add(name);
    }
    for (const node of this.#near(viewer)) for (const model of node.offer.models) models.add(model);
    return [...models].sort();
  }

  /** Whether the viewer may use exactly the nodes that everyone may use. */
  isCommon(viewer: Viewer): boolean {
    return viewer.route === "any" && this.#near(viewer).length === 0;
  }

  /** What the connected nodes that the viewer may use state of the model together; null: none serves it. */
  factsOf(model: string, viewer: Viewer = STRANGER): ModelFacts | null {
    const served = this.#served.get(model);
    if (served === undefined) return null;
    const isAny = viewer.route === "any";
    const near = this.#near(viewer).filter((node) => served.nodes.has(node));
    const common = isAny && served.open > 0 ? [this.#commonFactsOf(served)] : [];
    const all = [...common, ...near.map((node) => node.factsOf(model))];
    return all.length <= 1 ? all[0] ?? null : together(all);
  }

  /** Whether more than one connected node serves the model. */
  hasSeveral(model: string): boolean {
    return (this.#served.get(model)?.nodes.size ?? 0) > 1;
  }

  /** Whether a connected node serves the model, whomever it is for. */
  serves(model: string): boolean {
    return this.#served.has(model);
  }

  /** As `node.serves(service)` of a connected node, as fast for one of a thousand models. */
  isServedBy({ model, endpoint }: Service, node: Node): boolean {
    return this.#served.get(model)?.nodes.has(node) === true &&
      node.factsOf(model).endpoints.includes(endpoint);
  }

  /** The connected nodes that serve the model. */
  nodesOf(model: string): Iterable<Node> {
    return this.#served.get(model)?.nodes ?? [];
  }

  /** Whether the viewer is allowed to see that the model was ever served here. */
  knows(model: string, viewer: Viewer = STRANGER): boolean {
    const served = this.#served.get(model);
    const isCommon = served === undefined ? this.#known.has(model) : served.open > 0;
    return isCommon || this.#confided.knows(model, viewer);
  }

  /** Whether this process has seen the model served to the viewer at this endpoint. */
  hasSeen({ model, endpoint }: Service, viewer: Viewer = STRANGER): boolean {
    return this.#known.get(model)?.includes(endpoint) === true ||
      this.#confided.knows(model, viewer, endpoint);
  }

  /** Remembers models that were served before this process started. */
  remember(models: Iterable<string>): void {
    for (const model of models) {
      if (this.#known.size >= MAX_REMEMBERED_MODELS) return;
      this.#known.set(model, this.#known.get(model) ?? []);
    }
  }

  /** The models that the viewer is allowed to see, served now or before. */
  *knownModels(viewer: Viewer = STRANGER): Generator<string, void> {
    for (const model of this.#known.keys()) {
      if (this.#served.get(model)?.open !== 0) yield model;
    }
    yield* this.#confided.namesFor(viewer);
  }

  #join(node: Node): void {
    this.#revision++;
    this.#decide(node);
    const { audienceOf } = this.parts;
    writable(node).audience = audienceOf?.(node) ?? unresolved(node.offer.shareWith);
    this.#index(node);
    writable(node).earned = this.#earned.of(node.who.nodeKey);
    const models = node.offer.models.map((model) => this.#serve(node, model));
    writable(node).offer = { ...node.offer, models };
    const fresh = node.audience.isForEveryone ? this.#remember(node) : [];
    if (!node.audience.isForEveryone) this.#confided.remember(node);
    for (const watcher of this.#watchers) watcher.joined?.(node);
    if (fresh.length > 0) this.parts.onNewModels?.(fresh);
  }

  /** Remembers the models of a node for everyone; returns those that are new. */
  #remember(node: Node): string[] {
    const { models } = node.offer;
    const room = MAX_REMEMBERED_MODELS - this.#known.size;
    const fresh = models.filter((model) => !this.#known.has(model)).slice(0, room);
    this.remember(fresh);
    for (const model of models) this.#see(model, node.factsOf(model).endpoints);
    return fresh;
  }

  #leave(node: Node): void {
    this.#revision++;
    this.#unindex(node);
    for (const model of node.offer.models) {
      const served = this.#served.get(model);
      if (served === undefined || !served.nodes.delete(node)) continue;
      if (node.audience.isForEveryone) served.open--;
      served.facts = null;
      if (served.nodes.size === 0) this.#served.delete(model);
    }
    for (const watcher of this.#watchers) watcher.left?.(node);
  }

  /** The nodes that the viewer wants to use and may, each once; not those for everyone where it wants all of them. */
  #near({ accountId, groups, route }: Viewer): readonly Node[] {
    const own = route === "any" ? undefined : this.#byOwner.get(accountId);
    if (route === "own") return [...own ?? []];
    const sets = [own, this.#byAccount.get(accountId), ...groups.map((id) => this.#byGroup.get(id))]
      .filter((nodes) => nodes !== undefined);
    return sets.length === 0 ? NO_NODES : [...new Set(sets.flatMap((nodes) => [...nodes]))];
  }

  #commonFactsOf(served: Served): ModelFacts {
    if (served.facts !== null) return served.facts;
    const common = [...served.nodes].filter(({ audience }) => audience.isForEveryone);
    return served.facts = together(common.map((node) => node.factsOf(served.name)));
  }

  #index(node: Node): void {
    const { who, audience } = node;
    enter(this.#byOwner, who.accountId, node);
    if (audience.isForEveryone) return;
    enter(this.#byAccount, who.accountId, node);
    for (const id of audience.accounts.keys()) enter(this.#byAccount, id, node);
    for (const id of audience.groups.keys()) enter(this.#byGroup, id, node);
  }

  #unindex(node: Node): void {
    const { who, audience } = node;
    leave(this.#byOwner, who.accountId, node);
    if (audience.isForEveryone) return;
    leave(this.#byAccount, who.accountId, node);
    for (const id of audience.accounts.keys()) leave(this.#byAccount, id, node);
    for (const id of audience.groups.keys()) leave(this.#byGroup, id, node);
  }

  #learnEarned(node: Node): void {
    const earned = this.#earned.of(node.who.nodeKey);
    if (earned === node.earned) return;
    this.#reshare(node, () => {
      writable(node).earned = earned;
    });
    this.#keepEarned(node);
  }

  /** What another gateway has reported of the node is newer than what was stored. */
  #recallEarned(node: Node): void {
    const { gateway, who: { nodeKey } } = node;
    if (gateway !== null || this.#earned.has(nodeKey)) return;
    const stored = this.parts.earnedBefore?.(node) ?? null;
    if (stored !== null) this.#earned.restore(nodeKey, stored);
  }

  /** Only a node's own gateway writes down what it has earned. */
  #keepEarned(node: Node): void {
    if (node.gateway === null) this.parts.onEarned?.(node);
  }

  /** Makes a change that the node's share depends on, and reports by how much the share has changed. */
  #reshare(node: Node, change: () => void): void {
    const before = node.share;
    change();
    const by = node.share - before;
    if (by === 0 || !node.isConnected) return;
    for (const watcher of this.#watchers) watcher.shared?.(node, by);
  }

  #decide(node: Node): void {
    const standing = this.parts.standingOf?.(node);
    if (standing === undefined) return;
    writable(node).standing = standing;
  }

  /** Adds the node to those that serve the model; returns the shared name. */
  #serve(node: Node, model: string): string {
    const served = this.#served.get(model) ??
      { name: model, nodes: new Set(), open: 0, facts: null };
    this.#served.set(served.name, served);
    served.nodes.add(node);
    if (node.audience.isForEveryone) served.open++;
    served.facts = null;
    return served.name;
  }

  #see(model: string, endpoints: readonly Endpoint[]): void {
    const seen = this.#known.get(model);
    if (seen === undefined || endpoints.every((endpoint) => seen.includes(endpoint))) return;
    this.#known.set(model, endpointsOf({ endpoints: [...seen, ...endpoints] }));
  }
}

function enter(byId: NodesById, id: string, node: Node): void {
  const nodes = byId.get(id) ?? new Set();
  byId.set(id, nodes);
  nodes.add(node);
}

function leave(byId: NodesById, id: string, node: Node): void {
  const nodes = byId.get(id);
  nodes?.delete(node);
  if (nodes?.size === 0) byId.delete(id);
}

/** To all others a node's state is read-only, so that no change of it can pass the hub's watchers by. */
function writable(node: Node): { -readonly [Field in keyof Node]: Node[Field] } {
  return node;
}
