import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf, textsOf } from "../../testing/adapter_call.ts";
import { realWorld } from "../../world.ts";
import type { Json } from "../json_object.ts";
import { estimateTokens } from "../bridge/token_estimate.ts";
import { readCountRequest } from "../messages/request_reader.ts";
import { OpenAiAdapter } from "../openai.ts";
import { NativeApi } from "../servers/native_api.ts";
import { TokenCounter } from "./token_counter.ts";

type Answers = Record<string, (body: Json) => Response>;

/** Counts tokens at a server with the given paths. */
function serverOf(answers: Answers) {
  const paths: string[] = [];
  const fetch = (url: string, init: RequestInit) => {
    const { pathname } = new URL(url);
    paths.push(pathname);
    const body = init.body ? JSON.parse(String(init.body)) : {};
    return Promise.resolve(answers[pathname]?.(body) ?? new Response("no", { status: 404 }));
  };
  const adapter = new OpenAiAdapter({ base_url: "http://h:8000/v1" }, { ...realWorld, fetch });
  const count = async (content: unknown = "hi", change: object = {}) => {
    const body = { model: "pro", messages: [{ role: "user", content }], ...change };
    let head: Record<string, string> = {};
    const call = callOf({
      endpoint: Endpoint.count_tokens,
      bodyText: JSON.stringify(body),
      stream: false,
      model: "m",
      onHead: (headers) => head = headers,
    });
    const [text] = await Array.fromAsync(textsOf(adapter.answer(call)));
    return { tokens: JSON.parse(text!).input_tokens as number, head };
  };
  return { adapter, count, paths };
}

test("vLLM counts the chat's messages and tools", async () => {
  const bodies: Json[] = [];
  const { count } = serverOf({
    "/tokenize": (body) => {
      bodies.push(body);
      return Response.json({ count: 42, max_model_len: 8192, tokens: [1] });
    },
  });
  const tools = [{ name: "f", input_schema: { type: "object" } }];
  expect(await count("hi", { system: "s", tools })).toEqual({ tokens: 42, head: {} });
  expect(bodies[0]).toMatchObject({
    model: "m",
    messages: [{ role: "system", content: "s" }, { role: "user", content: "hi" }],
    tools: [{ function: { name: "f" } }],
  });
});

test("llama.cpp counts the text that its template makes of the messages", async () => {
  const { count, paths } = serverOf({
    "/tokenize": ({ content }) =>
      Response.json({ tokens: content === "<user>hi" ? [1, 2, 3] : [] }),
    "/apply-template": () => Response.json({ prompt: "<user>hi" }),
  });
  expect(await count()).toEqual({ tokens: 3, head: {} });
  expect(paths).toEqual(["/tokenize", "/apply-template", "/tokenize"]);
});

test("a server without a tokenizer is estimated, and asked again after its model list was read", async () => {
  const { adapter, count, paths } = serverOf({ "/v1/models": () => Response.json({ data: [] }) });
  const { tokens, head } = await count();
  expect(tokens).toBeGreaterThan(1);
  expect(head).toEqual({ "x-token-count": "estimate" });
  await count();
  expect(paths).toEqual(["/tokenize"]);
  await adapter.models(new AbortController().signal);
  await count();
  expect(paths.filter((path) => path === "/tokenize")).toHaveLength(2);
});

test("a server whose tokenizer does not answer in time is estimated", async () => {
  const send = () => Promise.reject(new Error("not asked"));
  let isAborted = false;
  const post = (_path: string, _body: string, { signal }: { signal: AbortSignal }) =>
    new Promise<Response>((_, reject) =>
      signal.addEventListener("abort", () => {
        isAborted = true;
        reject(signal.reason);
      })
    );
  const counter = new TokenCounter(new NativeApi({ get: send, post }), 1);
  const body = { model: "m", messages: [{ role: "user", content: "hi" }] };
  const request = readCountRequest(JSON.stringify(body));
  const count = await counter.count(request, "m", new AbortController().signal);
  expect([count.isEstimate, isAborted]).toEqual([true, true]);
});

test("an estimate of one long word leaves the event loop free, and ends with its call", async () => {
  const word = Array.from({ length: 100_000 }, (_, i) => 0x4e00 + (i * i * 7) % 20_000)
    .map((code) => String.fromCodePoint(code)).join("");
  const request = readCountRequest(
    JSON.stringify({ model: "m", messages: [{ role: "user", content: word }] }),
  );
  const caller = new AbortController();
  const timer = setInterval(() => caller.abort(new Error("gone")));
  const estimate = estimateTokens(request, caller.signal);
  expect(await estimate.catch((error) => error.message)).toBe("gone");
  clearInterval(timer);
});

describe("an estimate", () => {
  const { count } = serverOf({});
  const of = async (content: unknown, change: object = {}) => (await count(content, change)).tokens;

  test("grows with texts, tools, results and images", async () => {
    const base = await of("hi");
    const text = "The quick brown fox jumps over the lazy dog. ".repeat(100);
    expect(await of(text)).toBeGreaterThanOrEqual(1_000);
    expect(await of(text)).toBeLessThan(1_300);
    expect(await of("hi", { system: text })).toBeGreaterThanOrEqual(1_000);
    const result = [{ type: "tool_result", tool_use_id: "t", content: text }];
    expect(await of(result)).toBeGreaterThanOrEqual(1_000);
    const tool = { name: "f", description: text, input_schema: { type: "object" } };
    expect(await of("hi", { tools: [tool] })).toBeGreaterThanOrEqual(1_000);
    const image = { type: "image", source: { type: "url", url: "https://a.b/c.png" } };
    expect(await of([image]) - base).toBeGreaterThan(1_000);
  });

  test("of a long text is as high as of its parts", async () => {
    const text = "Grüße, 世界! ".repeat(10_000);
    const part = await of(text.slice(0, text.length / 2));
    expect(await of(text)).toBeGreaterThan(1.9 * part);
  });
});

test("an invalid request is a 400 that names the field", async () => {
  const { count } = serverOf({});
  expect(await count([{ type: "container_upload" }]).catch((error) => error))
    .toMatchObject({ code: 400, error: { param: "messages[0].content[0].type" } });
});
