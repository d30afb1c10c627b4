/** Handles the inference endpoints: from a request to a Call, and from its answer to a response. */

import { Context } from "hono";
import { type CallBody, endpointSpecs } from "../../protocol/mod.ts";
import type { Key } from "../account/keyring.ts";
import type { Clock } from "../base/clock.ts";
import type { Admission, Demand } from "./usage_budgets.ts";
import { SharedAnswer, type StoredTerms } from "../call/shared_answer.ts";
import { tooManyNames } from "../call/shared_answers.ts";
import { responseIdIn } from "../call/stored_responses.ts";
import type { AnswerRoom, Call } from "../schedule/call.ts";
import { ColinkError } from "../base/error.ts";
import { newId } from "../base/new_id.ts";
import { type CallMemory, HttpAnswer } from "./answer.ts";
import type { AnswerBudget } from "./answer_budget.ts";
import { checkedBody, readBody } from "./body.ts";
import type { HeldBody } from "./body_budget.ts";
import { type InferenceRequest, readCall, TOKEN_LIMITS } from "./call_reader.ts";
import { apiKey, type Caller, giveBack, setBudgetHeaders, withinLimit } from "./credentials.ts";
import type { EndpointRow } from "./endpoints.ts";
import type { AnswerHeaders, AppContext, AppEnv, WebServer } from "./env.ts";
import { callHeaders, headerText } from "./headers.ts";
import type { AppParts } from "./parts.ts";
import { renderError } from "./reply.ts";
import { requestLog } from "./request_log.ts";
import { preparedResponse } from "./responses.ts";
import { answerKeyed, attach, connectionOf, digestOf, type FirstRequest } from "./shared_calls.ts";

/** Why an answer is kept. */
interface SharedTerms {
  /** Null: its request has no Idempotency-Key. */
  first: FirstRequest | null;
  digest: string;
  /** Null: it is not stored under its id. */
  terms: StoredTerms | null;
}

/** A call that was read from its request and may run. */
interface TakenCall {
  call: Call;
  received: InferenceRequest;
  endpoint: EndpointRow;
  held: HeldBody;
  key: Key;
  /** Null: no budget counts the call. */
  admission: Admission | null;
}

/** Handles a request by itself; never rejects. */
export type CallHandler = (request: Request, env: AppEnv["Bindings"]) => Promise<Response>;

/** The handler of one endpoint. It sets its headers itself: middleware would cost as much as the rest of a short call. */
export function inference(endpoint: EndpointRow, parts: AppParts): CallHandler {
  return async (request, env) => {
    const received = new ReceivedRequest(request, env, endpoint, parts);
    try {
      return await answer(received, endpoint, parts);
    } catch (error) {
      return received.refusal(error);
    }
  };
}

/** A class, because closures would cost each call memory. */
class ReceivedRequest implements InferenceRequest {
  readonly server: WebServer;
  readonly port: number;
  readonly requestId = newId("req-");
  readonly headers: AnswerHeaders;
  readonly startedMs: number;

  constructor(
    readonly request: Request,
    private readonly env: AppEnv["Bindings"],
    private readonly endpoint: EndpointRow,
    private readonly parts: AppParts,
  ) {
    this.server = env.server;
    this.port = env.port;
    this.headers = callHeaders(this.requestId, endpoint.errorFormat, request.headers);
    this.startedMs = parts.clock.monotonic();
  }

