/** A node's configuration to copy, complete, with the user's own token; and the gateway's addresses. */

import type { InfoView } from "../api/mod.ts";

interface Upstream {
  type: "openai" | "claude";
  /** Null: no key is needed. */
  apiKey: string | null;
  baseUrl: string | null;
  /** Null: every listed model is offered. */
  model: string | null;
}

/** Model servers and providers, by the name on their tab; keys are read from the node's environment. */
export const upstreams = {
  Ollama: { type: "openai", apiKey: null, baseUrl: "http://localhost:11434/v1", model: null },
  vLLM: { type: "openai", apiKey: null, baseUrl: "http://localhost:8000/v1", model: null },
  OpenAI: { type: "openai", apiKey: "${OPENAI_API_KEY}", baseUrl: null, model: "gpt-5-mini" },
  Claude: {
    type: "claude",
    apiKey: "${ANTHROPIC_API_KEY}",
    baseUrl: null,
    model: "claude-sonnet-4-5",
  },
} as const satisfies Record<string, Upstream>;

export type UpstreamName = keyof typeof upstreams;

/** A complete config.yaml of a node. */
export function clientConfig(address: string, clientToken: string, name: UpstreamName): string {
  const { type, apiKey, baseUrl, model }: Upstream = upstreams[name];
  const lines = [
    `client_token: ${json(clientToken)}`,
    `server_url: ${json(webSocketUrl(address))}`,
    `max_parallel: 2`,
    `providers:`,
    `  - type: ${json(type)}`,
    ...(apiKey === null ? [] : [`    api_key: ${json(apiKey)}`]),
    ...(baseUrl === null ? [] : [`    base_url: ${json(baseUrl)}`]),
    ...offered(model),
  ];
  return lines.join("\n") + "\n";
}

function offered(model: string | null): string[] {
  if (model === null) return ["    models: auto"];
  const lines = ["models:", `  - local: ${json(model)}`, `    server_mapping: ${json(model)}`];
  return lines.map((line) => `    ${line}`);
}

/** The gateway's address for programs: the configured public one, or the one the console was opened at. */
export function gatewayAddress(
  info: Pick<InfoView, "public_url"> | null,
  origin: string = location.origin,
): string {
  return (info?.public_url ?? origin).replace(/\/+$/, "");
}

/** The address that nodes connect to: `https://…` → `wss://…/ws`. */
export function webSocketUrl(address: string): string {
  return `${address.replace(/^http/, "ws")}/ws`;
}

/** A string in JSON is also one in YAML. */
function json(value: unknown): string {
  return JSON.stringify(value);
}
