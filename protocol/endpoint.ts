/** The inference endpoints: callers ask for them, nodes announce them, and CALL names one, always by its path. */

import type { ModelCapabilities } from "./frame_v2.ts";

/**
 * A new one that takes and gives JSON needs its path here and its streams below, a row in the
 * gateway's table, and on the node one in its adapter's table and its name for configurations.
 */
export const Endpoint = Object.freeze({
  chat: "/v1/chat/completions",
  completions: "/v1/completions",
  embeddings: "/v1/embeddings",
  responses: "/v1/responses",
  messages: "/v1/messages",
  countTokens: "/v1/messages/count_tokens",
  rerank: "/v1/rerank",
  moderations: "/v1/moderations",
});

export type Endpoint = typeof Endpoint[keyof typeof Endpoint];

/** What both ends must know of an endpoint's streams. */
export interface EndpointStream {
  /** Whether `data: [DONE]` is their last event. The gateway writes it, a node leaves it out. */
  readonly endsWithDone: boolean;
  /** Whether usage is told only where `stream_options` asks for it. */
  readonly isUsageOptional: boolean;
}

const openAiStream: EndpointStream = Object.freeze({ endsWithDone: true, isUsageOptional: true });
const eventStream: EndpointStream = Object.freeze({ endsWithDone: false, isUsageOptional: false });

/** Each endpoint's streams; null: its answers come in one piece. */
export const endpointStreams: Readonly<Record<Endpoint, EndpointStream | null>> = Object.freeze({
  [Endpoint.chat]: openAiStream,
  [Endpoint.completions]: openAiStream,
  [Endpoint.embeddings]: null,
  [Endpoint.responses]: eventStream,
  [Endpoint.messages]: eventStream,
  [Endpoint.countTokens]: null,
  [Endpoint.rerank]: null,
  [Endpoint.moderations]: null,
});

/** What a node serves that says nothing of endpoints: all of v1's, and v2's without `capabilities`. */
export const DEFAULT_ENDPOINTS: readonly Endpoint[] = Object.freeze([Endpoint.chat]);

const everyEndpoint: readonly Endpoint[] = Object.freeze(Object.values(Endpoint));

/**
 * The endpoints at which a node serves one of its models, in this file's order. Those of a later
 * version are passed over.
 */
export function endpointsOf(capabilities: ModelCapabilities | undefined): readonly Endpoint[] {
  const announced = capabilities?.endpoints;
  if (announced === undefined) return DEFAULT_ENDPOINTS;
  return everyEndpoint.filter((endpoint) => announced.includes(endpoint));
}

export function isEndpoint(path: string): path is Endpoint {
  return Object.hasOwn(endpointStreams, path);
}

/** The caller's headers that travel with a CALL, by lower-case name. No others do. */
export const CALL_HEADERS: ReadonlySet<string> = new Set(["anthropic-version", "anthropic-beta"]);