  address(): string {
    return this.parts.origin(this.#context()).address;
  }

  /** The answer to a request that cannot be taken. */
  refusal(error: unknown): Response {
    const { request, requestId, headers, parts, endpoint: { path, errorFormat: format } } = this;
    return renderError(
      error,
      { method: request.method, path, signal: request.signal },
      { format, requestId, publicUrl: parts.config.publicUrl, headers },
      requestLog(parts, this.#context()),
    );
  }

  #context(): AppContext {
    return new Context<AppEnv>(this.request, { env: this.env });
  }
}

function answer(
  received: InferenceRequest,
  endpoint: EndpointRow,
  parts: AppParts,
): Promise<Response> {
  const found = apiKey(received.request.headers, parts, received);
  return found instanceof Promise
    ? answerWhenFound(found, received, endpoint, parts)
    : answerKeyHolder(found, received, endpoint, parts);
}

async function answerWhenFound(
  key: Promise<Key>,
  received: InferenceRequest,
  endpoint: EndpointRow,
  parts: AppParts,
): Promise<Response> {
  return await answerKeyHolder(await key, received, endpoint, parts);
}

function answerKeyHolder(
  given: Key,
  received: InferenceRequest,
  endpoint: EndpointRow,
  parts: AppParts,
): Promise<Response> {
  const key = parts.groups.bounded(given);
  const idempotencyKey = received.request.headers.get("idempotency-key");
  if (idempotencyKey === null) return takeCall(received, endpoint, key, parts, null);
  return answerKeyed(idempotencyKey, received, endpoint, key, parts, takeCall);
}

/** Takes a request as a call of its own. `first`: other requests with its Idempotency-Key will get its answer, too. */
async function takeCall(
  received: InferenceRequest,
  endpoint: EndpointRow,
  key: Key,
  parts: AppParts,
  first: FirstRequest | null,
): Promise<Response> {
  const { request, headers } = received;
  const { config, keyring, limiter, settings } = parts;
  const { revocationCount } = keyring;
  const counted = withinLimit(
    key,
    limiter,
    settings.values.defaultRpm,
    headers,
    endpoint.allowance,
  );
  if (counted instanceof Promise) await counted;
  const held = parts.bodyBudget.hold(key.accountId);
  let admission: Admission | null = null;
  try {
    const checked = checkedBody(await readBody(request, config.maxBodyBytes, held));
    const sent = checked instanceof Promise ? await checked : checked;
    const digest = first === null ? "" : digestOf(endpoint.path, sent.bytes);
    const prepared = endpoint.stores ? preparedResponse(sent, held, key, parts) : null;
    const { body, terms } = prepared === null ? { body: sent, terms: null } : await prepared;
    const call = readCall(received, body, held.keep(body.bytes), endpoint, key, parts);
    if (call.alias !== null) headers["x-colink-alias"] = headerText(call.alias.name);
    const admitted = parts.usageBudgets.admit(key, () => demandOf(call, body, endpoint, parts));
    admission = admitted instanceof Promise ? await admitted : admitted;
    if (admission !== null) setBudgetHeaders(headers, admission);
    // A body may take minutes to arrive. Meanwhile its key may have been revoked or the gateway stopped,
    // which ends only what is a call already.
    if (keyring.revocationCount !== revocationCount) await apiKey(request.headers, parts, received);
    if (parts.isDraining()) throw shuttingDown();
    const running = { call, received, endpoint, held, key, admission };
    if (first === null && terms === null) return await run(running, parts);
    return await runShared(running, { first, digest, terms }, parts);
  } catch (error) {
    admission?.close(null);
    held.release();
    forgive(error, key, received, parts);
    throw error;
  }
}

/** Runs the call. The body is given up when an answer has begun, because no other node can then take over, and at the end. */
function run(
  { call, received, endpoint, held, key, admission }: TakenCall,
  parts: AppParts,
): Promise<Response> {
  const { request, headers } = received;
  const { config, clock, relay } = parts;
  const memory = new HeldByCall(held, parts.answerBudget, key.accountId);
  const connection = connectionOf(received, parts);
  const writer = new HttpAnswer(call, endpoint, clock, config, headers, connection, memory);
  const cancelTimeout = limitTime(request, call, writer, parts);
  void relay.run(call, writer).then((entry) => {
    admission?.close(entry);
    cancelTimeout();
    held.release();
    forgive(writer.failure, key, received, parts);
  });
  return writer.response;
}

/** A call's body, and what is held of its answer. */
class HeldByCall implements CallMemory {
  constructor(
    private readonly body: HeldBody,
    private readonly answers: AnswerBudget,
    private readonly accountId: string,
  ) {}

  begins(): void {
    this.body.release();
  }

