/** Makes a call of a request: of its body, its headers, and what its key may do. */

import { endpointSpecs } from "../../protocol/mod.ts";
import type { Key } from "../account/keyring.ts";
import { Call } from "../schedule/call.ts";
import type { ResponseAffinity } from "../call/response_affinity.ts";
import { responseNotFound } from "../schedule/unavailable.ts";
import { ColinkError } from "../base/error.ts";
import { JsonBody } from "./body.ts";
import { checkBody, type EndpointRow, routingFields } from "./endpoints.ts";
import type { AppParts } from "./parts.ts";

export interface IncomingRequest {
  request: Request;
  requestId: string;
  /** Monotonic milliseconds. */
  startedMs: number;
}

/** Throws ColinkError: what is wrong with the request, or that its key may not use the model. */
export function readCall(
  { request, requestId, startedMs }: IncomingRequest,
  bytes: Uint8Array,
  endpoint: EndpointRow,
  key: Key,
  { clock, responseAffinity }: AppParts,
): Call {
  const body = JsonBody.of(bytes);
  const { model, stream } = routingFields(body);
  checkBody(endpoint, body);
  if (key.models !== null && !key.models.includes(model)) {
    throw new ColinkError(
      "model_not_allowed",
      `Cannot call "${model}": this key may not use it; ask the key's owner`,
      { param: "model" },
    );
  }
  const isUsageOptional = endpointSpecs[endpoint.path].stream?.isUsageOptional ?? false;
  const streamOptions = isUsageOptional ? optionsIn(body) : null;
  const callRequest = {
    id: requestId,
    accountId: key.accountId,
    keyId: key.id,
    endpoint: endpoint.path,
    model,
    stream,
    wantsUsage: !isUsageOptional || streamOptions?.include_usage === true,
    streamOptions,
    wantsPosition: stream && request.headers.get("x-colink-queue-position") === "1",
    headers: headersFor(endpoint, request.headers),
    requiredNode: requiredNodeFor(endpoint, body, key, responseAffinity),
    body: body.whole,
  };
  return new Call(callRequest, startedMs, clock.now());
}

function optionsIn(body: JsonBody): { include_usage?: unknown } | null {
  return (body.value("stream_options") ?? null) as { include_usage?: unknown } | null;
}

/** The node that has what the call goes on from; null: it goes on from nothing that is stored. */
function requiredNodeFor(
  { goesOnFrom }: EndpointRow,
  body: JsonBody,
  key: Key,
  responseAffinity: ResponseAffinity,
): string | null {
  const previous = goesOnFrom === undefined ? null : body.value(goesOnFrom) ?? null;
  if (previous === null) return null;
  const home = responseAffinity.requiredNodeOf(key.accountId, String(previous));
  if (home === null) throw responseNotFound();
  return home;
}

/** Null: none that matters, which is what most callers send. */
function headersFor({ headers = [] }: EndpointRow, sent: Headers): Record<string, string> | null {
  const found = headers.flatMap((name) => {
    const value = sent.get(name);
    return value === null ? [] : [[name, value]];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}
