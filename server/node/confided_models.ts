/** The models that were served to some accounts only, and are visible to those accounts only. */

import type { Endpoint } from "../../protocol/mod.ts";
import { type Audience, nearness, type Viewer } from "./audience.ts";
import type { Node, NodeIdentity } from "./node.ts";

/** What the nodes of one account have offered of a model, as it was last. */
interface Confided {
  who: NodeIdentity;
  audience: Audience;
  endpoints: readonly Endpoint[];
}

/** Beyond this number the oldest are dropped: while no node serves such a model, it counts as never served. */
export const MAX_CONFIDED_MODELS = 10_000;

export class ConfidedModels {
  /** By model, then by the account whose nodes offered it. */
  readonly #byModel = new Map<string, Map<string, Confided>>();
  /** What each account's nodes have offered, the oldest first. */
  readonly #byOwner = new Map<string, Set<string>>();
  #size = 0;

  remember(node: Node): void {
    const { who, audience, offer } = node;
    for (const model of offer.models) {
      const byOwner = this.#byModel.get(model) ?? new Map<string, Confided>();
      if (!byOwner.has(who.accountId)) this.#count(who.accountId, model);
      this.#byModel.set(model, byOwner);
      byOwner.set(who.accountId, { who, audience, endpoints: node.factsOf(model).endpoints });
    }
  }

  /** `endpoint` absent: at any. */
  knows(model: string, viewer: Viewer, endpoint?: Endpoint): boolean {
    for (const confided of this.#byModel.get(model)?.values() ?? []) {
      const isAsked = endpoint === undefined || confided.endpoints.includes(endpoint);
      if (isAsked && nearness(confided, viewer) !== null) return true;
    }
    return false;
  }

  *namesFor(viewer: Viewer): Iterable<string> {
    for (const model of this.#byModel.keys()) if (this.knows(model, viewer)) yield model;
  }

  #count(ownerId: string, model: string): void {
    if (this.#size >= MAX_CONFIDED_MODELS) this.#forgetOldest(this.#ownerWithoutRoom(ownerId));
    const models = this.#byOwner.get(ownerId) ?? new Set();
    this.#byOwner.set(ownerId, models);
    models.add(model);
    this.#size++;
  }

  /** The account itself, once it has its share, else the one with most: no account pushes out another's share. */
  #ownerWithoutRoom(ownerId: string): string {
    const sizeOf = (id: string) => this.#byOwner.get(id)?.size ?? 0;
    if (sizeOf(ownerId) * this.#byOwner.size >= this.#size) return ownerId;
    let most = ownerId;
    for (const [id, models] of this.#byOwner) if (models.size > sizeOf(most)) most = id;
    return most;
  }

  #forgetOldest(ownerId: string): void {
    const models = this.#byOwner.get(ownerId)!;
    const [oldest = ""] = models;
    models.delete(oldest);
    if (models.size === 0) this.#byOwner.delete(ownerId);
    const byOwner = this.#byModel.get(oldest);
    byOwner?.delete(ownerId);
    if (byOwner?.size === 0) this.#byModel.delete(oldest);
    this.#size--;
  }
}