  hold(bytes: number): AnswerRoom {
    return this.answers.add(this.accountId, bytes);
  }
}

/** Runs the call for its caller, and for those who ask for its answer again. */
function runShared(
  { call, received, endpoint, held, key, admission }: TakenCall,
  { first, digest, terms }: SharedTerms,
  parts: AppParts,
): Promise<Response> {
  const { config, clock, relay, sharedAnswers } = parts;
  const { accountId } = key;
  const identify = (): boolean => {
    if (terms === null) return true;
    terms.id ??= responseIdIn(answer);
    if (terms.id === null) return false;
    return sharedAnswers.add({ accountId, kind: "response", name: terms.id }, answer);
  };
  const answer: SharedAnswer = new SharedAnswer(call, {
    clock,
    reserve: (bytes) => sharedAnswers.reserve(answer, bytes),
    begins: () => held.release(),
    hold: (bytes) => parts.answerBudget.add(accountId, bytes),
    identify,
    lingerLimitMs: () => sharedAnswers.lingerLimitMs,
    settled: () => sharedAnswers.settled(),
  }, { keptBytes: config.keptCallBytes });
  if (terms !== null) answer.store(terms);
  // The id is the gateway's own: its caller may ask for it at once.
  if (terms?.isOwnId && !identify()) {
    answer.forget();
    throw tooManyNames(config.idempotencyKeys);
  }
  first?.settle(answer, digest);
  const attachment = first ?? { after: null, lingerMs: 0 };
  const response = attach(answer, received, endpoint, attachment, parts);
  void relay.run(call, answer).then((entry) => {
    admission?.close(entry);
    held.release();
    answer.entry = entry;
    sharedAnswers.ended(answer);
    forgive(answer.failure, key, received, parts);
  });
  return response;
}

/** What budgets look at. */
function demandOf(
  { request, alias }: Call,
  body: CallBody,
  { path, defaults }: EndpointRow,
  { names }: Pick<AppParts, "names">,
): Demand {
  const obeyed: readonly string[] = defaults?.max_tokens ?? ["max_tokens"];
  const demand = (maxTokens: Demand["maxTokens"]) => (
    { callId: request.id, maxTokens, limitName: obeyed[0]! }
  );
  if (endpointSpecs[path].stream === null) return demand(undefined);
  const named = TOKEN_LIMITS.filter((name) => (body.kind(name) ?? "null") !== "null");
  const said = named.map((name) => body.kind(name) === "number" ? body.value(name) as number : 0);
  // Providers differ in which of them they obey, and some take -1 as no limit.
  if (said.some((tokens) => tokens < 1)) return demand(null);
  // A limit of another endpoint binds no provider.
  if (named.some((name) => obeyed.includes(name))) return demand(Math.max(...said));
  // What the gateway sends in the caller's place, to whichever model the call goes.
  const models = alias?.targets.map(({ model }) => model) ?? [request.model];
  const limits = models.map((model) => names.settingsOf(model)?.defaults?.max_tokens ?? Infinity);
  const most = defaults?.max_tokens === undefined ? Infinity : Math.max(...limits, ...said);
  return demand(most === Infinity ? null : most);
}

/** Gives a call that was answered with 404 back to its key, within its network's limit of refusals: it was a mistake and cost little. */
function forgive(
  error: unknown,
  key: Key,
  caller: Caller,
  { refusals, limiter, settings, log }: AppParts,
): void {
  if (!(error instanceof ColinkError) || error.kind.status !== 404) return;
  refusals.count(caller.address()).then((isWithin) => {
    if (isWithin) giveBack(key, limiter, settings.values.defaultRpm);
  }).catch((cause) => log.warn({ cause: String(cause) }, "cannot give a call back"));
}

/** Stops the call when its caller leaves, or its SDK does not wait any longer. Returns what cancels the latter. */
function limitTime(
  { signal, headers }: Request,
  call: Call,
  writer: HttpAnswer,
  { clock }: AppParts,
): () => void {
  if (signal.aborted) writer.gone();
  // Never removed: stopping a call that has ended is harmless, and the signal is freed with its request.
  signal.addEventListener("abort", writer, ONCE);
  const timeoutMs = sdkTimeoutMs(headers);
  return timeoutMs === null ? NOTHING : stopUnlessBegun(timeoutMs, call, writer, clock);
}

/** SDKs wait so long for a whole answer, or for the beginning of a stream. */
function stopUnlessBegun(
  timeoutMs: number,
  call: Call,
  writer: HttpAnswer,
  clock: Clock,
): () => void {
  return clock.after(timeoutMs, () => {
    if (!writer.hasBegun) call.stop("deadline_exceeded");
  });
}

const ONCE = { once: true };
const NOTHING = (): void => {};

/** How long the caller's SDK says that it waits; null: it does not say. */
function sdkTimeoutMs(headers: Headers): number | null {
  const timeoutMs = Number(headers.get("x-stainless-timeout")) * 1000;
  return timeoutMs > 0 ? timeoutMs : null;
}

function shuttingDown(): ColinkError {
  return new ColinkError(
    "shutting_down",
    "Cannot take the call: this gateway is restarting; try again",
    { retryAfterMs: 1000 },
  );
}
