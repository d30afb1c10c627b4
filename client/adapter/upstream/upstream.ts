/** An HTTP client for one provider: its address, headers, and what its connection failures mean. */

import type { HttpFailure, HttpResponse } from "../../http/http_response.ts";
import type { HttpRequest } from "../../http/pulling_fetch.ts";
import { buildFacts } from "../../../release/mod.ts";
import type { World } from "../../world.ts";
import { UpstreamFailure } from "../adapter.ts";
import { discard, readWhole } from "../sse/event_stream.ts";
import { type Redact, redactor } from "./redact.ts";
import { WholeAnswers } from "./whole_answers.ts";

/** The largest answer to a GET request. */
const MAX_FACTS_BYTES = 4 * 1024 * 1024;

const JSON_HEADERS = { "content-type": "application/json", accept: "application/json" };
const STREAM_HEADERS = {
  "content-type": "application/json",
  accept: "text/event-stream, application/json",
  // A proxy that compresses a stream also buffers it.
  "accept-encoding": "identity",
};

export interface UpstreamOptions {
  /** The URL below which the endpoints are, see base_url.ts. */
  baseUrl: URL;
  /** The dialect's headers, including the key. */
  headers: Record<string, string>;
  /** The owner's headers, which override the dialect's. */
  extraHeaders?: Record<string, string> | undefined;
  apiKey?: string | undefined;
  /** The proxy's URL, or `none`; undefined: what the environment says. */
  proxy?: string | undefined;
}

export class Upstream {
  /** Removes the key, the address and the owner's headers from a text. */
  readonly redact: Redact;
  readonly answers = new WholeAnswers();
  readonly #base: URL;
  readonly #proxy: { proxy?: string | false };
  readonly #headers: Readonly<Record<string, string>>;
  /** Request URLs by path. */
  readonly #posts = new Map<string, string>();
  /** Whether the provider has answered: only then may a connection have been kept. */
  #hasAnswered = false;

  constructor(
    options: UpstreamOptions,
    private readonly world: Pick<World, "fetch">,
  ) {
    this.#base = options.baseUrl;
    const { proxy } = options;
    // Bun's option: false connects directly, whatever the environment says.
    this.#proxy = proxy === undefined ? {} : { proxy: proxy === "none" ? false : proxy };
    const headers = new Headers({
      "user-agent": `co-link/${buildFacts.version}`,
      ...options.headers,
    });
    for (const [name, value] of Object.entries(options.extraHeaders ?? {})) {
      headers.set(name, value);
    }
    this.#headers = Object.fromEntries(headers);
    this.redact = redactor([
      options.apiKey,
      options.proxy === "none" ? undefined : options.proxy,
      ...Object.values(options.extraHeaders ?? {}),
      ...this.#base.searchParams.values(),
      this.#base.href,
      this.#base.origin,
      this.#base.host,
    ]);
  }

