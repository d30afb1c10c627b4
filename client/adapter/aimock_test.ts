import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ProviderConfig } from "../config/config.ts";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import { realWorld } from "../world.ts";
import { type Adapter, UpstreamFailure } from "./adapter.ts";
import type { ChatChunk, ChatCompletion } from "./chat/shapes.ts";
import { ClaudeAdapter } from "./claude.ts";
import { OpenAiAdapter } from "./openai.ts";

/** Runs both adapters against aimock, an independent implementation of both dialects. */
const mock = new LLMock({ port: 0, logLevel: "silent" });
const weather = { name: "get_weather", arguments: '{"city":"SF"}' };

beforeAll(async () => {
  mock.onMessage("hello", { content: "Hello from afar, 🙂" });
  mock.onMessage("think", { content: "42", reasoning: "Six by nine." });
  mock.onMessage("tool", { toolCalls: [weather, { name: "now", arguments: "{}" }] });
  mock.onMessage("limit", {
    error: { message: "slow down", type: "rate_limit_error" },
    status: 429,
    retryAfter: 7,
  });
  mock.on({ userMessage: "break" }, { content: "a rather long answer that is cut short" }, {
    truncateAfterChunks: 3,
    chunkSize: 4,
  });
  await mock.start();
});
afterAll(() => mock.stop());

const dialects: [string, () => Adapter, string][] = [
  ["openai", () => new OpenAiAdapter(provider("openai", "/v1"), realWorld), "gpt-5"],
  ["claude", () => new ClaudeAdapter(provider("claude", ""), realWorld), "claude-sonnet-4-5"],
];

function provider(type: ProviderConfig["type"], path: string): ProviderConfig {
  return { type, api_key: "k", base_url: mock.url + path, models: [] };
}

async function ask(adapter: Adapter, model: string, words: string, stream: boolean) {
  const bodyText = JSON.stringify({
    model,
    stream,
    messages: [{ role: "user", content: words }],
    tools: [{ type: "function", function: { name: "get_weather" } }],
  });
  const call = callOf({ model, bodyText, stream });
  return await Array.fromAsync(textsOf(adapter.answer(call)));
}

const deltas = (pieces: string[]) =>
  pieces.flatMap((text) => (JSON.parse(text) as ChatChunk).choices);

for (const [dialect, create, model] of dialects) {
  test(`${dialect}: text arrives whole, streamed and not`, async () => {
    const choices = deltas(await ask(create(), model, "hello", true));
    expect(choices.map(({ delta }) => delta.content ?? "").join("")).toBe("Hello from afar, 🙂");
    expect(choices[0]!.delta.role).toBe("assistant");
    expect(choices.at(-1)!.finish_reason).toBe("stop");
    const [answer] = await ask(create(), model, "hello", false);
    const { choices: [choice], usage } = JSON.parse(answer!) as ChatCompletion;
    expect(choice!.message.content).toBe("Hello from afar, 🙂");
    expect(usage!.total_tokens).toBe(usage!.prompt_tokens + usage!.completion_tokens);
  });

  test(`${dialect}: reasoning arrives as reasoning_content, and the role comes first`, async () => {
    const choices = deltas(await ask(create(), model, "think", true));
    expect(choices[0]!.delta.role).toBe("assistant");
    expect(choices.map(({ delta }) => delta.reasoning_content ?? "").join("")).toBe("Six by nine.");
  });

  test(`${dialect}: tool calls have dense indexes and whole arguments`, async () => {
    const choices = deltas(await ask(create(), model, "tool", true));
    const calls = choices.flatMap(({ delta }) => delta.tool_calls ?? []);
    const argumentsAt = (index: number) =>
      calls.filter((call) => call.index === index)
        .map((call) => call.function?.arguments ?? "").join("");
    expect([argumentsAt(0), argumentsAt(1)]).toEqual([weather.arguments, "{}"]);
    expect(choices.at(-1)!.finish_reason).toBe("tool_calls");
  });

  test(`${dialect}: a rate limit is a 429 with its delay`, async () => {
    const failure = await ask(create(), model, "limit", true).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UpstreamFailure);
    expect(failure).toMatchObject({ code: 429, retryAfterMs: 7_000 });
  });

  test(`${dialect}: an answer that is cut short is a failure`, async () => {
    const failure = await ask(create(), model, "break", true).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 502, error: { code: "upstream_disconnected" } });
  });
}
