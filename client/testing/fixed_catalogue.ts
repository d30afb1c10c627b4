/** A catalogue for tests: fixed offers by name. */

import type { Catalogue } from "../run/catalogue.ts";
import type { Offer } from "../run/provider.ts";

/** `isMissing` answers whether a provider has not got what an offer promises. */
export function fixedCatalogue(
  offers: Readonly<Record<string, readonly Offer[]>>,
  isMissing: (offer: Offer) => boolean = () => false,
): Pick<Catalogue, "get" | "confirmMissing"> {
  return {
    get: (name) => offers[name],
    confirmMissing: (offer) => Promise.resolve(isMissing(offer)),
  };
}
