/** Stored responses: what a request stores and goes on from, and the paths at which a response is asked for again. */

import { CallBody, Endpoint, withMember, withoutMember } from "../../protocol/mod.ts";
import type { Key } from "../account/keyring.ts";
import { ColinkError } from "../base/error.ts";
import { newId } from "../base/new_id.ts";
import type { StoredTerms } from "../call/shared_answer.ts";
import type { AnswerReader } from "../node/kept_answer.ts";
import {
  inputItemsOf,
  type ResponseContext,
  type ResponseVerb,
  StoredResponses,
} from "../call/stored_responses.ts";
import type { HeldBody } from "./body_budget.ts";
import { apiKey, withinLimit } from "./credentials.ts";
import { endpoints } from "./endpoints.ts";
import type { AppContext } from "./env.ts";
import { callHeaders } from "./headers.ts";
import type { AppParts } from "./parts.ts";
import { renderError } from "./reply.ts";
import { requestLog } from "./request_log.ts";
import { connectElsewhere, readableModels, REPLAY_ALLOWANCE, respond } from "./shared_calls.ts";

/** A request to /v1/responses as it goes to a node. */
export interface PreparedResponse {
  body: CallBody;
  /** Null: nothing is stored. */
  terms: StoredTerms | null;
}

/** What a response that runs in the background repeats of its request before it is there. */
const ECHOED = [
  "instructions",
  "max_output_tokens",
  "metadata",
  "parallel_tool_calls",
  "reasoning",
  "temperature",
  "text",
  "tool_choice",
  "tools",
  "top_p",
  "user",
];
const MAX_ECHOED_BYTES = 16 * 1024;

/**
 * Reads what is to be stored, and puts the items of a response that is stored here in the place of
 * `previous_response_id`. Null: the request goes on as it is, and nothing is stored. Throws ColinkError.
 */
export function preparedResponse(
  body: CallBody,
  held: Pick<HeldBody, "resize">,
  key: Key,
  parts: AppParts,
): Promise<PreparedResponse> | null {
  const background = body.value("background") === true;
  const stores = body.kind("store") === "boolean" && body.value("store") === true;
  const hasPrevious = body.kind("previous_response_id") === "string";
  if (!background && !stores && !hasPrevious) return null;
  if (background) expectStorable(body, parts);
  return prepare(body, { background, stores: stores || background }, held, key, parts);
}

async function prepare(
  body: CallBody,
  { background, stores }: { background: boolean; stores: boolean },
  held: Pick<HeldBody, "resize">,
  key: Key,
  parts: AppParts,
): Promise<PreparedResponse> {
  const { keptCallBytes, storedResponsesMs } = parts.config;
  const previousId = (body.value("previous_response_id") ?? null) as string | null;
  const context = previousId === null ? null : await contextOf(previousId, key, parts);
  const isSmall = context !== null || body.size("input") <= keptCallBytes;
  const own = isSmall ? inputItemsOf(body.value("input")) : [];
  const items = context === null ? own : [...context.input, ...context.output, ...own];
  const prepared = await rewritten(body, { items: context && items, background }, held, parts);
  if (!stores || storedResponsesMs === 0) return { body: prepared, terms: null };
  const input = isSmall ? JSON.stringify(items) : null;
  const isOwnId = background && body.value("stream") !== true;
  const terms: StoredTerms = {
    id: isOwnId ? newId("resp_") : null,
    isOwnId,
    background,
    previousId,
    input: input !== null && input.length <= keptCallBytes ? input : null,
    echo: isOwnId ? JSON.stringify(echoOf(body)) : null,
  };
  return { body: prepared, terms };
}

/** The body as a node gets it, whose provider need not know that the response is stored here. */
async function rewritten(
  body: CallBody,
  { items, background }: { items: unknown[] | null; background: boolean },
  held: Pick<HeldBody, "resize">,
  { config }: AppParts,
): Promise<CallBody> {
  if (items === null && !background) return body;
  let text = Buffer.from(body.bytes).toString();
  if (background) text = withoutMember(text, "background");
  if (items !== null) {
    text = withMember(withoutMember(text, "previous_response_id"), "input", JSON.stringify(items));
  }
  const bytes = Buffer.from(text);
  if (bytes.length > config.maxBodyBytes) {
    throw new ColinkError(
      "body_too_large",
      "Cannot continue from the previous response: with its items the request is larger than this gateway takes; send less as input",
      { param: "previous_response_id" },
    );
  }
  held.resize(bytes.length);
  return await CallBody.inSlices(bytes);
}

