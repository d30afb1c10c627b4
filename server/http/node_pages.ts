/** The list of connected nodes, in small pages: the list is public, and a slow client keeps its response in memory. */

import type { NodeView } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { maySee, type Onlooker } from "../node/audience.ts";
import type { Hub } from "../node/hub.ts";
import type { Node } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";

export interface NodePage {
  nodes: NodeView[];
  /** Where the next page begins; null: this is the last. */
  next: string | null;
}

export interface NodePagesParts {
  hub: Pick<Hub, "nodes">;
  penalties: Pick<PenaltyBook, "of">;
  clock: Pick<Clock, "monotonic">;
}

/** A page ends with the node that makes it this long, and has one node at least. */
const PAGE_CHARS = 256 * 1024;

/** Visitors without a session share a page for this long. */
const FRESH_MS = 1000;
/** At most this many pages are shared; the beginning of the list is requested most. */
const MAX_PAGES = 16;

export class NodePages {
  readonly #parts: NodePagesParts;
  readonly #public = new Map<string, Uint8Array<ArrayBuffer>>();
  #madeMs = -Infinity;

  constructor(parts: NodePagesParts) {
    this.#parts = parts;
  }

  /** The JSON of one page: the nodes that the visitor may see; null: a visitor without a session. */
  page(after: string, onlooker: Onlooker | null): Uint8Array<ArrayBuffer> {
    if (onlooker !== null) return this.#make(after, onlooker);
    const nowMs = this.#parts.clock.monotonic();
    if (nowMs - this.#madeMs >= FRESH_MS) {
      this.#public.clear();
      this.#madeMs = nowMs;
    }
    const known = this.#public.get(after);
    if (known !== undefined) return known;
    const made = this.#make(after, null);
    if (this.#public.size < MAX_PAGES) this.#public.set(after, made);
    return made;
  }

  #make(after: string, onlooker: Onlooker | null): Uint8Array<ArrayBuffer> {
    const nodes: string[] = [];
    let chars = 0;
    let last = after;
    let next: string | null = null;
    for (const node of this.#nodesAfter(after, onlooker)) {
      if (chars >= PAGE_CHARS) {
        next = last;
        break;
      }
      const penalties = this.#parts.penalties.of(node.who.nodeKey);
      const { accountId = null, isAdmin = false } = onlooker ?? {};
      const text = JSON.stringify(node.view(penalties, accountId, isAdmin));
      nodes.push(text);
      chars += text.length;
      last = node.who.publicId;
    }
    return new TextEncoder().encode(`{"nodes":[${nodes.join()}],"next":${JSON.stringify(next)}}`);
  }

  /** Sorted by id, so that a node which connects or leaves between two pages shifts no other. */
  #nodesAfter(after: string, onlooker: Onlooker | null): Node[] {
    return [...this.#parts.hub.nodes()].filter((node) =>
      node.who.publicId > after && maySee(node, onlooker)
    )
      .sort((a, b) => a.who.publicId < b.who.publicId ? -1 : 1);
  }
}
