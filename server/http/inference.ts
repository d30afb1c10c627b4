/** Every inference endpoint: from a request to a Call, and from its answer to a response. */

import type { Call } from "../schedule/call.ts";
import { ColinkError } from "../base/error.ts";
import { HttpAnswer } from "./answer.ts";
import { readBody } from "./body.ts";
import { type IncomingRequest, readCall } from "./call_reader.ts";
import { apiKey, withinLimit } from "./credentials.ts";
import type { EndpointRow } from "./endpoints.ts";
import type { AnswerHeaders, AppContext, WebServer } from "./env.ts";
import { callHeaders, newRequestId } from "./headers.ts";
import type { AppParts } from "./parts.ts";
import { renderError } from "./reply.ts";

/** One request, as the steps of answering it need it. */
interface Asking extends IncomingRequest {
  server: WebServer;
  /** Go on the answer, whatever it will be. */
  headers: AnswerHeaders;
}

/** Handles one endpoint's calls. Its headers are set here: middleware for them would cost as much as all the rest of a short call. */
export function inference(endpoint: EndpointRow, parts: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    const request = c.req.raw;
    const { server } = c.env;
    const requestId = newRequestId();
    const headers = callHeaders(requestId, endpoint.errorFormat, request.headers);
    const startedMs = parts.clock.monotonic();
    const asking = { request, server, requestId, headers, startedMs };
    try {
      return await answered(asking, endpoint, parts);
    } catch (error) {
      return renderError(error, { method: request.method, path: endpoint.path }, {
        format: endpoint.errorFormat,
        requestId,
        headers,
      }, parts.log);
    }
  };
}

async function answered(
  asking: Asking,
  endpoint: EndpointRow,
  parts: AppParts,
): Promise<Response> {
  const { request, server, headers } = asking;
  const { config, clock, keyring, limiter, relay, settings } = parts;
  const { revocationCount } = keyring;
  const found = apiKey(request.headers, keyring);
  const key = found instanceof Promise ? await found : found;
  const counted = withinLimit(key, limiter, settings.values.defaultRpm, headers);
  if (counted instanceof Promise) await counted;
  const bytes = await readBody(request, config.maxBodyBytes);
  const call = readCall(asking, bytes, endpoint, key, parts);
  // Bodies may take minutes, and what is not yet a call is not ended with its key or with the gateway.
  if (keyring.revocationCount !== revocationCount) await apiKey(request.headers, keyring);
  if (parts.isDraining()) throw shuttingDown();
  // The relay has limits of its own; Bun's idle timer would cut a node that thinks for long.
  server.timeout(request, 0);
  const caller = {
    // From then on, a caller who neither takes the rest nor asks anew holds its connection in vain.
    ending: () => server.timeout(request, config.callerIdleMs / 1000),
    progress: () => parts.sendQueues.of(server.port, server.requestIP(request)?.port),
  };
  const answer = new HttpAnswer(call, endpoint, clock, config, headers, caller);
  const cancel = stopWhenOver(request, call, answer, parts);
  void relay.run(call, answer).then(cancel);
  return answer.response;
}

/** Ends the call when its caller leaves or its time is up. Returns what undoes that. */
function stopWhenOver(
  { signal, headers }: Request,
  call: Call,
  answer: HttpAnswer,
  { clock, config }: AppParts,
): () => void {
  const onGone = () => call.stop("caller_gone");
  if (signal.aborted) onGone();
  // Never taken back: a call that has ended does not mind, and the signal goes with its request.
  signal.addEventListener("abort", onGone, { once: true });
  const onLate = () => call.stop("deadline_exceeded");
  const cancelDeadline = clock.after(config.deadlineMs, onLate);
  const patience = patienceMs(headers);
  const cancelPatience = patience === null ? null : clock.after(patience, () => {
    // SDKs wait so long for a whole answer, or for a stream to begin, but not for it to end.
    if (!answer.hasBegun) onLate();
  });
  return () => {
    cancelDeadline();
    cancelPatience?.();
  };
}

/** SDKs say how long they will wait; nobody works for longer than that. Null: nothing was said. */
function patienceMs(headers: Headers): number | null {
  const asked = Number(headers.get("x-stainless-timeout")) * 1000;
  return asked > 0 ? asked : null;
}

function shuttingDown(): ColinkError {
  return new ColinkError(
    "shutting_down",
    "Cannot take the call: this gateway is restarting; try again",
    { retryAfterMs: 1000 },
  );
}