/** The items of a response that is stored here or at another gateway; null: none, or its provider has stored it. */
async function contextOf(
  id: string,
  key: Key,
  parts: AppParts,
): Promise<ResponseContext | null> {
  const { accountId } = key;
  const { responseAffinity, sharedAnswers } = parts;
  if (responseAffinity.requiredNodeOf(accountId, id) !== null) return null;
  const name = { accountId, kind: "response", name: id } as const;
  const models = readableModels(key, parts);
  const here = new StoredResponses(sharedAnswers).context(name, models);
  if (here !== null || sharedAnswers.others === null) return here;
  const record = await sharedAnswers.others.find(name).catch(() => null);
  if (record === null) return null;
  const about = { verb: "context", search: "", models } as const;
  const question = { asks: "response", about, name, callId: record.callId } as const;
  const connect = await connectElsewhere(record.gateway, question, () => {}, { sharedAnswers });
  return JSON.parse(await wholeOf(connect)) as ResponseContext;
}

/** A whole answer as text. Rejects with the error that stands in its place. */
function wholeOf(connect: (target: AnswerReader) => unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = () => reject(new Error("no whole answer"));
    connect({
      head: () => {},
      queued: () => {},
      outgrown: () => {},
      data: () => true,
      whole: (body) => resolve(Buffer.from(body as Uint8Array).toString()),
      end: refuse,
      reject: refuse,
      fail: reject,
    });
  });
}

function echoOf(body: CallBody): Record<string, unknown> {
  const small = ECHOED.filter((name) =>
    body.kind(name) !== undefined && body.size(name) <= MAX_ECHOED_BYTES
  );
  return Object.fromEntries(small.map((name) => [name, body.value(name)]));
}

function expectStorable(body: CallBody, { config }: AppParts): void {
  if (body.value("store") === false) {
    throw wrongBackground("it must be stored; leave out store: false");
  }
  if (config.storedResponsesMs === 0) {
    throw wrongBackground(
      "this gateway stores no responses (COLINK_STORED_RESPONSES_SECONDS); stream it or wait for it",
    );
  }
}

function wrongBackground(why: string): ColinkError {
  return new ColinkError("invalid_request", `Cannot answer in the background: ${why}`, {
    param: "background",
  });
}

const endpoint = endpoints.find(({ path }) => path === Endpoint.responses)!;

/** The handler of a path of one response. */
export function storedResponse(verb: ResponseVerb, parts: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    const request = c.req.raw;
    const { server, port } = c.env;
    const requestId = newId("req-");
    const format = endpoint.errorFormat;
    const headers = callHeaders(requestId, format, request.headers);
    const startedMs = parts.clock.monotonic();
    try {
      const address = () => parts.origin(c).address;
      const key = await apiKey(request.headers, parts, { address });
      const { limiter, settings, sharedAnswers } = parts;
      await withinLimit(key, limiter, settings.values.defaultRpm, headers, REPLAY_ALLOWANCE);
      const name = {
        accountId: key.accountId,
        kind: "response",
        name: c.req.param("id")!,
      } as const;
      const { search, searchParams } = new URL(request.url);
      const isStream = verb === "retrieve" && searchParams.get("stream") === "true";
      const received = { request, server, port, requestId, headers, startedMs, address };
      const responses = new StoredResponses(sharedAnswers);
      const about = { verb, search, models: readableModels(key, parts) };
      const { others } = sharedAnswers;
      const record = others === null || sharedAnswers.has(name)
        ? null
        : await others.find(name).catch(() => null);
      const connect = record === null
        ? (target: AnswerReader) => responses.serve(name, about, target)
        : await connectElsewhere(
          record.gateway,
          { asks: "response", about, name, callId: record.callId },
          () => {},
          parts,
        );
      return await respond(connect, { stream: isStream, keyId: key.id }, received, endpoint, parts);
    } catch (error) {
      const { method, signal } = request;
      const asked = { method, path: `${endpoint.path}/{id}`, signal };
      const recipient = { format, requestId, publicUrl: parts.config.publicUrl, headers };
      return renderError(error, asked, recipient, requestLog(parts, c));
    }
  };
}
