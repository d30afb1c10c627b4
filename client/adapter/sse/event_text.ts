/** One JSON text as an event of a stream, framed as its endpoint's dialect does. */

import { type Endpoint, endpointSpecs } from "../../../protocol/mod.ts";

/** The event's text, with the empty line that ends it. The text must be valid JSON. */
export function eventText(endpoint: Endpoint, json: string): string {
  // White space between JSON's tokens, but in an event stream it ends the line.
  const data = /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]+/g, " ") : json;
  return hasNames(endpoint) ? `event: ${typeOf(data)}\ndata: ${data}\n\n` : `data: ${data}\n\n`;
}

/** Dialects whose last event says that it is the last one name their events. */
function hasNames(endpoint: Endpoint): boolean {
  return endpointSpecs[endpoint].stream?.endsWithDone === false;
}

function typeOf(json: string): string {
  const atFront = /^\{\s*"type"\s*:\s*"([\w.]+)"/.exec(json)?.[1];
  return atFront ?? String((JSON.parse(json) as { type?: unknown }).type);
}
