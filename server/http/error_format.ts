/** How the callers of an endpoint are told of errors: as a body, and as the last event of a stream. */

import type Anthropic from "@anthropic-ai/sdk";
import type { ErrorView, FieldProblem } from "../../api/mod.ts";
import type { UpstreamError } from "../call/classify_failure.ts";
import type { ColinkError } from "../base/error.ts";
import { FormError } from "./form_error.ts";

const decoder = new TextDecoder();

/** What there is to tell. `type`, `param` and `code` are OpenAI's. */
export type ErrorContent = UpstreamError & {
  status: number;
  /** Of a form: every field that is wrong. */
  fields?: readonly FieldProblem[];
};

export interface ErrorFormat {
  /** The header that the request's id goes by, beside `x-request-id`. */
  readonly requestIdHeader: string | null;
  /** Whether events are numbered, the one that ends a stream too: it is told after which. */
  readonly numbersEvents: boolean;
  /** The JSON of an answer that is an error. */
  body(error: ErrorContent, requestId: string): string;
  /** Ends a stream, given such a body (ours, or an upstream's own) and the end of what went before. */
  event(body: string, before: string | Uint8Array): string;
}

/** Whether Anthropic's SDK asks, which sends this header with everything. */
export function isAnthropicSdk(headers: Headers): boolean {
  return headers.has("anthropic-version");
}

/** Our own errors as facts. */
export function contentOf(error: ColinkError): ErrorContent {
  const { code, message, param, kind: { status, type } } = error;
  const facts = { status, message, type, param, code };
  return error instanceof FormError ? { ...facts, fields: error.fields } : facts;
}

function openAiBody({ message, type, param, code, fields }: ErrorContent): string {
  const error = { message, type, param, code };
  const view: ErrorView = {
    error: fields === undefined ? error : { ...error, fields: [...fields] },
  };
  return JSON.stringify(view);
}

/** No `choices` and no `[DONE]`: nobody takes the stump for an answer. */
export const openAi: ErrorFormat = Object.freeze({
  requestIdHeader: null,
  numbersEvents: false,
  body: openAiBody,
  event: (body: string) => `data: ${oneLine(body)}\n\n`,
});

export const openAiResponses: ErrorFormat = Object.freeze({
  requestIdHeader: null,
  numbersEvents: true,
  body: openAiBody,
  event(body: string, before: string | Uint8Array): string {
    const { error } = JSON.parse(body) as { error?: Partial<ErrorContent> };
    const { code = null, message = "The model server failed", param = null } = error ?? {};
    const event = { type: "error", code, message, param, sequence_number: nextNumber(before) };
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
  },
});

/** Nobody counts the events, which go by as bytes: they say themselves how many there were. */
function nextNumber(before: string | Uint8Array): number {
  const text = typeof before === "string" ? before : decoder.decode(before);
  const last = [...text.matchAll(/"sequence_number"\s*:\s*(\d+)/g)].at(-1)?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

export const anthropic: ErrorFormat = Object.freeze({
  requestIdHeader: "request-id",
  numbersEvents: false,
  body({ status, message }: ErrorContent, requestId: string): string {
    const type = anthropicTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
    const body: Anthropic.ErrorResponse = {
      type: "error",
      error: { type, message },
      request_id: requestId,
    };
    return JSON.stringify(body);
  },
  event: (body: string) => `event: error\ndata: ${oneLine(body)}\n\n`,
});

const anthropicTypes: Readonly<Record<number, Anthropic.ErrorObject["type"]>> = Object.freeze({
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
});

/** JSON may hold line breaks between its tokens, where an event must not. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? JSON.stringify(JSON.parse(json)) : json;
}
