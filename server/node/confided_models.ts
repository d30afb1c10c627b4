/** The models that were served to some accounts only: only those may know of them. */

import type { Endpoint } from "../../protocol/mod.ts";
import { type Audience, nearness, type Viewer } from "./audience.ts";
import type { Node, NodeIdentity } from "./node.ts";

/** What the nodes of one account have offered of a model, as it was last. */
interface Confided {
  who: NodeIdentity;
  audience: Audience;
  endpoints: readonly Endpoint[];
}

/** Further ones are not remembered: while no node serves them, they count as models that there never were. */
const MAX_REMEMBERED = 10_000;

export class ConfidedModels {
  /** By model, then by the account whose nodes offered it. */
  readonly #byModel = new Map<string, Map<string, Confided>>();
  #size = 0;

  remember(node: Node): void {
    const { who, audience, offer } = node;
    for (const model of offer.models) {
      const byOwner = this.#byModel.get(model) ?? new Map<string, Confided>();
      if (!byOwner.has(who.accountId)) {
        if (this.#size >= MAX_REMEMBERED) continue;
        this.#size++;
      }
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
}
