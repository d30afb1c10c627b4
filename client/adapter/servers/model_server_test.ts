/** What known kinds of servers say of themselves and of their models, and what follows for calls. */

import { describe, expect, test } from "bun:test";
import { Endpoint, type ModelCapabilities } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { realWorld } from "../../world.ts";
import { isObject, type Json } from "../json_object.ts";
import { OpenAiAdapter } from "../openai.ts";

/** Answers by method and path; a function gets the request's body. Anything else is a 404. */
type Answers = Record<string, object | ((body: Json) => object | number)>;

const NOT_FOUND = 404;

/** An adapter at a server with the answers, and the paths that it was asked for. */
function adapterAt(answers: Answers, base_url = "http://127.0.0.1:1/v1") {
  const asked: string[] = [];
  let nowMs = 0;
  const most = { parallel: 0 };
  let parallel = 0;
  const adapter = new OpenAiAdapter({ base_url }, {
    ...realWorld,
    nowMs: () => nowMs,
    fetch: async (text, init) => {
      init.signal!.throwIfAborted();
      const { pathname, search } = new URL(text);
      const name = `${init.method ?? "GET"} ${pathname}${search}`;
      asked.push(name);
      most.parallel = Math.max(most.parallel, ++parallel);
      await Promise.resolve();
      parallel--;
      const found = answers[name];
      const body = typeof init.body === "string" ? JSON.parse(init.body) as Json : {};
      const answer = typeof found === "function" ? found(body) : found ?? NOT_FOUND;
      return typeof answer === "number"
        ? new Response("no", { status: answer })
        : Response.json(answer);
    },
  });
  const capabilities = async (signal = new AbortController().signal) =>
    Object.fromEntries(
      (await adapter.models(signal)).map(({ id, capabilities }) => [id, capabilities]),
    );
  /** The body that a call at /v1/messages becomes. */
  const sent = async (model: string, change: object): Promise<Json> => {
    let body: Json = {};
    answers["POST /v1/chat/completions"] = (posted) => {
      body = posted;
      const message = { role: "assistant", content: "ok" };
      return { choices: [{ index: 0, message, finish_reason: "stop" }] };
    };
    const request = { max_tokens: 9, messages: [{ role: "user", content: "hi" }], ...change };
    const bodyText = JSON.stringify({ model, ...request });
    const call = callOf({ endpoint: Endpoint.messages, model, bodyText, stream: false });
    await Array.fromAsync(textsOf(adapter.answer(call)));
    return body;
  };
  const pass = (ms: number) => void (nowMs += ms);
  return { adapter, asked, most, capabilities, sent, pass };
}

const listOf = (owned_by: string, ...ids: string[]) => ({
  data: ids.map((id) => ({ id, object: "model", owned_by })),
});

const chat = [
  Endpoint.chat,
  Endpoint.completions,
  Endpoint.responses,
  Endpoint.messages,
  Endpoint.count_tokens,
];

function ollama(models: Record<string, object | number>): Answers {
  const names = Object.keys(models);
  return {
    "GET /v1/models": listOf("library", ...names),
    "GET /api/tags": { models: names.map((name) => ({ name, digest: `sha-${name}` })) },
    "GET /api/ps": { models: [{ name: names[0], context_length: 4096 }] },
    "POST /api/show": ({ model }) => models[String(model)] ?? NOT_FOUND,
  };
}

const llama = {
  capabilities: ["completion", "tools", "thinking"],
  model_info: { "general.architecture": "llama", "llama.context_length": 131072 },
};
const embedder = {
  capabilities: ["embedding"],
  model_info: { "general.architecture": "bert", "bert.context_length": 512 },
};
const seeing = { ...llama, capabilities: ["completion", "vision"], parameters: "num_ctx   8192" };

const props = {
  default_generation_settings: { n_ctx: 8192 },
  total_slots: 4,
  model_path: "/m.gguf",
  modalities: { vision: true, audio: false },
  chat_template: "{{ raise_exception('System message must be at the beginning.') }}<think>",
  chat_template_caps: { supports_tools: true },
  build_info: "b7000-abc",
};

