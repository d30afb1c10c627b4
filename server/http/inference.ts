/** Every inference endpoint: from a request to a Call, and from its answer to a response. */

import type { Key } from "../account/keyring.ts";
import { Call } from "../call/call.ts";
import { ColinkError } from "../error.ts";
import { HttpAnswer } from "./answer.ts";
import { readJson } from "./body.ts";
import { apiKey, withinLimit } from "./credentials.ts";
import { type EndpointRow, routingFields } from "./endpoints.ts";
import type { AppContext } from "./env.ts";
import type { AppParts } from "./parts.ts";

/** Handles one endpoint's calls. */
export function inference(endpoint: EndpointRow, parts: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    const { config, clock, keyring, limiter, relay } = parts;
    const startedMs = clock.monotonic();
    const headers = c.get("headers");
    const { revocations } = keyring;
    const key = await apiKey(c, keyring);
    await withinLimit(key, limiter, config.defaultRpm, headers);
    const call = await readCall(c, endpoint, key, parts, startedMs);
    // Bodies may take minutes, and what is not yet a call is not ended with its key or with the gateway.
    if (keyring.revocations !== revocations) await apiKey(c, keyring);
    if (parts.isDraining()) throw shuttingDown();
    // The relay has limits of its own; Bun's idle timer would cut a node that thinks for long.
    const limitIdling = (ms: number) => c.env.server.timeout(c.req.raw, ms / 1000);
    limitIdling(0);
    // From its end on, a caller who neither takes the rest nor asks anew holds its connection in vain.
    const onEnding = () => limitIdling(config.callerIdleMs);
    const answer = new HttpAnswer(call, clock, config, headers, onEnding);
    const callOff = stopWhenOver(c, call, answer, parts);
    void relay.run(call, answer).finally(callOff);
    return await answer.response;
  };
}

async function readCall(
  c: AppContext,
  endpoint: EndpointRow,
  key: Key,
  { config, clock }: AppParts,
  startedMs: number,
): Promise<Call> {
  const { bytes, text, value } = await readJson(c, config.maxBodyBytes);
  const { model, stream } = routingFields(value);
  endpoint.check(value);
  if (key.models !== null && !key.models.includes(model)) {
    throw new ColinkError(
      "model_not_allowed",
      `Cannot call "${model}": this key may not use it; ask the key's owner`,
      { param: "model" },
    );
  }
  const streamOptions = (value.stream_options ?? null) as { include_usage?: unknown } | null;
  const request = {
    id: c.get("requestId"),
    accountId: key.accountId,
    keyId: key.id,
    endpoint: endpoint.path,
    model,
    stream,
    wantsUsage: streamOptions?.include_usage === true,
    streamOptions,
    wantsPosition: stream && c.req.header("x-colink-queue-position") === "1",
    body: { bytes, text },
  };
  return new Call(request, startedMs, clock.now());
}

/** Ends the call when its caller leaves or its time is up. Returns what undoes that. */
function stopWhenOver(
  c: AppContext,
  call: Call,
  answer: HttpAnswer,
  { clock, config }: AppParts,
): () => void {
  const { signal } = c.req.raw;
  const onGone = () => call.stop("caller_gone");
  if (signal.aborted) onGone();
  signal.addEventListener("abort", onGone, { once: true });
  const onLate = () => call.stop("deadline_exceeded");
  const callOffDeadline = clock.after(config.deadlineMs, onLate);
  const patience = patienceMs(c);
  const callOffPatience = patience === null ? null : clock.after(patience, () => {
    // SDKs wait so long for a whole answer, or for a stream to begin, but not for it to end.
    if (!answer.hasBegun) onLate();
  });
  return () => {
    signal.removeEventListener("abort", onGone);
    callOffDeadline();
    callOffPatience?.();
  };
}

/** SDKs say how long they will wait; nobody works for longer than that. Null: nothing was said. */
function patienceMs(c: AppContext): number | null {
  const asked = Number(c.req.header("x-stainless-timeout")) * 1000;
  return asked > 0 ? asked : null;
}

function shuttingDown(): ColinkError {
  return new ColinkError(
    "shutting_down",
    "Cannot take the call: this gateway is restarting; try again",
    { retryAfterMs: 1000 },
  );
}