  /**
   * Posts JSON text to a path below the base URL, one of few. `more`: headers of this call, by
   * lower-case name, which override all others. Returns any response, errors included; throws an
   * UpstreamFailure with code 502 if there is none.
   */
  async post(
    path: string,
    body: string,
    { stream, signal }: { stream: boolean; signal: AbortSignal },
    more: Readonly<Record<string, string>> = {},
  ): Promise<HttpResponse> {
    const request = {
      method: "POST",
      headers: { ...this.#headers, ...more, ...(stream ? STREAM_HEADERS : JSON_HEADERS) },
      body,
      signal,
      // Following a redirect would send the key to another host.
      redirect: "manual" as const,
      // Bun's option: a model may take longer than Bun's default of five minutes without data.
      timeout: false,
    };
    const url = this.#posts.get(path) ?? this.#url(path);
    this.#posts.set(path, url);
    return await this.#fetch(url, request);
  }

  /** Gets JSON from a path below the base URL; null on any failure. */
  async get(
    path: string,
    signal: AbortSignal,
    query: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    try {
      return JSON.parse((await this.read(path, signal, query)).text);
    } catch {
      return null;
    }
  }

  /**
   * Gets the text at a path below the base URL, and what the `server` header names. Throws an
   * UpstreamFailure on any failure.
   */
  async read(
    path: string,
    signal: AbortSignal,
    query: Readonly<Record<string, string>> = {},
  ): Promise<{ text: string; server: string }> {
    const request = { headers: this.#headers, signal, redirect: "manual" as const };
    const response = await this.#fetch(this.#url(path, query), request);
    if (response.ok) {
      const server = response.headers.get("server") ?? "";
      return { text: await readWhole(response, signal, MAX_FACTS_BYTES), server };
    }
    discard(response);
    const hint = statusHints[response.status] ?? "";
    throw new UpstreamFailure(
      response.status,
      `The provider answered HTTP ${response.status}${hint}`,
    );
  }

  /**
   * A server may close a connection that was kept for the next request just as that request comes,
   * which says nothing of server or request: it is sent once more, over a new connection. Not where the
   * server may have read it: it may be what ended the connection, or be served twice.
   */
  async #fetch(url: string, request: HttpRequest): Promise<HttpResponse> {
    const mayReuse = this.#hasAnswered && request.keepalive !== false;
    try {
      const response = await this.world.fetch(url, { ...request, ...this.#proxy });
      this.#hasAnswered = true;
      return response;
    } catch (cause) {
      request.signal.throwIfAborted();
      if (mayReuse && closedFaults.has(codeOf(cause)) && mayBeStale(cause)) {
        return await this.#fetch(url, { ...request, keepalive: false });
      }
      throw new UpstreamFailure(502, `Cannot reach the provider: ${unreachable(cause)}`, {
        // A server may end a connection over the request that it was sent.
        ...(connectFaults.has(codeOf(cause)) ? { kind: "unreachable" } : {}),
        cause,
      });
    }
  }

  #url(path: string, query: Readonly<Record<string, string>> = {}): string {
    const url = new URL(this.#base);
    url.pathname = `${url.pathname === "/" ? "" : url.pathname}/${path}`;
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url.href;
  }
}

/** The runtime's error codes for a connection that ended before the answer's first byte, in words. */
const closedFaults: ReadonlyMap<string, string> = new Map([
  ["ConnectionClosed", "the connection was closed"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection was closed"],
]);

/**
 * The runtime's error codes for a connection that was not made, in words. The runtime's own messages
 * contain the address.
 */
const connectFaults: ReadonlyMap<string, string> = new Map([
  ["ConnectionRefused", "connection refused; is it running?"],
  ["ECONNREFUSED", "connection refused; is it running?"],
  ["FailedToOpenSocket", "no connection"],
  ["EHOSTUNREACH", "no machine answers at its address; is it on?"],
  ["ENETUNREACH", "no route to it; is the node's network up?"],
  ["EACCES", "the node's rules or firewall forbid the connection"],
  ["ENOTFOUND", "its name is not known; is base_url right?"],
  ["EAI_AGAIN", "its name cannot be looked up now"],
  ["DNSException", "its name is not known"],
  ["ETIMEDOUT", "no answer in time; is it on, and does a firewall let the node through?"],
  ["ConnectionTimeout", "no answer in time"],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet; is the node's clock right?"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its certificate is self-signed"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate is not trusted"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
]);

/** The runtime's error codes for what answered, but not as a provider does, in words. */
const answerFaults: ReadonlyMap<string, string> = new Map([
  ["HPE_INVALID_RESPONSE", "its answer is not HTTP/1.1"],
  ["EPROTO", "no encrypted connection; is its address one of https?"],
]);

function mayBeStale(cause: unknown): boolean {
  return (cause as HttpFailure).isStale ?? true;
}

function unreachable(cause: unknown): string {
  const code = codeOf(cause);
  return closedFaults.get(code) ?? connectFaults.get(code) ?? answerFaults.get(code) ??
    "no connection";
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** What the owner of the node may do about a status of a list of models. */
const statusHints: Readonly<Record<number, string>> = {
  401: ": check api_key",
  403: ": check api_key",
  404: ": check base_url",
};