type Expected = Record<string, ModelCapabilities>;

const servers: [name: string, answers: Answers, expected: Expected][] = [
  ["Ollama", ollama({ llama, embedder, seeing }), {
    // In memory with less than it was trained for.
    llama: {
      endpoints: chat,
      context_length: 4096,
      tools: true,
      vision: false,
      thinking: true,
      loaded: true,
    },
    embedder: {
      endpoints: [Endpoint.embeddings],
      context_length: 512,
      tools: false,
      vision: false,
      thinking: false,
      loaded: false,
    },
    seeing: {
      endpoints: chat,
      context_length: 8192,
      tools: false,
      vision: true,
      thinking: false,
      loaded: false,
    },
  }],
  ["llama.cpp", {
    "GET /v1/models": listOf("llamacpp", "m"),
    "GET /props": props,
    "POST /v1/embeddings": () => 501,
  }, {
    m: {
      endpoints: chat,
      context_length: 8192,
      vision: true,
      tools: true,
      thinking: true,
      loaded: true,
    },
  }],
  ["llama.cpp for embeddings", {
    "GET /v1/models": listOf("llamacpp", "m"),
    "GET /props": { default_generation_settings: { n_ctx: 512 }, is_sleeping: true },
    "POST /v1/embeddings": () => 400,
    "POST /v1/rerank": () => 501,
  }, { m: { endpoints: [Endpoint.embeddings], context_length: 512, loaded: false } }],
  ["llama.cpp for reranking", {
    "GET /v1/models": listOf("llamacpp", "m"),
    "GET /props": { default_generation_settings: {} },
    "POST /v1/embeddings": () => 400,
    "POST /v1/rerank": () => 400,
  }, { m: { endpoints: [Endpoint.rerank], loaded: true } }],
  ["llama.cpp's router", {
    "GET /v1/models": {
      data: [
        { id: "a", owned_by: "llamacpp", status: { value: "loaded", args: ["-c", "2048"] } },
        { id: "b", owned_by: "llamacpp", status: { value: "unloaded", args: ["--embeddings"] } },
      ],
    },
    "GET /props?model=a&autoload=false": props,
  }, {
    a: {
      endpoints: chat,
      context_length: 8192,
      vision: true,
      tools: true,
      thinking: true,
      loaded: true,
    },
    b: { endpoints: [Endpoint.embeddings], loaded: false },
  }],
  ["LM Studio", {
    "GET /v1/models": listOf("organization_owner", "a", "b", "c"),
    "GET /api/v0/models": {
      data: [
        {
          id: "a",
          type: "llm",
          state: "loaded",
          max_context_length: 131072,
          loaded_context_length: 16384,
          capabilities: ["tool_use"],
        },
        { id: "b", type: "vlm", state: "not-loaded", max_context_length: 8192 },
        { id: "c", type: "embeddings", state: "not-loaded", max_context_length: 512 },
      ],
    },
  }, {
    a: { endpoints: chat, context_length: 16384, tools: true, vision: false, loaded: true },
    b: { endpoints: chat, context_length: 8192, vision: true, loaded: false },
    c: { endpoints: [Endpoint.embeddings], context_length: 512, vision: false, loaded: false },
  }],
  ["vLLM", {
    "GET /v1/models": { data: [{ id: "m", owned_by: "vllm", max_model_len: 4096 }] },
    "GET /version": { version: "0.16.0" },
    "GET /openapi.json": { paths: { "/v1/chat/completions": {}, "/v1/completions": {} } },
  }, { m: { endpoints: chat, context_length: 4096, loaded: true } }],
  ["vLLM for embeddings", {
    "GET /v1/models": { data: [{ id: "m", owned_by: "vllm", max_model_len: 512 }] },
    "GET /openapi.json": { paths: { "/v1/embeddings": {} } },
  }, { m: { endpoints: [Endpoint.embeddings], context_length: 512, loaded: true } }],
  ["an older vLLM, which has every path", {
    "GET /v1/models": listOf("vllm", "m"),
    "GET /openapi.json": { paths: { "/v1/chat/completions": {}, "/v1/embeddings": {} } },
  }, { m: { loaded: true } }],
  ["SGLang", {
    "GET /v1/models": { data: [{ id: "m", owned_by: "sglang", max_model_len: 4096 }] },
    "GET /get_model_info": { is_generation: true, has_image_understanding: false },
  }, { m: { endpoints: chat, context_length: 4096, vision: false, loaded: true } }],
  ["SGLang for embeddings", {
    "GET /v1/models": listOf("sglang", "m"),
    "GET /model_info": { is_generation: false },
  }, { m: { endpoints: [Endpoint.embeddings], loaded: true } }],
  ["a server of no known kind", { "GET /v1/models": listOf("me", "m", "text-embedding-x") }, {
    m: {},
    "text-embedding-x": { endpoints: [Endpoint.embeddings] },
  }],
];

