/** The rosters of all services, kept as nodes come, work and go. */

import type { Node } from "../node/node.ts";
import { ByService, type Service } from "../node/service.ts";
import { type Place, type Price, Roster } from "./roster.ts";

/** Where a node stands. */
interface Standing {
  places: readonly Place[];
  /** Those of its places that may be dearer than it is now. */
  raised: Set<Place>;
  /** Those of its rosters that count running calls. */
  counting: readonly Roster[];
}

export class Rosters {
  readonly #rosters = new ByService<Roster>();
  readonly #standings = new Map<Node, Standing>();

  /** `countsActive`: whether the calls that run on a service's nodes are to be counted. */
  constructor(
    private readonly price: Price,
    private readonly countsActive: (service: Service) => boolean,
  ) {}

  /** The nodes that serve the model at the endpoint; undefined: there are none. */
  of(service: Service): Roster | undefined {
    return this.#rosters.get(service);
  }

  joined(node: Node): void {
    const raised = new Set<Place>();
    const places = [...node.services()].map((one) => this.#rosterFor(one).add(node, raised));
    const counting = places.map(({ roster }) => roster).filter((roster) => roster.countsActive);
    this.#standings.set(node, { places, raised, counting });
  }

  left(node: Node): void {
    for (const place of this.#standings.get(node)?.places ?? []) {
      const { roster } = place;
      roster.remove(place);
      if (roster.isEmpty) this.#rosters.delete(roster.service);
    }
    this.#standings.delete(node);
  }

  /** A slot was taken. */
  taken(node: Node): void {
    this.#count(node, 1);
  }

  /** A slot was given back. */
  freed(node: Node): void {
    this.#count(node, -1);
    this.eased(node);
  }

  /** So many more of the node's slots are in use by other gateways; below 0: fewer. */
  loaded(node: Node, by: number): void {
    this.#count(node, by);
    if (by < 0) this.eased(node);
  }

  /** The node may have become cheaper. */
  eased(node: Node): void {
    for (const place of this.#standings.get(node)?.raised ?? []) place.roster.reprice(place);
  }

  #count(node: Node, by: number): void {
    for (const roster of this.#standings.get(node)?.counting ?? []) roster.active += by;
  }

  #rosterFor(service: Service): Roster {
    const known = this.#rosters.get(service);
    if (known !== undefined) return known;
    const roster = new Roster(service, this.price, this.countsActive(service));
    this.#rosters.set(service, roster);
    return roster;
  }
}
