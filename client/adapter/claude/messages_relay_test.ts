import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Endpoint } from "../../../protocol/mod.ts";
import type { ProviderConfig } from "../../config/config.ts";
import { frameEvent } from "../sse/event_text.ts";
import { errorBody } from "../error_body.ts";
import { callOf } from "../../testing/adapter_call.ts";
import { endlessStream, eventStream } from "../../testing/stub_upstream.ts";
import { realWorld } from "../../world.ts";
import { type AdapterCall, UpstreamFailure } from "../adapter.ts";
import { ClaudeAdapter } from "../claude.ts";

const folder = join(import.meta.dir, "..", "recorded");
const recorded = (name: string) => readFileSync(join(folder, `${name}.sse`));
const body = { model: "pro", max_tokens: 5, messages: [{ role: "user", content: "hi" }] };

interface Sent {
  url: string;
  headers: Headers;
  body: string;
}

/** Sends a call to a claude provider with the given answer, and returns what reaches the caller. */
async function ask(
  answer: () => Response,
  change: Partial<AdapterCall> = {},
  provider: Partial<ProviderConfig> = {},
) {
  const sent: Sent[] = [];
  const adapter = new ClaudeAdapter({
    type: "claude",
    api_key: "sk-ant-secret",
    models: [],
    ...provider,
  }, {
    ...realWorld,
    fetch: (url, init) => {
      sent.push({ url, headers: new Headers(init.headers), body: String(init.body) });
      return Promise.resolve(answer());
    },
  });
  const texts: string[] = [];
  let head: Record<string, string> = {};
  let failure: UpstreamFailure | null = null;
  const call = callOf({
    endpoint: Endpoint.messages,
    model: "claude-opus-5",
    bodyText: JSON.stringify({ ...body, stream: true }),
    onHead: (headers) => head = headers,
    ...change,
  });
  try {
    for await (const text of adapter.answer(call)) texts.push(text);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    failure = error;
  }
  return { texts, failure, head, sent: sent[0]! };
}

const whole = { stream: false, bodyText: JSON.stringify(body) };
const json = (value: unknown, init: ResponseInit = {}) => () => Response.json(value, init);

/** The `data:` payloads of a recorded stream. */
function payloads(wire: string): string[] {
  return wire.split(/\r?\n\r?\n/).map((event) =>
    event.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) =>
      line.slice("data:".length).replace(/^ /, "")
    ).join("\n")
  ).filter((data) => data !== "");
}

const names = readdirSync(folder).filter((file) => /^claude-.*\.sse$/.test(file)).map((file) =>
  file.slice(0, -".sse".length)
);

for (const name of names) {
  test(`${name} is relayed payload by payload, whole, byte by byte and in random cuts`, async () => {
    const wire = recorded(name);
    const all = payloads(wire.toString());
    const isError = (text: string) => JSON.parse(text).type === "error";
    const expected = all.filter((text) => !isError(text));
    const isComplete = all.at(-1)?.includes("message_stop") ?? false;
    const relayed = async (parts: Uint8Array[]) => {
      const { texts, failure } = await ask(() => eventStream(parts));
      expect(texts).toEqual(expected);
      expect(failure === null).toBe(isComplete);
    };
    await relayed([wire]);
    await relayed(Array.from(wire, (byte) => Uint8Array.of(byte)));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 30 }),
        (cuts) => {
          const marks = [0, ...cuts.sort((a, b) => a - b), wire.length];
          return relayed(marks.slice(1).map((to, i) => wire.subarray(marks[i], to)));
        },
      ),
      { numRuns: 10 },
    );
  });
}

test("only the model's name is replaced in the caller's body", async () => {
  const bodyText = '{"unknown": 1.0, "model":"pro" ,"max_tokens":5,"seed":12345678901234567890}';
  const { sent } = await ask(() => eventStream([recorded("claude-text")]), { bodyText });
  expect(sent.body).toBe(bodyText.replace('"pro"', '"claude-opus-5"'));
  expect(sent.url).toBe("https://api.anthropic.com/v1/messages");
});

test("thinking of another provider is removed, and nothing else changes", async () => {
  const unsigned = { type: "thinking", thinking: "Hm.", signature: "" };
  const signed = { type: "thinking", thinking: "Plan.", signature: "s" };
  const call = { type: "tool_use", id: "t", name: "f", input: { signature: "" } };
  const turns = (...contents: unknown[]) =>
    contents.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }));
  const bodyText = JSON.stringify({
    max_tokens: 5,
    model: "pro",
    messages: turns("hi", [unsigned, signed, call], [{ type: "text", text: "x" }], [unsigned]),
  });
  const { sent } = await ask(() => eventStream([recorded("claude-text")]), { bodyText });
  expect(JSON.parse(sent.body)).toEqual({
    max_tokens: 5,
    model: "claude-opus-5",
    messages: turns("hi", [signed, call], [{ type: "text", text: "x" }]),
  });
});