for (const [name, answers, expected] of servers) {
  test(`${name}: endpoints, context, abilities and what is in memory are read`, async () => {
    expect(await adapterAt(answers).capabilities()).toEqual(expected);
  });

  test(`${name}: the models are listed although its own API fails`, async () => {
    const ids = Object.keys(expected);
    const broken = { "GET /v1/models": answers["GET /v1/models"]! };
    expect(Object.keys(await adapterAt(broken).capabilities())).toEqual(ids);
  });
}

describe("Ollama", () => {
  test("is recognised where all of its models have other owners", async () => {
    const { capabilities } = adapterAt({
      ...ollama({ llama }),
      "GET /v1/models": listOf("bartowski", "llama"),
    });
    expect((await capabilities()).llama).toMatchObject({ tools: true, loaded: true });
  });

  test("leaves out what it does not say of one model, and is asked for that one again", async () => {
    const models: Record<string, object | number> = { llama, broken: 500, embedder };
    const { asked, capabilities } = adapterAt(ollama(models));
    expect(await capabilities()).toMatchObject({
      llama: { tools: true },
      embedder: { endpoints: [Endpoint.embeddings] },
    });
    models.broken = embedder;
    expect((await capabilities()).broken).toMatchObject({ endpoints: [Endpoint.embeddings] });
    expect(asked.filter((name) => name === "POST /api/show")).toHaveLength(4);
  });

  test("is asked for a model's details once per digest, and for what is in memory each time", async () => {
    const answers = ollama({ llama });
    const { asked, capabilities } = adapterAt(answers);
    await capabilities();
    answers["GET /api/ps"] = { models: [] };
    // The context with which it was in memory is what the next call gets.
    expect((await capabilities()).llama).toMatchObject({ loaded: false, context_length: 4096 });
    expect(asked.filter((name) => name === "POST /api/show")).toHaveLength(1);
    answers["GET /api/tags"] = { models: [{ name: "llama", digest: "another" }] };
    expect((await capabilities()).llama).toMatchObject({ context_length: 131072 });
    expect(asked.filter((name) => name === "POST /api/show")).toHaveLength(2);
  });

  test("gets at most four requests at a time", async () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`m${i}`, llama]));
    const { most, capabilities } = adapterAt(ollama(many));
    expect(Object.values(await capabilities()).every(({ tools }) => tools)).toBe(true);
    expect(most.parallel).toBe(4);
  });

  test("whose details do not come in time lists its models with those that came", async () => {
    const timeUp = new AbortController();
    const ids = Array.from({ length: 20 }, (_, i) => `m${i}`);
    const answers = ollama(Object.fromEntries(ids.map((id) => [id, llama])));
    const show = answers["POST /api/show"] as (body: Json) => object;
    answers["POST /api/show"] = (body) => {
      if (body.model === "m8") timeUp.abort();
      return show(body);
    };
    const capabilities = await adapterAt(answers).capabilities(timeUp.signal);
    expect(Object.keys(capabilities)).toEqual(ids);
    expect(capabilities.m0).toMatchObject({ tools: true });
    expect(capabilities.m19?.tools).toBeUndefined();
  });

  test("does not say of a model at Ollama's own service whether it is in memory", async () => {
    const answers = ollama({ llama, cloud: llama });
    answers["GET /api/tags"] = { models: [{ name: "cloud", digest: "1", remote_host: "x" }] };
    expect((await adapterAt(answers).capabilities()).cloud?.loaded).toBeUndefined();
  });
});

