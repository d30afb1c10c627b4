/** A failure as the body of an answer, in the shape of the endpoint's API. */

import { type Endpoint, endpointSpecs } from "../../protocol/mod.ts";
import type { UpstreamFailure } from "./adapter.ts";
import { typesByStatus } from "./claude/error.ts";

/** JSON text: the upstream's own body where the adapter kept it, else one made from the failure. */
export function errorBody(endpoint: Endpoint, failure: UpstreamFailure): string {
  if (failure.bodyText !== undefined) return failure.bodyText;
  return JSON.stringify(bodies[endpointSpecs[endpoint].api](failure));
}

function openAiBody({ message, error }: UpstreamFailure): object {
  const { type = "invalid_request_error", param = null, code = null } = error ?? {};
  return { error: { message: error?.message ?? message, type, param, code } };
}

function anthropicBody({ code, message, error }: UpstreamFailure): object {
  const type = typesByStatus[code] ?? "invalid_request_error";
  const text = error?.message ?? message;
  // Anthropic has no field for the parameter's name: the message begins with it.
  const named = error?.param ? `${error.param}: ${text}` : text;
  // Only the gateway knows the id that the caller sees, and sends it in a header.
  return { type: "error", error: { type, message: named }, request_id: null };
}

const bodies = { openai: openAiBody, anthropic: anthropicBody };
