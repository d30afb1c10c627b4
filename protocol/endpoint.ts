/** The inference endpoints. Requests, announcements and CALL frames name them by path. */

import type { ModelCapabilities } from "./frame_v2.ts";

/** The properties of an endpoint that both ends must know. */
export interface EndpointSpec {
  readonly path: string;
  /** The API whose shapes its bodies and errors have. */
  readonly api: "openai" | "anthropic";
  /** How its answers stream; null: they do not. */
  readonly stream: EndpointStream | null;
  /** The members of a request that is valid and short, without its model: by it a node finds out whether a server has the endpoint. */
  readonly shortestBody: object;
  /** Few servers have it: a model is served there only if its owner or its server's list names it. */
  readonly isOptIn?: true;
}

export interface EndpointStream {
  /** Whether `data: [DONE]` is the last event. The gateway writes it, a node leaves it out. */
  readonly endsWithDone: boolean;
  /** Whether usage is reported only where `stream_options` asks for it. */
  readonly isUsageOptional: boolean;
}

const chunks: EndpointStream = Object.freeze({ endsWithDone: true, isUsageOptional: true });
const namedEvents: EndpointStream = Object.freeze({ endsWithDone: false, isUsageOptional: false });

const hi = [{ role: "user", content: "hi" }] as const;

/**
 * A new endpoint that takes and gives JSON is a row here and one in `server/http/endpoints.ts`. The
 * keys are the names that a node's configuration uses.
 */
const specs = {
  chat: {
    path: "/v1/chat/completions",
    api: "openai",
    stream: chunks,
    shortestBody: { messages: hi, max_tokens: 1 },
  },
  completions: {
    path: "/v1/completions",
    api: "openai",
    stream: chunks,
    shortestBody: { prompt: "hi", max_tokens: 1 },
  },
  embeddings: {
    path: "/v1/embeddings",
    api: "openai",
    stream: null,
    shortestBody: { input: "hi" },
  },
  responses: {
    path: "/v1/responses",
    api: "openai",
    stream: namedEvents,
    shortestBody: { input: "hi", max_output_tokens: 16, store: false },
  },
  messages: {
    path: "/v1/messages",
    api: "anthropic",
    stream: namedEvents,
    shortestBody: { messages: hi, max_tokens: 1 },
  },
  count_tokens: {
    path: "/v1/messages/count_tokens",
    api: "anthropic",
    stream: null,
    shortestBody: { messages: hi },
  },
  rerank: {
    path: "/v1/rerank",
    api: "openai",
    stream: null,
    isOptIn: true,
    shortestBody: { query: "hi", documents: ["hi"] },
  },
  moderations: {
    path: "/v1/moderations",
    api: "openai",
    stream: null,
    isOptIn: true,
    shortestBody: { input: "hi" },
  },
} as const satisfies Readonly<Record<string, EndpointSpec>>;

type Specs = typeof specs;

export type EndpointName = keyof Specs;

/** Paths by name. */
export const Endpoint = Object.freeze(
  Object.fromEntries(Object.entries(specs).map(([name, { path }]) => [name, path])),
) as { readonly [Name in EndpointName]: Specs[Name]["path"] };

export type Endpoint = typeof Endpoint[EndpointName];

/** Endpoints whose answers can stream. */
export type StreamingEndpoint = {
  [Name in EndpointName]: Specs[Name]["stream"] extends null ? never : Specs[Name]["path"];
}[EndpointName];

/** Rows by path. */
export const endpointSpecs = Object.freeze(
  Object.fromEntries(Object.values(specs).map((spec) => [spec.path, spec])),
) as Readonly<Record<Endpoint, EndpointSpec>>;

/** What a node serves that says nothing of endpoints: all of v1's, and v2's without `capabilities`. */
export const DEFAULT_ENDPOINTS: readonly Endpoint[] = Object.freeze([Endpoint.chat]);

export const everyEndpoint: readonly Endpoint[] = Object.freeze(Object.values(Endpoint));

/**
 * The endpoints at which a node serves one of its models, in this file's order. Endpoints of a later
 * version are left out.
 */
export function endpointsOf(capabilities: ModelCapabilities | undefined): readonly Endpoint[] {
  const announced = capabilities?.endpoints;
  if (announced === undefined) return DEFAULT_ENDPOINTS;
  return everyEndpoint.filter((endpoint) => announced.includes(endpoint));
}

export function isEndpoint(path: string): path is Endpoint {
  return Object.hasOwn(endpointSpecs, path);
}

/** The caller's headers that travel with a CALL, by lower-case name. No others do. */
export const CALL_HEADERS: ReadonlySet<string> = new Set(["anthropic-version", "anthropic-beta"]);
