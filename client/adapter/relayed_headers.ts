/** What callers may see of an upstream's headers: its limits, its patience, its id of the request. */

import { RELAYED_HEADERS } from "../../protocol/mod.ts";

/** By the names under which callers see them. */
export function relayedHeaders(headers: Headers): Record<string, string> {
  const relayed: Record<string, string> = {};
  for (const [name, value] of headers) {
    const shown = RELAYED_HEADERS.get(name);
    if (shown !== undefined) relayed[shown] = value;
  }
  return relayed;
}
