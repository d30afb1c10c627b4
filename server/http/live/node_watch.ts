/** Finds what has changed in the connected nodes since the last look. */

import type { NodeView } from "../../../api/mod.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { Penalty, PenaltyBook } from "../../node/penalty.ts";

/** What is compared of a node. A change of `active` alone is reported as a number, any other as the whole node. */
interface Look {
  node: Node;
  offer: Node["offer"];
  hold: Node["hold"];
  label: string | null;
  isDraining: boolean;
  pause: Node["pause"];
  reconnectsUntil: number | null;
  penalties: string;
  active: number;
}

export interface NodeChanges {
  changed: Node[];
  gone: { id: string; name: string }[];
  /** Running calls by public id, of nodes in which nothing else changed. */
  load: Record<string, number>;
}

/** Compares all nodes at each look, so that a call that begins or ends costs nothing. */
export class NodeWatch {
  #looks = new Map<string, Look>();

  constructor(private readonly hub: Hub, private readonly penalties: PenaltyBook) {}

  look(): NodeChanges {
    const before = this.#looks;
    const changes: NodeChanges = { changed: [], gone: [], load: {} };
    this.#looks = new Map();
    for (const node of this.hub.nodes()) {
      const { publicId } = node.who;
      const look = this.#lookAt(node);
      const last = before.get(publicId);
      this.#looks.set(publicId, look);
      if (last === undefined || differs(last, look)) changes.changed.push(node);
      else if (last.active !== look.active) changes.load[publicId] = look.active;
    }
    for (const [id, { node }] of before) {
      if (!this.#looks.has(id)) {
        changes.gone.push({ id, name: node.label ?? node.offer.name });
      }
    }
    return changes;
  }

  view(node: Node, viewerId: string | null): NodeView {
    return node.view(this.penalties.of(node.who.nodeKey), viewerId);
  }

  /** All nodes; null: they would take more than so many characters as JSON. */
  views(viewerId: string, maxChars: number): NodeView[] | null {
    const views: NodeView[] = [];
    let chars = 0;
    for (const node of this.hub.nodes()) {
      const view = this.view(node, viewerId);
      chars += JSON.stringify(view).length;
      if (chars > maxChars) return null;
      views.push(view);
    }
    return views;
  }

  #lookAt(node: Node): Look {
    const { offer, hold, label, isDraining, pause, reconnectsUntil, active } = node;
    const penalties = this.penalties.of(node.who.nodeKey).map(mark).join(" ");
    return { node, offer, hold, label, isDraining, pause, reconnectsUntil, penalties, active };
  }
}

function mark({ model, until, isOver }: Penalty): string {
  return `${model ?? ""}/${until}/${isOver}`;
}

function differs(a: Look, b: Look): boolean {
  return a.node !== b.node || a.offer !== b.offer || a.hold !== b.hold || a.label !== b.label ||
    a.isDraining !== b.isDraining || a.pause !== b.pause ||
    a.reconnectsUntil !== b.reconnectsUntil || a.penalties !== b.penalties;
}
