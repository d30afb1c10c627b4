/** A failure as the body of an answer, in the shape of the endpoint's API. */

import { type Endpoint, endpointSpecs } from "../../protocol/mod.ts";
import type { UpstreamErrorObject, UpstreamFailure } from "./adapter.ts";
import { typesByStatus } from "./claude/error.ts";
import { CONTEXT_OVERFLOW, promptTooLong } from "./upstream/context_overflow.ts";

/** JSON text: the upstream's own body where the adapter kept it, else one made from the failure. */
export function errorBody(endpoint: Endpoint, failure: UpstreamFailure): string {
  if (failure.bodyText !== undefined) return failure.bodyText;
  return JSON.stringify(bodies[endpointSpecs[endpoint].api](failure));
}

/** The provider's error as the last event of a stream names it, in the words of the endpoint's API. */
export function errorWords(
  endpoint: Endpoint,
  { error }: UpstreamFailure,
): UpstreamErrorObject | undefined {
  return endpointSpecs[endpoint].api === "anthropic" && error?.code === CONTEXT_OVERFLOW
    ? { ...error, message: promptTooLong(error.message) }
    : error;
}

function openAiBody({ message, error }: UpstreamFailure): object {
  const { type = "invalid_request_error", param = null, code = null } = error ?? {};
  // A number repeats the status, in most servers.
  const shown = typeof code === "number" ? null : code;
  return { error: { message: error?.message ?? message, type, param, code: shown } };
}

function anthropicBody({ code, message, error }: UpstreamFailure): object {
  const type = typesByStatus[code] ?? "invalid_request_error";
  const own = error?.message ?? message;
  // Anthropic has no field for the parameter's name: the message begins with it.
  const named = error?.code === CONTEXT_OVERFLOW
    ? promptTooLong(own)
    : error?.param
    ? `${error.param}: ${own}`
    : own;
  // Only the gateway knows the id that the caller sees, and fills it in.
  return { type: "error", error: { type, message: named }, request_id: null };
}

const bodies = { openai: openAiBody, anthropic: anthropicBody };