test("the caller's version and betas are sent with the node's key; the owner's headers override them", async () => {
  const headers = { "anthropic-version": "2026-10-21", "anthropic-beta": "b" };
  const answer = () => eventStream([recorded("claude-text")]);
  const plain = await ask(answer);
  expect(plain.sent.headers.get("anthropic-version")).toBe("2023-06-01");
  expect(plain.sent.headers.has("anthropic-beta")).toBe(false);
  const seen = await ask(answer, { headers });
  expect(seen.sent.headers.get("anthropic-version")).toBe("2026-10-21");
  expect(seen.sent.headers.get("anthropic-beta")).toBe("b");
  expect(seen.sent.headers.get("x-api-key")).toBe("sk-ant-secret");
  const owned = await ask(answer, { headers }, {
    headers: { "Anthropic-Version": "2023-06-01", "anthropic-beta": "a" },
  });
  expect(owned.sent.headers.get("anthropic-version")).toBe("2023-06-01");
  expect(owned.sent.headers.get("anthropic-beta")).toBe("a,b");
});

test("a whole answer is relayed unchanged", async () => {
  const text = '{ "type":"message", "content": [], "usage": {"input_tokens": 1.0} }';
  const answer = () => new Response(text, { headers: { "content-type": "application/json" } });
  expect(await ask(answer, whole)).toMatchObject({ texts: [text], failure: null });
});

test("tokens are counted by the provider", async () => {
  const { texts, sent } = await ask(json({ input_tokens: 7 }), {
    ...whole,
    endpoint: Endpoint.count_tokens,
  });
  expect(texts).toEqual(['{"input_tokens":7}']);
  expect(sent.url).toBe("https://api.anthropic.com/v1/messages/count_tokens");
});

const error = (type: string, message = "m") => ({
  type: "error",
  error: { type, message, details: { error_code: "x" } },
  request_id: "req_1",
});

test("a rejected request keeps the provider's status and body", async () => {
  const cases: [number, string][] = [
    [400, "invalid_request_error"],
    [404, "not_found_error"],
    [413, "request_too_large"],
    [429, "rate_limit_error"],
  ];
  for (const [status, type] of cases) {
    const { failure } = await ask(json(error(type), { status }));
    expect(failure!.code).toBe(status);
    expect(JSON.parse(errorBody(Endpoint.messages, failure!))).toEqual(error(type));
  }
});

test("an error body shows neither the node's key nor its address", async () => {
  const { failure } = await ask(
    json(error("invalid_request_error", "sk-ant-secret at proxy.me"), {
      status: 400,
    }),
    {},
    { base_url: "https://proxy.me" },
  );
  expect(errorBody(Endpoint.messages, failure!)).toContain("[hidden] at [hidden]");
  const denied = await ask(json(error("authentication_error", "bad x-api-key"), { status: 401 }));
  expect(denied.failure).toMatchObject({ code: 401, bodyText: undefined });
  expect(denied.failure!.message).toContain("its owner must check api_key");
});

test("an overloaded provider becomes a 503 with its delay, by status or by an event after 200", async () => {
  const overloaded = error("overloaded_error");
  const byStatus = await ask(json(overloaded, { status: 529, headers: { "retry-after": "3" } }));
  expect(byStatus.failure).toMatchObject({ code: 503, retryAfterMs: 3000 });
  const inStream = await ask(() => eventStream([recorded("claude-error-after-200")]));
  expect(inStream).toMatchObject({ texts: [], failure: { code: 503 } });
});

test("an account without credit becomes a 429, not a bad request", async () => {
  const empty = error("invalid_request_error", "Your credit balance is too low");
  const { failure } = await ask(json(empty, { status: 400 }));
  expect(failure).toMatchObject({ code: 429, bodyText: undefined });
});

test("rate limits and the request id are relayed, with answers and with errors", async () => {
  const headers = {
    "request-id": "req_1",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "0",
  };
  const shown = {
    "request-id": "req_1",
    "anthropic-ratelimit-requests-limit": "50",
    "x-ratelimit-limit-requests": "50",
  };
  const { head } = await ask(json({ type: "message" }, { headers }), whole);
  expect(head).toMatchObject(shown);
  const { failure } = await ask(json(error("rate_limit_error"), { status: 429, headers }));
  expect(failure!.headers).toMatchObject(shown);
});

test("a stream is gathered if no stream was requested", async () => {
  const stream = () => eventStream([recorded("claude-thinking-text-two-tools")]);
  const { texts, failure } = await ask(stream, whole);
  expect(failure).toBeNull();
  expect(JSON.parse(texts[0]!)).toMatchObject({
    type: "message",
    content: [
      { type: "thinking" },
      { type: "text" },
      { type: "tool_use", input: { city: "SF" } },
      { type: "tool_use", input: {} },
    ],
    stop_reason: "tool_use",
  });
});

test("two messages with different ids in one stream are a failure, never joined", async () => {
  const wire = recorded("claude-second-message-start").toString();
  const last = wire.lastIndexOf('"id":"msg_01"');
  const other = `${wire.slice(0, last)}"id":"msg_02"${wire.slice(last + 13)}`;
  const { texts, failure } = await ask(() => eventStream([other]));
  expect(failure).toMatchObject({ code: 502 });
  expect(texts.join("")).not.toContain("msg_02");
});

