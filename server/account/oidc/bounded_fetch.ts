/** Requests to the sign-in provider: bounded in time, in bytes and in number, so that a slow or huge answer costs other requests nothing. */

import type { Budget } from "../../base/budgets.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface BoundedFetchOptions {
  fetch: Fetch;
  /** Counts the requests that are under way, and refuses more. */
  budget: Budget;
  timeoutMs?: number;
}

/** Keys or a person's claims: each has some kilobytes, and with thousands of groups some hundred. */
const MAX_BYTES = 256 * 1024;
/** The library copies it several times. */
const MAX_DISCOVERY_BYTES = 64 * 1024;
/** Parsing what is nested without bound takes long. */
const MAX_DEPTH = 32;
const TIMEOUT_MS = 8_000;
/** Of this gateway's, at a time. */
export const MAX_PROVIDER_REQUESTS = 32;

/** What the provider could not be asked, or has not answered as it must. */
export class ProviderUnreachable extends Error {
  override readonly name = "ProviderUnreachable";
}

export class BoundedFetch {
  #running = 0;

  constructor(private readonly options: BoundedFetchOptions) {}

  /** How many requests are under way. */
  get running(): number {
    return this.#running;
  }

  /** As `fetch`, with the whole body read. Follows no redirect. Throws ProviderUnreachable. */
  readonly fetch: Fetch = async (url, init) => {
    const { budget, timeoutMs = TIMEOUT_MS } = this.options;
    if (this.#running >= MAX_PROVIDER_REQUESTS) {
      budget.refused();
      throw new ProviderUnreachable(`${MAX_PROVIDER_REQUESTS} requests to it are under way`);
    }
    this.#running++;
    try {
      return await this.#whole(url, init, AbortSignal.timeout(timeoutMs));
    } catch (cause) {
      if (cause instanceof ProviderUnreachable) throw cause;
      const isLate = (cause as { name?: string }).name === "TimeoutError";
      throw new ProviderUnreachable(
        isLate ? `no answer within ${timeoutMs / 1000} s` : "the connection failed",
        { cause },
      );
    } finally {
      this.#running--;
    }
  };

  async #whole(url: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    const response = await this.options.fetch(url, { ...init, redirect: "manual", signal });
    const { status, headers } = response;
    if (status >= 500 || status === 429) {
      await response.body?.cancel();
      throw new ProviderUnreachable(`status ${status}`);
    }
    const maxBytes = url.includes("/.well-known/") ? MAX_DISCOVERY_BYTES : MAX_BYTES;
    const body = await bytesOf(response, maxBytes, signal);
    if (depthOf(body) > MAX_DEPTH) throw new ProviderUnreachable("an answer nested too deeply");
    const isEmpty = status === 204 || status === 304;
    return new Response(isEmpty ? null : body, { status, headers: plain(headers) });
  }
}

/** The body is unpacked already. */
function plain(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) kept.delete(name);
  return kept;
}

/** How deep JSON is nested; of anything else some number. */
function depthOf(bytes: Uint8Array): number {
  let [depth, deepest, isText] = [0, 0, false];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) isText = !isText;
    else if (isText) i += byte === BACKSLASH ? 1 : 0;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from('"\\[]{}');

async function bytesOf(
  response: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  const cancel = () => void reader?.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    while (reader !== undefined) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      size += value.byteLength;
      if (size > maxBytes) {
        cancel();
        throw new ProviderUnreachable(`an answer of more than ${maxBytes / 1024} KiB`);
      }
      pieces.push(value);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  return new Uint8Array(Buffer.concat(pieces));
}
