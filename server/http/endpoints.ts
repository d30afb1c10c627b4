/** The inference endpoints, one row each: what their bodies must contain, and in which format their errors are. */

import {
  CALL_HEADERS,
  type CallBody,
  Endpoint,
  endpointSpecs,
  isEndpoint,
  type JsonKind,
  MAX_MODEL_NAME_CHARS,
} from "../../protocol/mod.ts";
import type { ModelDefaults } from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";
import { anthropic, type ErrorFormat, openAi, openAiResponses } from "./error_format.ts";

/** A rule for one member of a body. */
interface Rule {
  readonly member: string;
  readonly kinds: readonly JsonKind[];
  /** Stands after `must be` in messages. */
  readonly text: string;
  /** Whether a list may have no items. */
  readonly mayBeEmpty?: boolean;
  /** How long it may be, in bytes, where it is parsed; absent: as long as the body. */
  readonly maxBytes?: number;
  /** Whether it may be absent or null. */
  readonly isOptional?: boolean;
}

export interface EndpointRow {
  readonly path: Endpoint;
  readonly errorFormat: ErrorFormat;
  readonly rules: readonly Rule[];
  /** Throws ColinkError for what the endpoint cannot do. */
  readonly refuse?: (body: CallBody) => void;
  /** The member that names the stored response which the call continues. */
  readonly continues?: string;
  /** Whether its answers may be stored, and are then found by their id. */
  readonly stores?: true;
  /** The caller's headers that travel to the node, by lower-case name; absent: none. */
  readonly headers?: readonly string[];
  /** The members that say what a default of a model says; the first is added where the caller sends none of them. */
  readonly defaults?: Readonly<Partial<Record<keyof ModelDefaults, readonly string[]>>>;
  /** Counted apart from other calls, with limits of the same size; absent: with them. */
  readonly allowance?: string;
}

/** To parse a longer member would hold up everything else; none that is parsed needs more. */
const MAX_PARSED_BYTES = 4096;

const messages: Rule = {
  member: "messages",
  kinds: ["array"],
  text: "a list of at least one message",
};

const texts: Rule = {
  member: "input",
  kinds: ["string", "array"],
  text: "text, or a list that is not empty",
};

const streamOptions: Rule = {
  member: "stream_options",
  kinds: ["object"],
  text: "an object",
  maxBytes: MAX_PARSED_BYTES,
  isOptional: true,
};

export const endpoints: readonly EndpointRow[] = Object.freeze([
  {
    path: Endpoint.chat,
    errorFormat: openAi,
    rules: [messages, streamOptions],
    defaults: {
      temperature: ["temperature"],
      max_tokens: ["max_tokens", "max_completion_tokens"],
    },
  },
  {
    path: Endpoint.completions,
    errorFormat: openAi,
    defaults: { temperature: ["temperature"], max_tokens: ["max_tokens"] },
    rules: [
      {
        member: "prompt",
        kinds: ["string", "array", "null"],
        text: "text, or a list that is not empty",
      },
      streamOptions,
    ],
  },
  {
    path: Endpoint.embeddings,
    errorFormat: openAi,
    rules: [texts],
  },
  {
    path: Endpoint.responses,
    errorFormat: openAiResponses,
    rules: [
      {
        member: "input",
        kinds: ["string", "array"],
        text: "text or a list",
        mayBeEmpty: true,
        isOptional: true,
      },
      {
        member: "previous_response_id",
        kinds: ["string"],
        text: "text",
        maxBytes: MAX_PARSED_BYTES,
        isOptional: true,
      },
    ],
    refuse: refuseResponse,
    continues: "previous_response_id",
    stores: true,
    defaults: { temperature: ["temperature"], max_tokens: ["max_output_tokens"] },
  },
  {
    path: Endpoint.messages,
    errorFormat: anthropic,
    rules: [messages, { member: "max_tokens", kinds: ["number"], text: "a number" }],
    defaults: { temperature: ["temperature"] },
    headers: [...CALL_HEADERS],
  },
  {
    path: Endpoint.count_tokens,
    errorFormat: anthropic,
    rules: [messages],
    headers: [...CALL_HEADERS],
    allowance: "count:",
  },
  {
    path: Endpoint.rerank,
    errorFormat: openAi,
    rules: [
      { member: "query", kinds: ["string", "object"], text: "text" },
      { member: "documents", kinds: ["array", "object"], text: "a list that is not empty" },
    ],
  },
  { path: Endpoint.moderations, errorFormat: openAi, rules: [texts] },
]);

/** The error format of an endpoint; undefined: the path is no endpoint. */
export function errorFormatOf(path: string): ErrorFormat | undefined {
  return isEndpoint(path) ? endpoints.find((row) => row.path === path)?.errorFormat : undefined;
}

/** The endpoints to which bodies with such a member belong. */
const endpointByMember: Readonly<Record<string, Endpoint>> = Object.freeze({
  messages: Endpoint.chat,
  input: Endpoint.responses,
  prompt: Endpoint.completions,
});

/** Throws ColinkError invalid_request, naming the member that is wrong or missing. */
export function checkBody(endpoint: EndpointRow, body: CallBody): void {
  for (const rule of endpoint.rules) checkMember(endpoint, rule, body);
  endpoint.refuse?.(body);
  if (endpointSpecs[endpoint.path].stream === null && body.value("stream") === true) {
    throw wrong("stream", `Cannot stream: ${endpoint.path} answers in one piece`);
  }
}

function checkMember(endpoint: EndpointRow, rule: Rule, body: CallBody): void {
  const { member, kinds, text, mayBeEmpty = false, maxBytes = Infinity, isOptional = false } = rule;
  const kind = body.kind(member);
  if (isOptional && (kind === undefined || kind === "null")) return;
  if (kind === undefined) refuseForeignBody(endpoint, member, body);
  const isRight = kind !== undefined && kinds.includes(kind) &&
    (mayBeEmpty || !body.isEmptyList(member));
  if (!isRight) throw wrong(member, `Cannot read the body: "${member}" must be ${text}`);
  if (body.size(member) > maxBytes) {
    throw wrong(member, `Cannot read the body: "${member}" is longer than ${maxBytes} bytes`);
  }
}

/** Throws for a body that is made for another endpoint, naming that endpoint. */
function refuseForeignBody({ path, rules }: EndpointRow, missing: string, body: CallBody): void {
  for (const [member, other] of Object.entries(endpointByMember)) {
    const isForeign = rules.every((rule) => rule.member !== member);
    if (!isForeign || body.kind(member) === undefined) continue;
    throw wrong(
      missing,
      `Cannot read the body: "${member}" belongs to ${other}; send "${missing}" to ${path}`,
    );
  }
}

function refuseResponse(body: CallBody): void {
  if (body.kind("input") === undefined && body.kind("messages") !== undefined) {
    throw wrong(
      "input",
      `Cannot read the body: "messages" belongs to ${Endpoint.chat}; send "input" to ${Endpoint.responses}`,
    );
  }
  if ((body.kind("conversation") ?? "null") !== "null") {
    throw new ColinkError(
      "previous_response_not_found",
      "Cannot continue a stored conversation: none is kept here; " +
        "send it whole as input, or continue a response with previous_response_id",
      { param: "conversation" },
    );
  }
}

/** The members that routing needs, of every endpoint. */
export function routingFields(body: CallBody): { model: string; stream: boolean } {
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
    // Without the name: the log and the ledger keep no long text that a caller made up.
    throw new ColinkError(
      "model_not_found",
      `Cannot find the model: its name is longer than ${MAX_MODEL_NAME_CHARS} characters`,
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
