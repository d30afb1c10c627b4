/** The list of connected nodes, in small pages: the list is public, and a slow client keeps its response in memory. */

import type { NodeView } from "../../api/mod.ts";
import type { Names } from "../account/names.ts";
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
  names: Pick<Names, "isListed">;
  clock: Pick<Clock, "monotonic">;
}

/** A page ends with the node that makes it this long, and has one node at least. */
const PAGE_CHARS = 256 * 1024;

/** Visitors without a session share the first page for this long. */
const FRESH_MS = 1000;
/**
 * So many characters are written for them in a burst, and then in a second, however often they ask:
 * beyond that they get the list as it was written last.
 */
const CHARS_PER_SECOND = 4 * 1024 * 1024;
/** As how many characters it counts to find and sort a node. */
const CHARS_PER_NODE = 500;
/** Characters of a list's nodes, and of its pages, that are kept. Others are written again for each request. */
const MAX_KEPT_CHARS = 16 * 1024 * 1024;

export class NodePages {
  readonly #parts: NodePagesParts;
  #public: PublicList | null = null;
  /** What was written lately, and up to which time that was reckoned, in monotonic milliseconds. */
  #chars = 0;
  #reckonedMs = 0;

  constructor(parts: NodePagesParts) {
    this.#parts = parts;
  }

  /** The JSON of one page: the nodes that the visitor may see; null: a visitor without a session. */
  page(after: string, onlooker: Onlooker | null): Uint8Array<ArrayBuffer> {
    return onlooker === null ? this.#publicList(after).page(after) : this.#pageFor(onlooker, after);
  }

  #publicList(after: string): PublicList {
    const nowMs = this.#parts.clock.monotonic();
    const passedMs = nowMs - this.#reckonedMs;
    this.#chars = Math.max(0, this.#chars - passedMs * CHARS_PER_SECOND / 1000);
    this.#reckonedMs = nowMs;
    const known = this.#public;
    const isShared = after === "" && known !== null && nowMs - known.madeMs < FRESH_MS;
    if (known !== null && (isShared || this.#chars >= CHARS_PER_SECOND)) return known;
    const all = [...this.#parts.hub.nodes()];
    this.#chars += all.length * CHARS_PER_NODE;
    const nodes = sorted(all.filter((node) => maySee(node, null)));
    const write = (node: Node) => {
      const text = this.#textOf(node, null);
      this.#chars += text.length;
      return text;
    };
    return this.#public = new PublicList(nodes, write, nowMs);
  }

  #pageFor(onlooker: Onlooker, after: string): Uint8Array<ArrayBuffer> {
    const seen = [...this.#parts.hub.nodes()]
      .filter((node) => node.who.publicId > after && maySee(node, onlooker));
    return pageOf(sorted(seen), 0, (node) => this.#textOf(node, onlooker));
  }

  #textOf(node: Node, onlooker: Onlooker | null): string {
    const { penalties, names } = this.#parts;
    const { accountId = null, groups = [], isAdmin = false } = onlooker ?? {};
    const isListed = (model: string) => names.isListed(model, groups);
    return JSON.stringify(
      node.view(penalties.of(node.who.nodeKey), accountId, isAdmin, isListed),
    );
  }
}

/** The list as all visitors without a session see it: sorted once, and each node and each page written once, whatever pages are asked for. */
class PublicList {
  readonly #texts = new Kept<Node, string>(({ length }) => length);
  /** By the place of their first node. */
  readonly #pages = new Kept<number, Uint8Array<ArrayBuffer>>(({ byteLength }) => byteLength);

  constructor(
    private readonly nodes: readonly Node[],
    private readonly write: (node: Node) => string,
    /** Monotonic milliseconds. */
    readonly madeMs: number,
  ) {}

  page(after: string): Uint8Array<ArrayBuffer> {
    const from = after === "" ? 0 : firstAfter(this.nodes, after);
    const textOf = (node: Node) => this.#texts.get(node, () => this.write(node));
    return this.#pages.get(from, () => pageOf(this.nodes, from, textOf));
  }
}

/** What was made once, until there is too much of it. */
class Kept<K, V> {
  readonly #values = new Map<K, V>();
  #chars = 0;

  constructor(private readonly charsOf: (value: V) => number) {}

  get(key: K, make: () => V): V {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = make();
    const chars = this.#chars + this.charsOf(value);
    if (chars > MAX_KEPT_CHARS) return value;
    this.#chars = chars;
    this.#values.set(key, value);
    return value;
  }
}

/** By id, so that a node which connects or leaves between two pages shifts no other. */
function sorted(nodes: Node[]): Node[] {
  return nodes.sort((a, b) => a.who.publicId < b.who.publicId ? -1 : 1);
}

/** The place of the first node whose id is greater: the nodes are sorted. */
function firstAfter(nodes: readonly Node[], after: string): number {
  let [low, high] = [0, nodes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (nodes[middle]!.who.publicId > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

function pageOf(
  nodes: readonly Node[],
  from: number,
  textOf: (node: Node) => string,
): Uint8Array<ArrayBuffer> {
  const texts: string[] = [];
  let chars = 0;
  let at = from;
  for (; at < nodes.length && chars < PAGE_CHARS; at++) {
    const text = textOf(nodes[at]!);
    texts.push(text);
    chars += text.length;
  }
  const next = at < nodes.length ? nodes[at - 1]!.who.publicId : null;
  return new TextEncoder().encode(`{"nodes":[${texts.join()}],"next":${JSON.stringify(next)}}`);
}
