/** Reads a call from a request: from its body, its headers, and the permissions of its key. */

import { type CallBody, endpointSpecs } from "../../protocol/mod.ts";
import type { ModelDefaults, ModelSettings } from "../../api/mod.ts";
import type { Key } from "../account/keyring.ts";
import type { NamePlan } from "../account/names.ts";
import { ColinkError } from "../base/error.ts";
import type { ResponseAffinity } from "../call/response_affinity.ts";
import { type Body, MAX_CHOICES } from "../node/attempt.ts";
import { routeOf } from "./route.ts";
import { EditedBody } from "../node/body.ts";
import { type AliasPlan, Call } from "../schedule/call.ts";
import { responseNotFound } from "../schedule/unavailable.ts";
import type { Caller } from "./credentials.ts";
import { checkBody, type EndpointRow, routingFields } from "./endpoints.ts";
import type { AnswerHeaders, WebServer } from "./env.ts";
import type { AppParts } from "./parts.ts";
import { mayUse, viewerOf } from "../node/audience.ts";
import { sessionHint } from "./session_hint.ts";

/** Longer spellings of a small number are not read. */
const MAX_NUMBER_BYTES = 16;

export interface IncomingRequest {
  request: Request;
  requestId: string;
  /** Monotonic milliseconds. */
  startedMs: number;
}

/** What a handler of an inference endpoint has of its request. */
export interface InferenceRequest extends IncomingRequest, Caller {
  server: WebServer;
  /** The address that the server listens on. */
  port: number;
  /** Set on every answer. */
  headers: AnswerHeaders;
}

/** Throws ColinkError if the request is invalid, or its key may not call the model. */
export function readCall(
  { request, requestId, startedMs }: IncomingRequest,
  body: CallBody,
  /** The body as the call keeps it. */
  kept: Body,
  endpoint: EndpointRow,
  key: Key,
  parts: Pick<AppParts, "clock" | "responseAffinity" | "hub"> & PlanParts,
): Call {
  const { clock, responseAffinity } = parts;
  const { model, stream } = routingFields(body);
  checkBody(endpoint, body);
  const found = planOf(key, model, endpoint, parts);
  if (found === null && !mayCall(key, model, parts)) {
    throw new ColinkError(
      "model_not_allowed",
      `Cannot call "${model}": this key or its account may not use it; GET /v1/models lists what it may use`,
      { param: "model" },
    );
  }
  const isUsageOptional = endpointSpecs[endpoint.path].stream?.isUsageOptional ?? false;
  const streamOptions = isUsageOptional ? streamOptionsIn(body) : null;
  const named = namedNode(request.headers, key, parts);
  const received = { body, kept, endpoint, names: parts.names };
  const callRequest = {
    id: requestId,
    accountId: key.accountId,
    keyId: key.id,
    endpoint: endpoint.path,
    model,
    route: routeOf(request.headers, key.route),
    stream,
    wantsUsage: !isUsageOptional || streamOptions?.include_usage === true,
    streamOptions,
    choices: choicesIn(body),
    maxTokens: maxTokensIn(body),
    wantsPosition: stream && request.headers.get("x-colink-queue-position") === "1",
    headers: passedHeaders(endpoint, request.headers),
    requiredNode: named ?? requiredNodeFor(endpoint, body, key, responseAffinity),
    isNodeNamed: named !== null,
    sessionHint: sessionHint(request.headers, body),
    body: found === null ? bodyFor(model, null, received) : kept,
  };
  const plan = found && withBodies(found, model, received);
  return new Call(callRequest, startedMs, clock.now(), plan);
}

/** A body as it was received, and as its call keeps it. */
interface Bodies {
  body: CallBody;
  kept: Body;
  endpoint: EndpointRow;
  names: PlanParts["names"];
}

/** The body as a model's nodes get it. `asked`: the model that the caller asked for; null: this one. */
function bodyFor(
  target: string,
  asked: string | null,
  { body, kept, endpoint, names }: Bodies,
): Body {
  const values = memberValues(endpoint, body, target, asked, names.settingsOf(target));
  return values === null ? kept : new EditedBody(kept, body.edits(values));
}

type PlanParts = Pick<AppParts, "names" | "scheduler" | "random" | "memberships">;

/** Whether the key, and its account's groups, let it call the model. */
function mayCall({ models, accountId }: Key, model: string, parts: PlanParts): boolean {
  const { names, memberships } = parts;
  if (models !== null && !models.includes(model)) return false;
  return !names.hasGroups || names.mayUse(model, memberships.groupsOf(accountId));
}