test("a server's own API is not looked for at a known service", async () => {
  const answers = {
    "GET /v1/models": listOf("openai", "gpt-x", "text-embedding-3-small", "tts-1"),
  };
  const { asked, capabilities } = adapterAt(answers, "https://api.openai.com/v1");
  expect(await capabilities()).toEqual({
    "gpt-x": {},
    "text-embedding-3-small": { endpoints: [Endpoint.embeddings] },
    "tts-1": { endpoints: [] },
  });
  expect(asked).toEqual(["GET /v1/models"]);
});

test("a server of no known kind is looked at again after ten minutes", async () => {
  const { asked, capabilities, pass } = adapterAt({ "GET /v1/models": listOf("me", "m") });
  await capabilities();
  const first = asked.length;
  await capabilities();
  expect(asked).toHaveLength(first + 1);
  pass(10 * 60_000);
  await capabilities();
  expect(asked).toHaveLength(2 * first + 1);
});

describe("what a server says decides how it is asked:", () => {
  const thought = { type: "thinking", thinking: "Hm.", signature: "" };
  const history = {
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: [thought, { type: "text", text: "b" }] },
      { role: "user", content: "c" },
    ],
  };
  const effort = { output_config: { effort: "max" } };
  const last = ({ messages }: Json) =>
    (messages as Json[]).findLast((message) => isObject(message) && message.role === "assistant");
  const vllm = (version: string): Answers => ({
    "GET /v1/models": { data: [{ id: "m", owned_by: "vllm", max_model_len: 4096 }] },
    "GET /version": { version },
  });

  test("vLLM gets past reasoning under the name that its version reads", async () => {
    for (const [version, field] of [["0.9.2", "reasoning_content"], ["0.16.1rc2", "reasoning"]]) {
      const { capabilities, sent } = adapterAt(vllm(version!));
      await capabilities();
      expect(last(await sent("m", history))).toHaveProperty(field!, "Hm.");
    }
  });

  test("vLLM gets an effort that it knows, and no more tokens than its context holds", async () => {
    const { capabilities, sent } = adapterAt(vllm("0.16"));
    await capabilities();
    const body = await sent("m", { ...effort, max_tokens: 32_000 });
    expect(body.reasoning_effort).toBe("high");
    expect(Number(body.max_tokens)).toBeWithin(4000, 4096);
  });

  test("Ollama gets no effort for a model that does not think, and the limit unchanged", async () => {
    const { capabilities, sent } = adapterAt(ollama({ llama, seeing }));
    await capabilities();
    expect((await sent("llama", effort)).reasoning_effort).toBe("high");
    const body = await sent("seeing", { ...effort, max_tokens: 32_000 });
    expect(body.reasoning_effort).toBeUndefined();
    expect(body.max_tokens).toBe(32_000);
  });

  test("llama.cpp gets system messages first where the template wants them there", async () => {
    const { capabilities, sent } = adapterAt({
      "GET /v1/models": listOf("llamacpp", "m"),
      "GET /props": props,
    });
    await capabilities();
    const messages = [{ role: "user", content: "a" }, { role: "system", content: "s" }];
    expect((await sent("m", { messages })).messages).toEqual([
      { role: "system", content: "s" },
      { role: "user", content: "a" },
    ]);
  });
});
