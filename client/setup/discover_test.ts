/** Model servers are recognised by what they answer, at whatever port. */

import { expect, test } from "bun:test";
import { discover } from "./discover.ts";

type Answers = Record<string, unknown>;

/** A world in which only these addresses answer, each at these paths. */
function aWorld(servers: Record<string, Answers>, env: Record<string, string> = {}) {
  const fetch = (address: string) => {
    const url = new URL(address);
    const answers = servers[url.origin];
    if (answers === undefined) return Promise.reject(new Error("connection refused"));
    const answer = answers[url.pathname];
    return Promise.resolve(
      answer === undefined ? new Response("no", { status: 404 }) : Response.json(answer),
    );
  };
  return { env, fetch };
}

const one = (models: object) => ({ data: [models] });

test("each kind of server is found by its answers, even at another one's port", async () => {
  const found = await discover(aWorld({
    // Ollama at llama.cpp's port, and so on.
    "http://127.0.0.1:8080": {
      "/api/tags": {
        models: [{ name: "llama3.2:3b", size: 2e9, details: { family: "llama" } }, {
          name: "cloud",
          remote_host: "https://ollama.com",
        }],
      },
      "/api/show": {
        capabilities: ["completion"],
        model_info: { "llama.context_length": 131072 },
      },
    },
    "http://127.0.0.1:11434": {
      "/api/v0/models": {
        data: [
          { id: "qwen", type: "llm", max_context_length: 32768 },
          { id: "nomic", type: "embeddings" },
        ],
      },
    },
    "http://127.0.0.1:1234": {
      "/v1/models": one({ id: "big", owned_by: "vllm", max_model_len: 8192 }),
    },
    "http://127.0.0.1:8000": {
      "/v1/models": one({ id: "gguf", owned_by: "llamacpp", meta: { size: 4e9 } }),
      "/props": { total_slots: 4, default_generation_settings: { n_ctx: 4096 } },
    },
    "http://127.0.0.1:30000": { "/v1/models": one({ id: "sg", owned_by: "sglang" }) },
  }));
  const shown = found.map(({ name, place, parallel, models }) => [name, place, parallel, models]);
  expect(shown).toEqual([
    ["LM Studio", "http://127.0.0.1:11434", 1, [
      { id: "qwen", kind: "chat", contextLength: 32768 },
      { id: "nomic", kind: "embedding" },
    ]],
    ["vLLM", "http://127.0.0.1:1234", 16, [{ id: "big", kind: "chat", contextLength: 8192 }]],
    ["llama.cpp", "http://127.0.0.1:8000", 4, [
      { id: "gguf", kind: "chat", sizeBytes: 4e9, contextLength: 4096 },
    ]],
    ["Ollama", "http://127.0.0.1:8080", 2, [
      { id: "llama3.2:3b", kind: "chat", sizeBytes: 2e9, contextLength: 131072 },
    ]],
    ["SGLang", "http://127.0.0.1:30000", 16, [{ id: "sg", kind: "chat" }]],
  ]);
});

test("what answers something else, or asks for a key, is no model server", async () => {
  const found = await discover(aWorld({
    "http://127.0.0.1:8080": { "/v1/models": { error: { code: "missing_api_key" } } },
    "http://127.0.0.1:8000": { "/v1/models": { data: "nonsense" }, "/api/tags": ["nonsense"] },
    "http://127.0.0.1:1234": { "/api/tags": { models: [{ name: 7 }] }, "/v1/models": null },
  }));
  expect(found).toEqual([]);
});

test("OLLAMA_HOST is read as Ollama reads it", async () => {
  for (
    const [host, origin] of [
      ["10.0.0.5", "http://10.0.0.5:11434"],
      [":9999", "http://127.0.0.1:9999"],
      ["0.0.0.0:8888", "http://127.0.0.1:8888"],
      ["https://models.lan", "https://models.lan"],
    ] as const
  ) {
    const world = aWorld({ [origin]: { "/api/tags": { models: [{ name: "m" }] } } }, {
      OLLAMA_HOST: host,
    });
    expect((await discover(world)).map(({ place }) => place)).toEqual([origin]);
  }
});

test("a provider's key stays in the environment: the configuration names the variable", async () => {
  const world = aWorld(
    {
      "https://api.openai.com": {
        "/v1/models": { data: [{ id: "gpt-5-mini" }, { id: "dall-e-3" }] },
      },
    },
    { OPENAI_API_KEY: "sk-secret" },
  );
  const [found] = await discover(world);
  expect(found).toMatchObject({
    provider: { type: "openai", api_key: "${OPENAI_API_KEY}" },
    models: [{ id: "gpt-5-mini", kind: "chat" }],
    isHosted: true,
  });
});
