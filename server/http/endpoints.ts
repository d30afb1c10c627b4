/** The inference endpoints, a row each: what their bodies must hold before a call is made of them. */

import { Endpoint, MAX_MODEL_NAME_CHARS } from "../../protocol/mod.ts";
import { ColinkError } from "../error.ts";
import type { JsonBody } from "./body.ts";

export interface EndpointRow {
  path: Endpoint;
  /** Throws ColinkError invalid_request, naming the field. */
  check: (body: JsonBody) => void;
}

export const endpoints: readonly EndpointRow[] = Object.freeze([
  { path: Endpoint.chat, check: checkChat },
]);

function checkChat(body: JsonBody): void {
  if (body.kind("messages") === undefined && body.kind("input") !== undefined) {
    throw wrong(
      "messages",
      `Cannot read the body: "input" belongs to /v1/responses; send "messages" to /v1/chat/completions`,
    );
  }
  if (body.kind("messages") !== "array" || body.isEmptyList("messages")) {
    throw wrong(
      "messages",
      `Cannot read the body: "messages" must be a list of at least one message`,
    );
  }
  const options = body.kind("stream_options") ?? "null";
  if (options !== "null" && options !== "object") {
    throw wrong("stream_options", `Cannot read the body: "stream_options" must be an object`);
  }
}

/** The fields that routing needs, of every endpoint. */
export function routingFields(body: JsonBody): { model: string; stream: boolean } {
  const model = body.value("model");
  if (model === undefined || model === null || model === "") {
    throw wrong(
      "model",
      `Cannot choose a node: "model" is missing; GET /v1/models lists what is offered`,
    );
  }
  if (typeof model !== "string") {
    throw wrong("model", `Cannot read the body: "model" must be text`);
  }
  if (model.length > MAX_MODEL_NAME_CHARS) {
    // Named no further: what a caller made up is neither logged nor written to the ledger at length.
    throw new ColinkError(
      "model_not_found",
      `Cannot find the model: its name is longer than the ${MAX_MODEL_NAME_CHARS} characters that any may have`,
      { param: "model" },
    );
  }
  const stream = body.kind("stream") ?? "null";
  if (stream !== "null" && stream !== "boolean") {
    throw wrong("stream", `Cannot read the body: "stream" must be true or false`);
  }
  return { model, stream: body.value("stream") === true };
}

function wrong(param: string, message: string): ColinkError {
  return new ColinkError("invalid_request", message, { param });
}