/** Where the call goes if its model is an alias; null: it is none. */
function planOf(
  key: Key,
  model: string,
  { path: endpoint }: EndpointRow,
  { names, scheduler, random, memberships }: PlanParts,
): NamePlan | null {
  return names.plan(key, model, () => ({
    groups: names.hasGroups ? memberships.groupsOf(key.accountId) : [],
    random,
    callMs: (target) => scheduler.callMs({ model: target, endpoint }),
  }));
}

/** The bodies are prepared at once: the check's results are not kept, which pin the body's memory. */
function withBodies({ name, targets }: NamePlan, asked: string, received: Bodies): AliasPlan {
  const bodies = new Map(targets.map(({ model }) => [model, bodyFor(model, asked, received)]));
  return { name, targets, bodyFor: (model) => bodies.get(model)! };
}

/** The members of a body that differ from what the caller sent, as JSON by name; null: none. */
function memberValues(
  { defaults = {} }: EndpointRow,
  body: CallBody,
  model: string,
  asked: string | null,
  settings: ModelSettings | undefined,
): Record<string, string> | null {
  const isOther = asked !== null && asked !== model;
  // As of most calls: nothing is made for them.
  if (!isOther && settings?.defaults === undefined) return null;
  const values: Record<string, string> = {};
  if (isOther) values.model = JSON.stringify(model);
  for (const [name, members] of Object.entries(defaults)) {
    const value = settings?.defaults?.[name as keyof ModelDefaults];
    const [first = ""] = members;
    const isSaid = members.some((member) => (body.kind(member) ?? "null") !== "null");
    if (value !== undefined && !isSaid) values[first] = JSON.stringify(value);
  }
  return Object.keys(values).length === 0 ? null : values;
}

function streamOptionsIn(body: CallBody): { include_usage?: unknown } | null {
  return (body.value("stream_options") ?? null) as { include_usage?: unknown } | null;
}

/** Read here once: a node's link would have to parse the whole body for it. */
function choicesIn(body: CallBody): number {
  if (body.kind("n") !== "number" || body.size("n") > MAX_NUMBER_BYTES) return 1;
  const n = body.value("n") as number;
  return Number.isInteger(n) && n >= 1 && n <= MAX_CHOICES ? n : 1;
}

/** The members by which the endpoints limit an answer, in the order in which they count. */
export const TOKEN_LIMITS = ["max_completion_tokens", "max_tokens", "max_output_tokens"] as const;

/** The longest answer that the caller takes, in tokens; null: it does not say. */
function maxTokensIn(body: CallBody): number | null {
  for (const member of TOKEN_LIMITS) {
    if (body.kind(member) !== "number" || body.size(member) > MAX_NUMBER_BYTES) continue;
    const limit = body.value(member) as number;
    if (limit >= 1) return limit;
  }
  return null;
}

/** The header with which a node's owner, or an administrator, calls that node and no other. */
const NODE_HEADER = "x-colink-node";

/** The key of the node that the caller names; null: none. Throws `not_found` for a node that the caller may not name. */
function namedNode(
  headers: Headers,
  { accountId, isAdmin }: Key,
  { hub, memberships }: Pick<AppParts, "hub" | "memberships">,
): string | null {
  const id = headers.get(NODE_HEADER);
  if (id === null) return null;
  const node = hub.findPublic(id);
  // An administrator may look at every node, and use no more than any other caller.
  const isTheirs = node?.who.accountId === accountId ||
    isAdmin && node !== undefined && mayUse(node, viewerOf({ accountId }, memberships));
  if (isTheirs) return node!.who.nodeKey;
  throw new ColinkError(
    "not_found",
    `Cannot call that node: ${NODE_HEADER} names no connected node of yours; only its owner and administrators may`,
    { param: NODE_HEADER },
  );
}

/** The key of the node that has stored what the call goes on from; null: the call goes on from nothing. */
function requiredNodeFor(
  { continues }: EndpointRow,
  body: CallBody,
  key: Key,
  responseAffinity: ResponseAffinity,
): string | null {
  const previous = continues === undefined ? null : body.value(continues) ?? null;
  if (previous === null) return null;
  const nodeKey = responseAffinity.requiredNodeOf(key.accountId, String(previous));
  if (nodeKey === null) throw responseNotFound();
  return nodeKey;
}

/** The caller's headers that the endpoint passes on to the node; null: none, as in most calls. */
function passedHeaders(
  { headers }: EndpointRow,
  sent: Headers,
): Record<string, string> | null {
  if (headers === undefined) return null;
  const found = headers.flatMap((name) => {
    const value = sent.get(name);
    return value === null ? [] : [[name, value]];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}
