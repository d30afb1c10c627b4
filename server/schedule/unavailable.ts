/** The errors of a call that gets no slot. */

import { ColinkError } from "../base/error.ts";
import type { Service } from "../node/service.ts";
import { didYouMean } from "./did_you_mean.ts";

const LIST_HINT = "GET /v1/models lists what is offered";

export function modelNotFound(model: string, known: Iterable<string>): ColinkError {
  const near = didYouMean(model, known).map((name) => `"${name}"`);
  const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : LIST_HINT;
  const message = `Cannot find the model "${model}": ${hint}`;
  return new ColinkError("model_not_found", message, { param: "model" });
}

/** `offered`: the endpoints at which the model can be called now. */
export function endpointNotOffered(
  { model, endpoint }: Service,
  offered: readonly string[],
): ColinkError {
  const hint = offered.length > 0 ? `it can be called at ${offered.join(", ")}` : LIST_HINT;
  const message = `Cannot serve "${model}" at ${endpoint}: no node offers it there; ${hint}`;
  return new ColinkError("endpoint_not_offered", message, { param: "model" });
}

/** The stored response that a call continues is unknown to the gateway. */
export function responseNotFound(): ColinkError {
  return withoutPreviousResponse(
    "this gateway does not know it, or no longer; send the whole conversation as input, or make each " +
      "response with store: true, which is not the default here",
  );
}

/** The node that has stored the response is not connected, or does not serve the model. */
export function requiredNodeOffline(): ColinkError {
  return withoutPreviousResponse(
    "the node that has it is away, or does not offer this model; " +
      "try again later, or send the whole conversation as input",
  );
}

/** The caller wants one node and no other. */
export function namedNodeAway({ model, endpoint }: Service): ColinkError {
  const why = `the node that the call names is away, or does not offer it at ${endpoint}`;
  return new ColinkError("no_node_online", `Cannot serve "${model}": ${why}`);
}

function withoutPreviousResponse(why: string): ColinkError {
  const message = `Cannot continue from the previous response: ${why}`;
  return new ColinkError("previous_response_not_found", message, { param: "previous_response_id" });
}

export function noNodeOnline({ model, endpoint }: Service, retryAfterMs: number): ColinkError {
  const why = `no node that offers it at ${endpoint} is connected; try again soon`;
  return new ColinkError("no_node_online", `Cannot serve "${model}": ${why}`, { retryAfterMs });
}

/** The nodes that serve the model are not as near as the caller wants. */
export function noNodeNear(
  { model, endpoint }: Service,
  route: "own" | "group",
  retryAfterMs: number,
): ColinkError {
  const whose = route === "own" ? "of your own" : "of your own or shared with you by name";
  const why = `no node ${whose} that offers it at ${endpoint} is connected, and this call is for ` +
    "those alone (x-colink-route, or its key); connect one, or allow any";
  return new ColinkError("no_node_online", `Cannot serve "${model}": ${why}`, { retryAfterMs });
}

export function nodesPenalized(model: string, retryAfterMs: number): ColinkError {
  const why =
    "every node that offers it has failed lately, is paused or is leaving; try again later";
  return new ColinkError("nodes_penalized", `Cannot serve "${model}": ${why}`, { retryAfterMs });
}

/** `limit`: the one that is reached. */
export function queueFull(
  model: string,
  limit: "model" | "account",
  retryAfterMs: number,
): ColinkError {
  const owner = limit === "model" ? "the model's" : "your account's";
  const message = `Cannot queue a call for "${model}": ${owner} queue is full; try again later`;
  return new ColinkError("queue_full", message, { retryAfterMs });
}

export function queueTimeout(model: string, waitMs: number, retryAfterMs: number): ColinkError {
  const why = `no slot became free within ${waitMs / 1000} s; try again later`;
  return new ColinkError("queue_timeout", `Cannot serve "${model}": ${why}`, { retryAfterMs });
}
