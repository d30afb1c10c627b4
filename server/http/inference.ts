/** Handles the inference endpoints: from a request to a Call, and from its answer to a response. */

import type { Key } from "../account/keyring.ts";
import type { Call } from "../schedule/call.ts";
import { ColinkError } from "../base/error.ts";
import { HttpAnswer } from "./answer.ts";
import { checkedBody, readBody } from "./body.ts";
import type { HeldBody } from "./body_budget.ts";
import { type IncomingRequest, readCall } from "./call_reader.ts";
import { apiKey, giveBack, withinLimit } from "./credentials.ts";
import type { EndpointRow } from "./endpoints.ts";
import type { AnswerHeaders, AppContext, WebServer } from "./env.ts";
import { callHeaders, newRequestId } from "./headers.ts";
import type { AppParts } from "./parts.ts";
import { renderError } from "./reply.ts";
import { requestLog } from "./request_log.ts";

interface InferenceRequest extends IncomingRequest {
  server: WebServer;
  /** That the server listens on. */
  port: number;
  /** Set on every answer. */
  headers: AnswerHeaders;
  /** The caller's network address. */
  address: () => string;
}

/** The handler of one endpoint. It sets its headers itself: middleware would cost as much as the rest of a short call. */
export function inference(endpoint: EndpointRow, parts: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    const request = c.req.raw;
    const { server, port } = c.env;
    const requestId = newRequestId();
    const headers = callHeaders(requestId, endpoint.errorFormat, request.headers);
    const startedMs = parts.clock.monotonic();
    try {
      const address = () => parts.origin(c).address;
      const received = { request, server, port, requestId, headers, startedMs, address };
      return await answer(received, endpoint, parts);
    } catch (error) {
      const { path, errorFormat: format } = endpoint;
      const asked = { method: request.method, path };
      return renderError(error, asked, { format, requestId, headers }, requestLog(parts, c));
    }
  };
}

async function answer(
  received: InferenceRequest,
  endpoint: EndpointRow,
  parts: AppParts,
): Promise<Response> {
  const { request, headers, address } = received;
  const { config, keyring, limiter, settings } = parts;
  const { revocationCount } = keyring;
  const found = apiKey(request.headers, parts, address);
  const key = found instanceof Promise ? await found : found;
  const counted = withinLimit(
    key,
    limiter,
    settings.values.defaultRpm,
    headers,
    endpoint.allowance,
  );
  if (counted instanceof Promise) await counted;
  const held = parts.bodyBudget.hold(key.accountId);
  try {
    const checked = checkedBody(await readBody(request, config.maxBodyBytes, held));
    const body = checked instanceof Promise ? await checked : checked;
    const call = readCall(received, body, held.keep(body.bytes), endpoint, key, parts);
    // A body may take minutes to arrive. Meanwhile its key may have been revoked or the gateway stopped,
    // which ends only what is a call already.
    if (keyring.revocationCount !== revocationCount) await apiKey(request.headers, parts, address);
    if (parts.isDraining()) throw shuttingDown();
    return run(call, received, endpoint, { held, key }, parts);
  } catch (error) {
    held.release();
    forgive(error, key, address, parts);
    throw error;
  }
}

/** Runs the call. The body is given up when an answer has begun, because no other node can then take over, and at the end. */
function run(
  call: Call,
  { request, server, port, headers, address }: InferenceRequest,
  endpoint: EndpointRow,
  { held, key }: { held: HeldBody; key: Key },
  parts: AppParts,
): Promise<Response> {
  const { config, clock, relay } = parts;
  // The relay has its own limits; Bun's idle timer would end the call of a node that thinks for long.
  server.timeout(request, 0);
  const connection = {
    // Closes the connection of a caller that neither takes the rest nor sends another request.
    ending: () => server.timeout(request, config.callerIdleMs / 1000),
    progress: () => parts.sendQueues.of(port, server.requestIP(request)?.port),
  };
  const memory = {
    begins: () => held.release(),
    hold: (bytes: number) => parts.answerBudget.add(key.accountId, bytes),
  };
  const writer = new HttpAnswer(call, endpoint, clock, config, headers, connection, memory);
  const cancelLimits = limitTime(request, call, writer, parts);
  void relay.run(call, writer).then(() => {
    cancelLimits();
    held.release();
    forgive(writer.failure, key, address, parts);
  });
  return writer.response;
}

/** Gives a call that was answered with 404 back to its key, within its network's limit of refusals: it was a mistake and cost little. */
function forgive(
  error: unknown,
  key: Key,
  address: () => string,
  { refusals, limiter, settings, log }: AppParts,
): void {
  if (!(error instanceof ColinkError) || error.kind.status !== 404) return;
  refusals.count(address()).then((isWithin) => {
    if (isWithin) giveBack(key, limiter, settings.values.defaultRpm);
  }).catch((cause) => log.warn({ cause: String(cause) }, "cannot give a call back"));
}

/** Stops the call when its caller leaves or its time is up. Returns what cancels the time limits. */
function limitTime(
  { signal, headers }: Request,
  call: Call,
  writer: HttpAnswer,
  { clock, config }: AppParts,
): () => void {
  const onGone = () => call.stop("caller_gone");
  if (signal.aborted) onGone();
  // Never removed: stopping a call that has ended is harmless, and the signal is freed with its request.
  signal.addEventListener("abort", onGone, { once: true });
  const onLate = () => call.stop("deadline_exceeded");
  const cancelDeadline = clock.after(config.deadlineMs, onLate);
  const timeoutMs = sdkTimeoutMs(headers);
  const cancelTimeout = timeoutMs === null ? null : clock.after(timeoutMs, () => {
    // SDKs wait so long for a whole answer, or for the beginning of a stream.
    if (!writer.hasBegun) onLate();
  });
  return () => {
    cancelDeadline();
    cancelTimeout?.();
  };
}

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
