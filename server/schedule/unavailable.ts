/** What a caller is told who gets no slot. */

import { ColinkError } from "../base/error.ts";
import type { Service } from "../node/service.ts";
import { nearNames } from "./did_you_mean.ts";

export function modelNotFound(model: string, known: Iterable<string>): ColinkError {
  const near = nearNames(model, known).map((name) => `"${name}"`);
  const hint = near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : "GET /v1/models lists what is offered";
  return new ColinkError("model_not_found", `Cannot find the model "${model}": ${hint}`, {
    param: "model",
  });
}

/** `offered`: where the model can be called now. */
export function notAtEndpoint(
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

/** The stored answer that a call goes on from is not known here. */
export function responseNotFound(): ColinkError {
  return new ColinkError(
    "previous_response_not_found",
    "Cannot go on from the previous response: this gateway does not know it, or not any more; " +
      "send the whole conversation as input",
    { param: "previous_response_id" },
  );
}

/** It is known, but not to be had. */
export function requiredNodeOffline(): ColinkError {
  return new ColinkError(
    "previous_response_not_found",
    "Cannot go on from the previous response: the node that has it is away, or does not offer this " +
      "model; try again later, or send the whole conversation as input",
    { param: "previous_response_id" },
  );
}

export function nobodyOnline({ model, endpoint }: Service, retryAfterMs: number): ColinkError {
  return new ColinkError(
    "no_node_online",
    `Cannot serve "${model}": no node that offers it at ${endpoint} is connected; try again soon`,
    { retryAfterMs },
  );
}

export function allPenalized(model: string, retryAfterMs: number): ColinkError {
  return new ColinkError(
    "nodes_penalized",
    `Cannot serve "${model}": every node that offers it has failed lately, is paused or is leaving; try again later`,
    { retryAfterMs },
  );
}

export function lineFull(
  model: string,
  whose: "model" | "account",
  retryAfterMs: number,
): ColinkError {
  const owner = whose === "model" ? "the model's" : "your account's";
  return new ColinkError(
    "queue_full",
    `Cannot queue a call for "${model}": ${owner} waiting line is full; try again later`,
    { retryAfterMs },
  );
}

export function waitedTooLong(model: string, waitMs: number, retryAfterMs: number): ColinkError {
  return new ColinkError(
    "queue_timeout",
    `Cannot serve "${model}": no slot became free within ${waitMs / 1000} s; try again later`,
    { retryAfterMs },
  );
}
