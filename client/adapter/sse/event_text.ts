/** Frames a JSON text as a server-sent event of an endpoint's stream. */

import { type Endpoint, endpointSpecs } from "../../../protocol/mod.ts";

/** The event's text, including the blank line that ends it. `json` must be valid JSON. */
export function frameEvent(endpoint: Endpoint, json: string): string {
  // A line break is white space in JSON, but ends the line in an event stream.
  const data = /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]+/g, " ") : json;
  return hasNames(endpoint) ? `event: ${typeOf(data)}\ndata: ${data}\n\n` : `data: ${data}\n\n`;
}

/** The dialects that end without `[DONE]` are those that name their events. */
function hasNames(endpoint: Endpoint): boolean {
  return endpointSpecs[endpoint].stream?.endsWithDone === false;
}

function typeOf(json: string): string {
  const atFront = /^\{\s*"type"\s*:\s*"([\w.]+)"/.exec(json)?.[1];
  return atFront ?? String((JSON.parse(json) as { type?: unknown }).type);
}
