/** Quickstart finds the model that a person would have pointed it to, and says what it could not use. */

import { expect, test } from "bun:test";
import { findModel } from "./find_model.ts";
import { ollamaAddress } from "./local_server.ts";

/** A machine on which just these addresses answer, with 200 and this JSON, or with a bare status. */
function machine(answers: Record<string, unknown>, env: Record<string, string> = {}) {
  return {
    env,
    fetch: (url: string) => {
      if (!(url in answers)) return Promise.reject(new Error("connection refused"));
      const answer = answers[url];
      const response = typeof answer === "number"
        ? new Response("{}", { status: answer })
        : Response.json(answer);
      return Promise.resolve(response);
    },
  };
}

const OLLAMA = "http://127.0.0.1:11434";
const LM_STUDIO = "http://127.0.0.1:1234";

test("Ollama comes before every other server and before a key", async () => {
  const { found } = await findModel(machine({
    [`${OLLAMA}/api/tags`]: { models: [{ name: "llama3.2" }] },
    [`${LM_STUDIO}/v1/models`]: { data: [{ id: "other" }] },
  }, { OPENAI_API_KEY: "sk-x" }));
  expect(found).toEqual({
    origin: "Ollama at http://127.0.0.1:11434",
    model: "llama3.2",
    provider: { type: "openai", api_key: "none", base_url: `${OLLAMA}/v1` },
  });
});

test("an embedding model is no chat model, and the smallest one of the others is taken", async () => {
  const { found } = await findModel(machine({
    [`${OLLAMA}/api/tags`]: {
      models: [
        { name: "nomic-embed-text", size: 1 },
        { name: "all-small", size: 2, details: { family: "bert" } },
        { name: "big", size: 40 },
        { name: "small", size: 3 },
        { name: "gpt-oss:cloud", size: 0, remote_host: "https://ollama.com" },
      ],
    },
  }));
  expect(found?.model).toBe("small");
});

test("a model that is loaded already is preferred to a smaller one", async () => {
  const { found } = await findModel(machine({
    [`${OLLAMA}/api/tags`]: { models: [{ name: "small", size: 1 }, { name: "big", size: 9 }] },
    [`${OLLAMA}/api/ps`]: { models: [{ name: "big" }] },
  }));
  expect(found?.model).toBe("big");
});

test("a server without a chat model is passed over, with what to do about it", async () => {
  const { found, notes } = await findModel(machine({ [`${OLLAMA}/api/tags`]: { models: [] } }));
  expect(found).toBeNull();
  expect(notes).toEqual([
    "Ollama at http://127.0.0.1:11434 has no chat model; get one with: ollama pull llama3.2",
  ]);
});

test("LM Studio's loaded chat model is taken, not its embeddings", async () => {
  const { found } = await findModel(machine({
    [`${LM_STUDIO}/api/v0/models`]: {
      data: [
        { id: "embedder", type: "embeddings", state: "loaded" },
        { id: "idle", type: "llm", state: "not-loaded" },
        { id: "ready", type: "vlm", state: "loaded" },
      ],
    },
  }));
  expect(found?.model).toBe("ready");
});

test("another gateway on port 8080, which asks for a key, is not taken for a model server", async () => {
  const { found } = await findModel(machine({ "http://127.0.0.1:8080/v1/models": 401 }));
  expect(found).toBeNull();
});

test("a web page on port 8000 is not taken for a model server", async () => {
  const { found } = await findModel(machine({ "http://127.0.0.1:8000/v1/models": "<html>" }));
  expect(found).toBeNull();
});

test("vLLM and llama.cpp are known by their model lists", async () => {
  const vllm = machine({ "http://127.0.0.1:8000/v1/models": { data: [{ id: "qwen" }] } });
  expect((await findModel(vllm)).found?.origin).toBe("the model server at http://127.0.0.1:8000");
  const llama = machine({ "http://127.0.0.1:8080/v1/models": { data: [{ id: "gemma" }] } });
  expect((await findModel(llama)).found?.origin).toBe("the model server at http://127.0.0.1:8080");
});

test("a key in the environment is used by name, never written down", async () => {
  const { found } = await findModel(machine({
    "https://api.openai.com/v1/models": {
      data: [{ id: "text-embedding-3-small" }, { id: "gpt-4o" }, { id: "gpt-4o-mini" }],
    },
  }, { OPENAI_API_KEY: "sk-x" }));
  expect(found).toEqual({
    origin: "OpenAI (OPENAI_API_KEY)",
    model: "gpt-4o-mini",
    provider: { type: "openai", api_key: "${OPENAI_API_KEY}" },
  });
});

test("a refused OpenAI key is named, and Anthropic's is tried", async () => {
  const { found, notes } = await findModel(machine({
    "https://api.openai.com/v1/models": 401,
    "https://api.anthropic.com/v1/models": {
      data: [{ id: "claude-opus-4-5" }, { id: "claude-haiku-4-5" }],
    },
  }, { OPENAI_API_KEY: "sk-x", ANTHROPIC_API_KEY: "sk-ant-x" }));
  expect(found?.model).toBe("claude-haiku-4-5");
  expect(found?.provider).toEqual({ type: "claude", api_key: "${ANTHROPIC_API_KEY}" });
  expect(notes).toEqual(["OpenAI refused OPENAI_API_KEY with 401; set a valid one"]);
});

const addresses: Record<string, string> = {
  "": "http://127.0.0.1:11434",
  "0.0.0.0": "http://127.0.0.1:11434",
  "0.0.0.0:8081": "http://127.0.0.1:8081",
  ":9000": "http://127.0.0.1:9000",
  "box.lan": "http://box.lan:11434",
  "http://box.lan": "http://box.lan",
  "https://box.lan:8443/": "https://box.lan:8443",
};
for (const [host, address] of Object.entries(addresses)) {
  test(`OLLAMA_HOST="${host}" means ${address}`, () => {
    expect(ollamaAddress(host)).toBe(address);
  });
}
