/** A fetch that checks the exact shape of every answer built by the gateway or the node. */

import { createParser } from "eventsource-parser";
import type { z } from "zod";
import { chunkShape, completionShape } from "../../client/testing/openai_shapes.ts";
import { eventShape, messageShape } from "../../client/testing/anthropic_shapes.ts";
import { Endpoint } from "../../protocol/mod.ts";
import type { Provider } from "./feature.ts";
import {
  anthropicErrorShape,
  errorShape,
  modelsShape,
  responseErrorShape,
} from "./gateway_shapes.ts";

/** The shapes of an endpoint's translated answers. */
interface Built {
  for: Provider;
  whole: z.ZodType;
  event: z.ZodType;
}

const built: Readonly<Record<string, Built>> = Object.freeze({
  [Endpoint.chat]: { for: "claude", whole: completionShape, event: chunkShape },
  [Endpoint.messages]: { for: "openai", whole: messageShape, event: eventShape },
});

const isAnthropic = (path: string) => path.startsWith(Endpoint.messages);

export interface CheckedFetch {
  fetch: typeof fetch;
  /** Rejects if any fetched answer had another shape. */
  verified(): Promise<void>;
}

/** `provider`: the type of the provider that answers. */
export function checkedFetch(provider: Provider): CheckedFetch {
  const checks: Promise<void>[] = [];
  const check = async (input: string | URL | Request, init?: RequestInit) => {
    const response = await fetch(input, init);
    if (response.body === null) return response;
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    const [seen, given] = response.body.tee();
    checks.push(
      new Response(seen).text().then((text) => checkText(provider, path, response, text)),
    );
    return new Response(given, response);
  };
  return {
    fetch: check as typeof fetch,
    verified: async () => void await Promise.all(checks.splice(0)),
  };
}

function checkText(provider: Provider, path: string, response: Response, text: string): void {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  const row = built[path]?.for === provider ? built[path] : undefined;
  if (isStream) checkEvents(path, text, row?.event);
  else if (!response.ok) checkRefusal(provider, path, response.status, JSON.parse(text));
  else shapeOf(path, row)?.parse(JSON.parse(text));
}

function shapeOf(path: string, row: Built | undefined): z.ZodType | undefined {
  return path.startsWith("/v1/models") ? modelsShape : row?.whole;
}

function checkEvents(path: string, text: string, shape: z.ZodType | undefined): void {
  const events: string[] = [];
  createParser({ onEvent: ({ data }) => void events.push(data) }).feed(text);
  for (const data of events) {
    if (data === "[DONE]") continue;
    const value = JSON.parse(data) as { error?: unknown; type?: unknown };
    if (value.error || value.type === "error") errorEventShape(path).parse(value);
    else shape?.parse(value);
  }
}

function errorEventShape(path: string): z.ZodType {
  if (isAnthropic(path)) return anthropicErrorShape;
  return path === Endpoint.responses ? responseErrorShape : errorShape;
}

/** A provider's own error body passes unchanged if it is in the caller's dialect. */
function checkRefusal(provider: Provider, path: string, status: number, body: unknown): void {
  const isOwnDialect = isAnthropic(path) === (provider === "claude");
  const isOurs = JSON.stringify(body).includes('"message":"Cannot ');
  if (isOwnDialect && status < 500 && !isOurs) return;
  (isAnthropic(path) ? anthropicErrorShape : errorShape).parse(body);
}
