/** The upstream headers that callers may see: rate limits, retry times, the request id. */

import type { HttpHeaders } from "../../http/http_response.ts";
import { RELAYED_HEADERS } from "../../../protocol/mod.ts";

/** Keyed by the upstream's names; the gateway maps them to the names that callers see. */
export function relayedHeaders(headers: HttpHeaders): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => RELAYED_HEADERS.has(name)));
}
