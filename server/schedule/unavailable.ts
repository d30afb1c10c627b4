/** The errors of a call that gets no slot. */

import { ColinkError } from "../base/error.ts";
import type { Service } from "../node/service.ts";
import { didYouMean } from "./did_you_mean.ts";

export function modelNotFound(model: string, known: Iterable<string>): ColinkError {
  const near = didYouMean(model, known).map((name) => `"${name}"`);
  const hint = near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : "GET /v1/models lists what is offered";
  return new ColinkError("model_not_found", `Cannot find the model "${model}": ${hint}`, {
    param: "model",
  });
}

/** `offered`: the endpoints at which the model can be called now. */
export function endpointNotOffered(
  { model, endpoint }: Service,
  offered: readonly string[],
): ColinkError {
  const hint = offered.length > 0
    ? `it can be called at ${offered.join(", ")}`
    : "GET /v1/models lists what is offered";
  return new ColinkError(
    "endpoint_not_offered",
    `Cannot serve "${model}" at ${endpoint}: no node offers it there; ${hint}`,
    { param: "model" },
  );
}

/** The gateway does not know the stored response that a call goes on from. */
export function responseNotFound(): ColinkError {
  return new ColinkError(
    "previous_response_not_found",
    "Cannot go on from the previous response: this gateway does not know it, or not any more; " +
      "send the whole conversation as input",
    { param: "previous_response_id" },
  );
}

/** The node that has stored the response is not connected, or does not serve the model. */
export function requiredNodeOffline(): ColinkError {
  return new ColinkError(
    "previous_response_not_found",
    "Cannot go on from the previous response: the node that has it is away, or does not offer this " +
      "model; try again later, or send the whole conversation as input",
    { param: "previous_response_id" },
  );
}

export function noNodeOnline({ model, endpoint }: Service, retryAfterMs: number): ColinkError {
  return new ColinkError(
    "no_node_online",
    `Cannot serve "${model}": no node that offers it at ${endpoint} is connected; try again soon`,
    { retryAfterMs },
  );
}

export function nodesPenalized(model: string, retryAfterMs: number): ColinkError {
  return new ColinkError(
    "nodes_penalized",
    `Cannot serve "${model}": every node that offers it has failed lately, is paused or is leaving; try again later`,
    { retryAfterMs },
  );
}

/** `limit`: the one that is reached. */
export function queueFull(
  model: string,
  limit: "model" | "account",
  retryAfterMs: number,
): ColinkError {
  const owner = limit === "model" ? "the model's" : "your account's";
  return new ColinkError(
    "queue_full",
    `Cannot queue a call for "${model}": ${owner} queue is full; try again later`,
    { retryAfterMs },
  );
}

export function queueTimeout(model: string, waitMs: number, retryAfterMs: number): ColinkError {
  return new ColinkError(
    "queue_timeout",
    `Cannot serve "${model}": no slot became free within ${waitMs / 1000} s; try again later`,
    { retryAfterMs },
  );
}
