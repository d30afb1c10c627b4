/** Finds what has changed in the connected nodes since the last look. */

import type { NodeView } from "../../../api/mod.ts";
import { maySee, type Onlooker, type Shared } from "../../node/audience.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { Penalty, PenaltyBook } from "../../node/penalty.ts";

/** Which models lists name. */
export interface Listing {
  /** Whether members of the groups see the model on a node of others. */
  isListed(model: string, groups: readonly string[]): boolean;
  /** For whom the model is listed. */
  listingOf(model: string): string;
  /** Changes whenever any `listingOf` does. */
  readonly revision: number;
}

const EVERYTHING: Listing = { isListed: () => true, listingOf: () => "", revision: 0 };

/** What is compared of a node. A change of `active` alone is reported as a number, any other as the whole node. */
interface Look {
  node: Node;
  offer: Node["offer"];
  shared: Shared;
  hold: Node["hold"];
  label: string | null;
  isDraining: boolean;
  pause: Node["pause"];
  reconnectsUntil: number | null;
  penalties: string;
  share: number;
  active: number;
  /** For whom its models are listed. */
  listing: string;
}

export interface NodeChanges {
  changed: Node[];
  gone: { id: string; name: string; shared: Shared }[];
  /** Nodes that are for others than `before`. */
  narrowed: { id: string; name: string; before: Shared; shared: Shared }[];
  /** Running calls by public id, of nodes in which nothing else changed: those for everyone together, each other one alone. */
  loads: [shared: Shared, load: Record<string, number>][];
}

/** Compares all nodes at each look, so that a call that begins or ends costs nothing. */
export class NodeWatch {
  #looks = new Map<string, Look>();
  /** The listing's revision at the last look. */
  #revision = -1;

  constructor(
    private readonly hub: Hub,
    private readonly penalties: PenaltyBook,
    private readonly listing: Listing = EVERYTHING,
  ) {}

  look(): NodeChanges {
    const before = this.#looks;
    const changes: NodeChanges = { changed: [], gone: [], narrowed: [], loads: [] };
    let common: Record<string, number> | null = null;
    this.#looks = new Map();
    const isSameListing = this.listing.revision === this.#revision;
    this.#revision = this.listing.revision;
    for (const node of this.hub.nodes()) {
      const { publicId } = node.who;
      const last = before.get(publicId);
      const isKnown = isSameListing && last?.offer === node.offer;
      const look = this.#lookAt(node, isKnown ? last.listing : this.#listingOf(node));
      this.#looks.set(publicId, look);
      const { shared } = look;
      if (last !== undefined && last.shared.audience !== shared.audience) {
        changes.narrowed.push({ id: publicId, name: nameOf(node), before: last.shared, shared });
      }
      if (last === undefined || differs(last, look)) changes.changed.push(node);
      else if (last.active !== look.active) {
        if (!shared.audience.isForEveryone) {
          changes.loads.push([shared, { [publicId]: look.active }]);
          continue;
        }
        if (common === null) changes.loads.push([shared, common = {}]);
        common[publicId] = look.active;
      }
    }
    for (const [id, { node, shared }] of before) {
      if (!this.#looks.has(id)) changes.gone.push({ id, name: nameOf(node), shared });
    }
    return changes;
  }

  view(node: Node, { accountId, groups, isAdmin }: Onlooker): NodeView {
    const shows = (model: string) => this.listing.isListed(model, groups);
    return node.view(this.penalties.of(node.who.nodeKey), accountId, isAdmin, shows);
  }

  /** Whether the node has models that not everyone sees. */
  isPartlyListed({ offer }: Node): boolean {
    return offer.models.some((model) => !this.listing.isListed(model, []));
  }

  /** All nodes that show; null: they would take more than so many characters as JSON. */
  views(onlooker: Onlooker, maxChars: number): NodeView[] | null {
    const views: NodeView[] = [];
    let chars = 0;
    for (const node of this.hub.nodes()) {
      if (!maySee(node, onlooker)) continue;
      const view = this.view(node, onlooker);
      chars += JSON.stringify(view).length;
      if (chars > maxChars) return null;
      views.push(view);
    }
    return views;
  }

  #listingOf({ offer }: Node): string {
    const listings = offer.models.map((model) => this.listing.listingOf(model));
    return listings.some((one) => one !== "") ? listings.join(" ") : "";
  }

  #lookAt(node: Node, listing: string): Look {
    const { offer, hold, label, isDraining, pause, reconnectsUntil, active, who, audience } = node;
    const shared = { who, audience };
    const penalties = this.penalties.of(node.who.nodeKey).map(mark).join(" ");
    return {
      node,
      offer,
      shared,
      hold,
      label,
      isDraining,
      pause,
      reconnectsUntil,
      penalties,
      share: node.share,
      active,
      listing,
    };
  }
}

function nameOf({ label, offer }: Node): string {
  return label ?? offer.name;
}

function mark({ model, until, isOver }: Penalty): string {
  return `${model ?? ""}/${until}/${isOver}`;
}

function differs(a: Look, b: Look): boolean {
  return a.node !== b.node || a.offer !== b.offer || a.shared.audience !== b.shared.audience ||
    a.hold !== b.hold || a.label !== b.label ||
    a.isDraining !== b.isDraining || a.pause !== b.pause ||
    a.reconnectsUntil !== b.reconnectsUntil || a.penalties !== b.penalties ||
    a.share !== b.share || a.listing !== b.listing;
}
