/** Streams one answer: the only place of the console that calls models. */

import { base } from "../../base.ts";
import { createParser } from "eventsource-parser";
import { ApiError } from "../../api.ts";
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

/**
 * Resolves once the answer is complete. Rejects with ApiError when it failed, with status 0 when in
 * mid-answer, and with AbortError when `signal` was aborted.
 */
export async function streamChat(
  body: ChatBody,
  apiToken: string,
  listener: ChatListener,
  signal: AbortSignal,
): Promise<void> {
  const response = await send(body, apiToken, signal);
  if (!response.ok || !response.body) throw await errorOf(response);
  listener.began(response.headers.get("x-colink-node"), response.headers.get("x-request-id"));

  let isComplete = false;
  let failure: ApiError | null = null;
  const parser = createParser({
    onEvent: ({ data }) => {
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
    throw new ApiError(0, "stream_lost", "The answer broke off");
  } finally {
    reader.cancel().catch(() => {});
  }
  if (!isComplete) throw new ApiError(0, "stream_lost", "The answer broke off");
}

async function send(body: ChatBody, apiToken: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${apiToken}` },
      body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
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
