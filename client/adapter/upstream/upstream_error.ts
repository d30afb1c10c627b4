/** Turns an upstream's error response into the failure that callers may see. */

import type { HttpHeaders, HttpResponse } from "../../http/http_response.ts";
import { type FailureDetails, type UpstreamErrorObject, UpstreamFailure } from "../adapter.ts";
import { discard, readWhole } from "../sse/event_stream.ts";
import { relayedHeaders } from "./relayed_headers.ts";
import type { Upstream } from "./upstream.ts";
import { isObject } from "../json_object.ts";

const MAX_ERROR_BYTES = 64 * 1024;
const MAX_MESSAGE_CHARS = 2_000;

/**
 * Reads a dialect's error body, given as JSON value (or as text if it is no JSON): the code to report
 * and the error in OpenAI's shape. `bodyText`: the body for callers, in place of that shape.
 */
export type ReadError = (
  status: number,
  body: unknown,
  text: string,
) => { code: number; error: UpstreamErrorObject; bodyText?: string };

/** Reads a response that is not a success. `readHeaders` selects the headers that callers may see. */
export async function readFailure(
  response: HttpResponse,
  signal: AbortSignal,
  upstream: Upstream,
  nowMs: number,
  readError: ReadError,
  readHeaders: (headers: HttpHeaders) => Record<string, string> = relayedHeaders,
): Promise<UpstreamFailure> {
  const { status } = response;
  if (status < 400) {
    discard(response);
    return new UpstreamFailure(
      502,
      "The provider redirects: its base_url must be the final address",
    );
  }
  const text = await readWhole(response, signal, MAX_ERROR_BYTES).catch(() => {
    signal.throwIfAborted();
    return "";
  });
  const { code, error, bodyText } = readError(status, onlyItem(jsonOrText(text)), text);
  const retryAfter = retryAfterMs(response.headers, nowMs);
  return toFailure(code, error, upstream, {
    headers: readHeaders(response.headers),
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
    ...(bodyText === undefined ? {} : { bodyText }),
  });
}

/** A failure without the node's secrets. Errors about the node's key are replaced as a whole. */
export function toFailure(
  code: number,
  error: UpstreamErrorObject,
  upstream: Upstream,
  { bodyText, ...details }: FailureDetails = {},
): UpstreamFailure {
  if (code === 401 || code === 403) {
    return new UpstreamFailure(
      code,
      `The provider refused this node's key: HTTP ${code}; its owner must check api_key`,
      details,
    );
  }
  const shown = redactError(error, upstream);
  return new UpstreamFailure(code, shown.message, {
    ...details,
    error: shown,
    ...(bodyText === undefined ? {} : { bodyText: redactJson(bodyText, upstream) }),
  });
}

/** Milliseconds until a retry, from `retry-after-ms` or `retry-after` (seconds or a date). */
export function retryAfterMs(headers: HttpHeaders, nowMs: number): number | undefined {
  const exact = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (Number.isFinite(exact)) return Math.max(0, Math.round(exact));
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/**
 * Reads an error object in any of the shapes that compatible servers send: OpenAI's, a bare string
 * (Ollama), `message` (vLLM), `detail` (FastAPI), or text that is no JSON.
 */
export function errorObject(body: unknown, fallback: string): UpstreamErrorObject {
  if (typeof body === "string") {
    const isSentence = body.length > 0 && body.length <= 300 && !body.includes("<");
    return { message: isSentence ? body.trim() : fallback };
  }
  if (!isObject(body)) return { message: fallback };
  const inner = isObject(body.error) ? body.error : body;
  const message = [inner.message, body.error, body.message, detailText(body.detail)]
    .find((text) => typeof text === "string" && text !== "");
  return {
    message: String(message ?? fallback).slice(0, MAX_MESSAGE_CHARS),
    ...(typeof inner.type === "string" ? { type: inner.type } : {}),
    ...(typeof inner.param === "string" || inner.param === null ? { param: inner.param } : {}),
    ...(isCode(inner.code) ? { code: inner.code } : {}),
  };
}

function redactError(error: UpstreamErrorObject, { redact }: Upstream): UpstreamErrorObject {
  return Object.fromEntries(
    Object.entries(error).map(([key, value]) => [
      key,
      typeof value === "string" ? redact(value) : value,
    ]),
  ) as unknown as UpstreamErrorObject;
}

/** An escape may split a secret, so the text is searched with needless escapes removed. */
function redactJson(text: string, { redact }: Upstream): string {
  const plain = JSON.stringify(jsonOrText(text));
  const redacted = redact(plain);
  return redacted === plain ? text : redacted;
}

function detailText(detail: unknown): unknown {
  if (!Array.isArray(detail)) return detail;
  return detail.map((item) => isObject(item) ? String(item.msg ?? "") : String(item)).join("; ");
}

/** Gemini sends its errors in a list. */
function onlyItem(body: unknown): unknown {
  return Array.isArray(body) && body.length === 1 ? body[0] : body;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isCode(code: unknown): code is string | number | null {
  return typeof code === "string" || typeof code === "number" || code === null;
}
