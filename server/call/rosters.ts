/** The rosters of all services, kept as nodes come, work and go. */

import type { Node } from "../node/node.ts";
import { ByService, type Service } from "../node/service.ts";
import { type Place, type Price, Roster } from "./roster.ts";

export class Rosters {
  readonly #rosters = new ByService<Roster>();
  readonly #places = new Map<Node, readonly Place[]>();

  constructor(private readonly price: Price) {}

  /** The nodes that serve the model at the endpoint; undefined: there are none. */
  of(service: Service): Roster | undefined {
    return this.#rosters.get(service);
  }

  joined(node: Node): void {
    const places = [...node.services()].map((service) => this.#rosterFor(service).add(node));
    this.#places.set(node, places);
  }

  left(node: Node): void {
    for (const place of this.#placesOf(node)) {
      const { roster } = place;
      roster.remove(place);
      if (roster.isEmpty) this.#rosters.delete(roster.service);
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

  #rosterFor(service: Service): Roster {
    const known = this.#rosters.get(service);
    if (known !== undefined) return known;
    const roster = new Roster(service, this.price);
    this.#rosters.set(service, roster);
    return roster;
  }
}
