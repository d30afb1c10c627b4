/** What callers may see of an upstream's headers: its limits, its patience, its id of the request. */

import { RELAYED_HEADERS } from "../../../protocol/mod.ts";

/** By the upstream's own names: the gateway gives them those under which callers see them. */
export function relayedHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => RELAYED_HEADERS.has(name)));
}
