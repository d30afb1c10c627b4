/** The rosters of all models, kept as nodes come, work and go. */

import type { Node } from "../node/node.ts";
import { type Place, type Price, Roster } from "./roster.ts";

export class Rosters {
  readonly #byModel = new Map<string, Roster>();
  readonly #places = new Map<Node, readonly Place[]>();

  constructor(private readonly price: Price) {}

  /** The nodes that serve the model; undefined: there are none. */
  of(model: string): Roster | undefined {
    return this.#byModel.get(model);
  }

  joined(node: Node): void {
    this.#places.set(node, node.offer.models.map((model) => this.#rosterFor(model).add(node)));
  }

  left(node: Node): void {
    for (const place of this.#placesOf(node)) {
      const { roster } = place;
      roster.remove(place);
      if (roster.isEmpty) this.#byModel.delete(roster.model);
    }
    this.#places.delete(node);
  }

  /** A slot was taken. */
  taken(node: Node): void {
    for (const { roster } of this.#placesOf(node)) roster.active++;
  }

  /** A slot was given back. */
  freed(node: Node): void {
    for (const place of this.#placesOf(node)) {
      place.roster.active--;
      place.roster.reprice(place);
    }
  }

  /** So many more of the node's slots are in use by other gateways; below 0: fewer. */
  loaded(node: Node, by: number): void {
    for (const place of this.#placesOf(node)) {
      place.roster.active += by;
      if (by < 0) place.roster.reprice(place);
    }
  }

  /** The node may have become cheaper. */
  eased(node: Node): void {
    for (const place of this.#placesOf(node)) place.roster.reprice(place);
  }

  #placesOf(node: Node): readonly Place[] {
    return this.#places.get(node) ?? [];
  }

  #rosterFor(model: string): Roster {
    const known = this.#byModel.get(model);
    if (known !== undefined) return known;
    const roster = new Roster(model, this.price);
    this.#byModel.set(model, roster);
    return roster;
  }
}
