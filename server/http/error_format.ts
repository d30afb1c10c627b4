/** How an API writes errors: as a body, and as the last event of a stream. */

import type Anthropic from "@anthropic-ai/sdk";
import type { ErrorView, FieldProblem } from "../../api/mod.ts";
import type { UpstreamError } from "../call/classify_failure.ts";
import type { ColinkError } from "../base/error.ts";

const decoder = new TextDecoder();

/** What an error says, in whatever format. `type`, `param` and `code` are OpenAI's. */
export type ErrorContent = UpstreamError & {
  status: number;
  /** Where the gateway's own code is explained; absent: unknown. */
  doc_url?: string | undefined;
  /** Of a form: every field that is wrong. */
  fields?: readonly FieldProblem[];
};

export interface ErrorFormat {
  /** The header of the request's id, beside `x-request-id`; null: none. */
  readonly requestIdHeader: string | null;
  /** Whether the event of an error continues the numbers of the events before it. */
  readonly numbersEvents: boolean;
  /** JSON. */
  body(error: ErrorContent, requestId: string): string;
  /**
   * The event that ends a stream. `body`: an error's, the gateway's or the upstream's own; `before`: the
   * end of the stream so far.
   */
  event(body: string, before: string | Uint8Array): string;
}

/** Anthropic's SDK sends this header with every request. */
export function isAnthropicSdk(headers: Headers): boolean {
  return headers.has("anthropic-version");
}

/**
 * The content of one of the gateway's own errors. `publicUrl`: the gateway's address, null where it is
 * not set: what the caller's request names may be a proxy's, and a program shows the link to other people.
 */
export function contentOf(error: ColinkError, publicUrl: string | null): ErrorContent {
  const { code, message, param, kind: { status, type } } = error;
  const doc_url = publicUrl === null ? undefined : `${publicUrl}/docs/errors#${code}`;
  const content = { status, message, type, param, code, doc_url };
  return error.fields === null ? content : { ...content, fields: error.fields };
}

function openAiBody({ message, type, param, code, doc_url, fields }: ErrorContent): string {
  const error: ErrorView["error"] = { message, type, param, code };
  if (doc_url !== undefined) error.doc_url = doc_url;
  if (fields !== undefined) error.fields = [...fields];
  return JSON.stringify({ error } satisfies ErrorView);
}

/** Its event has no `choices` and no `[DONE]` follows, so that no SDK takes the stream for complete. */
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
    const { type = "server_error", message = "The model server failed" } = error ?? {};
    const { code = null, param = null, doc_url } = error ?? {};
    const sequence_number = nextNumber(before);
    // Some clients read the members of OpenAI's specification, others the object that OpenAI's servers send.
    const content = { type, code: String(code ?? type), message, param, doc_url };
    const event = { type: "error", code, message, param, sequence_number, error: content };
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
  },
});

/** Read from the last event: the gateway passes events on without counting them. */
function nextNumber(before: string | Uint8Array): number {
  const text = typeof before === "string" ? before : decoder.decode(before);
  const last = [...text.matchAll(/"sequence_number"\s*:\s*(\d+)/g)].at(-1)?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

export const anthropic: ErrorFormat = Object.freeze({
  requestIdHeader: "request-id",
  numbersEvents: false,
  body({ status, message, doc_url }: ErrorContent, requestId: string): string {
    const type = anthropicTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
    const error: Anthropic.ErrorObject & { doc_url?: string | undefined } = {
      type,
      message,
      doc_url,
    };
    const body: Anthropic.ErrorResponse = {
      type: "error",
      error,
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
  413: "request_too_large" as Anthropic.ErrorObject["type"],
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
});

/** An event's data must not hold the line breaks that JSON may have between its tokens. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? JSON.stringify(JSON.parse(json)) : json;
}
