/** Streams one answer: the only place of the console that calls models. */

import { base } from "../../base.ts";
import { createParser } from "eventsource-parser";
import { ApiError } from "../../api.ts";
import { type TrialEndpoint, trials } from "../../state/chat_models.ts";
import type { ChatBody } from "./chat_request.ts";

export interface Usage {
  prompt_tokens?: number;
  completion_tokens?: number;
}

/** Receives a stream's contents in order. */
export interface ChatListener {
  /** The answer begins: the node that serves it and the request's id, where the gateway sent them. */
  began(nodeId: string | null, requestId: string | null): void;
  text(piece: string): void;
  reasoning(piece: string): void;
  usage(usage: Usage): void;
  /** One event's raw data. */
  raw(data: string): void;
}

interface Chunk {
  choices?: {
    delta?: {
      content?: string | null;
      reasoning_content?: string | null;
      reasoning?: string | null;
    };
  }[];
  usage?: Usage | null;
  error?: ReportedError;
}

/** Providers leave the code out, or send a number. */
interface ReportedError {
  message?: string;
  code?: string | number | null;
}

/** What is asked, and under which Idempotency-Key: the same key gives the same answer, generated once. */
export interface ChatCall {
  body: ChatBody;
  apiToken: string;
  key: string;
  /** The node that must serve it; absent: any. */
  node?: string;
}

/** How long the answer goes on while the network or the page is away. */
const RESUME_SECONDS = 60;
const RETRY_MS = 1000;
/** How long leaving for good may take. */
const LEAVE_MS = 2000;

/**
 * Resolves once the answer is complete; goes on behind the last event when the connection is lost in
 * mid-answer. Rejects with ApiError when it failed, with status 0 when in mid-answer, and with
 * AbortError when `signal` was aborted.
 */
export async function streamChat(
  call: ChatCall,
  listener: ChatListener,
  signal: AbortSignal,
): Promise<void> {
  let last = "";
  for (let lostMs = 0; lostMs < RESUME_SECONDS * 1000; lostMs += RETRY_MS) {
    const before = last;
    try {
      last = await streamFrom(last, call, listener, signal);
      return;
    } catch (error) {
      const reached = error instanceof Lost ? error.last : last;
      if (signal.aborted || !isLoss(error) || reached === "") throw error;
      last = reached;
      // At once where the connection has given something.
      if (reached !== before) lostMs = 0;
      else await pause(RETRY_MS, signal);
    }
  }
  throw new ApiError(0, "stream_lost", "The answer broke off");
}

/** Asks a model that cannot chat for something small, at that endpoint; resolves when its answer is there. Rejects as `streamChat` does. */
export async function tryOnce(
  path: TrialEndpoint,
  { model, ...call }: Omit<ChatCall, "body"> & { model: string },
  signal: AbortSignal,
): Promise<void> {
  const response = await post(path, trials[path](model), call, {}, signal);
  if (!response.ok) throw await errorOf(response);
  await response.arrayBuffer();
}

/** Says that the answer is not wanted any more, so that nothing generates it further. */
export async function leaveChat(call: ChatCall): Promise<void> {
  try {
    const response = await send(
      call,
      { "x-colink-resume-seconds": "0" },
      AbortSignal.timeout(LEAVE_MS),
    );
    await response.body?.cancel();
  } catch {
    // The gateway is away: it stops by itself.
  }
}

/** The connection was lost behind an event. */
class Lost extends ApiError {
  constructor(readonly last: string) {
    super(0, "stream_lost", "The answer broke off");
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof ApiError &&
    (error.code === "stream_lost" || error.code === "unreachable" || error.code === "gateway_lost");
}

/** Reads the events behind number `last`; resolves with the last one's number once the answer is complete. */
async function streamFrom(
  last: string,
  call: ChatCall,
  listener: ChatListener,
  signal: AbortSignal,
): Promise<string> {
  const headers = { "x-colink-resume-seconds": String(RESUME_SECONDS) };
  const response = await send(
    call,
    last === "" ? headers : { ...headers, "last-event-id": last },
    signal,
  );
  if (!response.ok || !response.body) throw await errorOf(response);
  if (last === "") {
    listener.began(response.headers.get("x-colink-node"), response.headers.get("x-request-id"));
  }

  let isComplete = false;
  let failure: ApiError | null = null;
  let reached = last;
  const parser = createParser({
    onEvent: ({ id, data }) => {
      reached = id ?? reached;
      listener.raw(data);
      if (data === "[DONE]") isComplete = true;
      else failure ??= dispatch(data, listener);
    },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parser.feed(value);
      if (failure) throw failure;
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
    throw new Lost(reached);
  } finally {
    reader.cancel().catch(() => {});
  }
  if (!isComplete) throw new Lost(reached);
  return reached;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

function send(
  { body, ...call }: ChatCall,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  const streamed = { ...body, stream: true, stream_options: { include_usage: true } };
  return post("/v1/chat/completions", streamed, call, headers, signal);
}

async function post(
  path: string,
  body: object,
  { apiToken, key, node }: Omit<ChatCall, "body">,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await fetch(base + path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${apiToken}`,
        "idempotency-key": key,
        ...(node !== undefined && { "x-colink-node": node }),
        ...headers,
      },
      body: JSON.stringify(body),
      // The key identifies the caller; the session cookie must not be sent.
      credentials: "omit",
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, "unreachable", "The gateway cannot be reached");
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const body = await response.json().catch(() => null) as Chunk | null;
  const retryAfterS = Number(response.headers.get("retry-after")) || null;
  const { code, message } = reported(body?.error, `The gateway answered ${response.status}`);
  return new ApiError(response.status, code, message, null, retryAfterS);
}

/** Passes one event on; returns the error that it reports, or null. */
function dispatch(data: string, listener: ChatListener): ApiError | null {
  const { choices, usage, error } = JSON.parse(data) as Chunk;
  if (error) {
    const { code, message } = reported(error, "The answer broke off");
    return new ApiError(0, code, message);
  }
  const delta = choices?.[0]?.delta;
  const reasoning = delta?.reasoning_content ?? delta?.reasoning;
  if (reasoning) listener.reasoning(reasoning);
  if (delta?.content) listener.text(delta.content);
  if (usage) listener.usage(usage);
  return null;
}

/** An error without a code of the gateway's is the provider's: its message is shown. */
function reported(
  { code, message }: ReportedError = {},
  otherwise: string,
): { code: string; message: string } {
  if (!message) return { code: "unknown", message: otherwise };
  return { code: typeof code === "string" && code ? code : "provider_error", message };
}
