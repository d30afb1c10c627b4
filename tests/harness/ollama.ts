/** A server that answers as Ollama does: its own lists, and OpenAI's dialect for calls. */

import { endAfterTests } from "./cleanup.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

export interface Ollama {
  /** As `OLLAMA_HOST` names it. */
  readonly host: string;
  readonly url: string;
  readonly calls: Upstream["calls"];
  stop(): void;
}

/** Each of the models has as many bytes as told; names with "embed" are embedding models. */
export function startOllama(models: Record<string, number>): Ollama {
  const upstream = startUpstream();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/api/tags") {
        return Response.json({
          models: Object.entries(models).map(([name, size]) => ({ name, size, details: {} })),
        });
      }
      if (pathname === "/api/show") {
        const { model } = await request.json() as { model: string };
        return Response.json({
          capabilities: [model.includes("embed") ? "embedding" : "completion"],
          model_info: { "llama.context_length": 8192 },
        });
      }
      if (pathname === "/v1/embeddings") {
        return Response.json({ data: [{ index: 0, embedding: [1] }], usage: { prompt_tokens: 1 } });
      }
      if (pathname === "/v1/models") {
        return Response.json({ data: Object.keys(models).map((id) => ({ id })) });
      }
      const body = await request.text();
      return fetch(upstream.url.replace(/\/v1$/, pathname), {
        method: request.method,
        headers: { "content-type": "application/json" },
        ...(body === "" ? {} : { body }),
      });
    },
  });
  endAfterTests(() => void server.stop(true));
  return {
    host: `127.0.0.1:${server.port}`,
    url: `http://127.0.0.1:${server.port}`,
    calls: upstream.calls,
    stop: () => void server.stop(true),
  };
}
