/** The types of provider, and the endpoints that each can serve, as a configuration names them. */

import { Endpoint } from "../../protocol/endpoint.ts";

const paths = {
  chat: Endpoint.chat,
  completions: Endpoint.completions,
  embeddings: Endpoint.embeddings,
  responses: Endpoint.responses,
  messages: Endpoint.messages,
  count_tokens: Endpoint.countTokens,
  rerank: Endpoint.rerank,
  moderations: Endpoint.moderations,
} as const;

export type EndpointName = keyof typeof paths;

const served = {
  openai: [
    "chat",
    "completions",
    "embeddings",
    "responses",
    "messages",
    "rerank",
    "moderations",
  ],
  claude: ["chat", "messages", "count_tokens"],
} as const satisfies Record<string, readonly EndpointName[]>;

export type ProviderType = keyof typeof served;

/** All that a type can serve. */
export function endpointNamesOf(type: ProviderType): readonly EndpointName[] {
  return served[type];
}

export function endpointPaths(names: readonly EndpointName[]): Endpoint[] {
  return names.map((name) => paths[name]);
}
