/** Code and configuration to copy: complete, with the user's own token and a live model filled in. */

import type { InfoView } from "../api/mod.ts";

export interface CallExample {
  /** The gateway's: `https://gateway.example` */
  address: string;
  apiToken: string;
  model: string;
}

/** Programs that make one call, and the environment variables for others; by the name on their tab. */
export const callSnippets = {
  curl: ({ address, apiToken, model }: CallExample) =>
    `curl ${address}/v1/chat/completions \\
  -H "Authorization: Bearer ${apiToken}" \\
  -H "Content-Type: application/json" \\
  -d '${json({ model, messages: [{ role: "user", content: "Hello" }] }).replaceAll("'", "'\\''")}'`,

  Python: ({ address, apiToken, model }: CallExample) =>
    `from openai import OpenAI

client = OpenAI(base_url=${json(`${address}/v1`)}, api_key=${json(apiToken)})

stream = client.chat.completions.create(
    model=${json(model)},
    messages=[{"role": "user", "content": "Hello"}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="")`,

  JavaScript: ({ address, apiToken, model }: CallExample) =>
    `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${json(`${address}/v1`)},
  apiKey: ${json(apiToken)},
});

const stream = await client.chat.completions.create({
  model: ${json(model)},
  messages: [{ role: "user", content: "Hello" }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`,

  env: ({ address, apiToken, model }: CallExample) =>
    `export OPENAI_BASE_URL=${json(`${address}/v1`)}
export OPENAI_API_KEY=${json(apiToken)}
# ${model}`,
} as const;

export type SnippetName = keyof typeof callSnippets;

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

/** A string in JSON is also one in YAML, Python and JavaScript. */
function json(value: unknown): string {
  return JSON.stringify(value);
}
