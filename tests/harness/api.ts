/** Plain requests to a gateway, for tests that send what no SDK would. */

import type { ErrorView } from "../../api/mod.ts";

export interface Answer<T = unknown> {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; undefined when it is not. */
  json: T;
}

/** Sends one request and reads the whole answer. */
export async function ask<T = ErrorView>(
  url: string,
  init: RequestInit & { token?: string } = {},
): Promise<Answer<T>> {
  const { token, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const response = await fetch(url, { ...rest, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) as T };
}

/** A chat call: `body` as text goes out to the letter, anything else as JSON. */
export function chat<T = ErrorView>(
  gateway: { url: string },
  token: string | undefined,
  body: unknown,
  init: RequestInit = {},
): Promise<Answer<T>> {
  return ask<T>(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
    ...(token === undefined ? {} : { token }),
  });
}

/** The smallest body that is right. */
export function hello(model: string, more: Record<string, unknown> = {}) {
  return { model, messages: [{ role: "user", content: "hello" }], ...more };
}

/** A chat call whose stream is read event by event. */
export async function stream(
  gateway: { url: string },
  token: string,
  body: Record<string, unknown>,
  signal?: AbortSignal,
  headers: Record<string, string> = {},
): Promise<{ response: Response; events: AsyncGenerator<string> }> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify({ ...body, stream: true }),
    ...(signal ? { signal } : {}),
  });
  return { response, events: dataOf(response) };
}

/** The `data:` payloads of an event stream, comments left out. */
async function* dataOf(response: Response): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) yield line.slice("data: ".length);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