test("an answer of the wrong content type is the provider's failure", async () => {
  expect((await ask(json({ type: "message" }))).failure).toMatchObject({ code: 502 });
  expect((await ask(json({ content: [] }))).failure).toMatchObject({ code: 502 });
  expect((await ask(json([1]), whole)).failure).toMatchObject({ code: 502 });
  const noise = () => eventStream(["data: hello\n\n"]);
  expect((await ask(noise)).failure).toMatchObject({ code: 502 });
});

test("a whole answer is expanded if a stream was requested", async () => {
  const content = [
    { type: "thinking", thinking: "Plan.", signature: "s" },
    { type: "redacted_thinking", data: "x" },
    { type: "text", text: "On it.", citations: [{ type: "web_search_result_location" }] },
    { type: "tool_use", id: "t", name: "f", input: { a: 1 } },
  ];
  const ending = { stop_reason: "tool_use", stop_sequence: null };
  const whole = { type: "message", role: "assistant", id: "msg_1", content, ...ending };
  const { texts } = await ask(json({ ...whole, usage: { input_tokens: 2, output_tokens: 3 } }));
  const wire = texts.map((text) => frameEvent(Endpoint.messages, text)).join("");
  const sdk = new Anthropic({ apiKey: "k", fetch: () => Promise.resolve(eventStream([wire])) });
  const messages = [{ role: "user" as const, content: "hi" }];
  const message = await sdk.messages.stream({ ...body, messages }).finalMessage();
  expect(message).toMatchObject({ ...whole, usage: { input_tokens: 2, output_tokens: 3 } });
});

test("Anthropic's SDK reads the relayed stream", async () => {
  const { texts } = await ask(() => eventStream([recorded("claude-thinking-text-two-tools")]));
  const wire = texts.map((text) => frameEvent(Endpoint.messages, text)).join("");
  const sdk = new Anthropic({ apiKey: "k", fetch: () => Promise.resolve(eventStream([wire])) });
  const messages = [{ role: "user" as const, content: "hi" }];
  const message = await sdk.messages.stream({ ...body, messages }).finalMessage();
  expect(message.content).toMatchObject([
    { type: "thinking", thinking: "Plan.", signature: "c2ln" },
    { type: "text", text: "On it." },
    { type: "tool_use", id: "toolu_A", input: { city: "SF" } },
    { type: "tool_use", id: "toolu_B", input: {} },
  ]);
  expect(message.stop_reason).toBe("tool_use");
});

test("a stream or a whole answer is recognised by its body, whatever its label", async () => {
  const wire = recorded("claude-text");
  const labelled = (body: string | Uint8Array, type: string) => () =>
    new Response(body as string, { headers: { "content-type": type } });
  const relayed = await ask(() => eventStream([wire]));
  for (const type of ["application/json", "text/plain", ""]) {
    expect((await ask(labelled(wire, type))).texts).toEqual(relayed.texts);
    const message = '{"type":"message","id":"msg_1","content":[{"type":"text","text":"a"}]}';
    const { texts, failure } = await ask(labelled(message, type));
    expect([texts.length, failure]).toEqual([6, null]);
    expect((await ask(labelled(message, type), whole)).texts).toEqual([message]);
  }
});

test("a last event without a blank line is complete, unless its JSON is truncated", async () => {
  const wire = recorded("claude-text").toString().trimEnd();
  expect((await ask(() => eventStream([wire]))).failure).toBeNull();
  const cut = wire.lastIndexOf('"stop_reason"');
  const { texts, failure } = await ask(() => eventStream([wire.slice(0, cut)]));
  expect(failure).toMatchObject({ code: 502 });
  expect(texts.join("")).not.toContain("message_stop");
});

describe("an answer that has named the reason for its end, and not ended", () => {
  const wire = recorded("claude-text").toString();
  const begun = wire.slice(0, wire.lastIndexOf("event: message_stop"));
  const complete = payloads(wire);

  const ends: [what: string, answer: () => Response][] = [
    ["is closed", () => eventStream([begun])],
    ["is cut off in its last event", () => eventStream([wire.trimEnd().slice(0, -3)])],
    ["is silent on an open connection", () => endlessStream(begun)],
    ["goes on with heartbeats", () => {
      const events = async function* () {
        yield Buffer.from(begun);
        for (let beats = 0; beats < 500; beats++) {
          await Bun.sleep(20);
          yield Buffer.from(": still here\n\n");
        }
      };
      return new Response(events(), { headers: { "content-type": "text/event-stream" } });
    }],
  ];
  for (const [what, answer] of ends) {
    test(`is complete when its stream ${what}`, async () => {
      const { texts, failure } = await ask(answer);
      expect(failure).toBeNull();
      expect(texts).toEqual(complete);
    });
  }

  test("is complete for callers of the other dialect, too", async () => {
    const { texts, failure } = await ask(() => endlessStream(begun), {
      endpoint: Endpoint.chat,
      bodyText: JSON.stringify({ model: "pro", messages: body.messages, stream: true }),
    });
    expect(failure).toBeNull();
    expect(texts.join("")).toContain('"finish_reason":"stop"');
  });
});
