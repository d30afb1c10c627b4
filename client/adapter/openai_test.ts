import { afterEach, expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import type { ProviderConfig } from "../config/config.ts";
import { objectMembers } from "../../protocol/mod.ts";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import {
  endlessStream,
  eventStream,
  type Seen,
  sse,
  StubUpstream,
} from "../testing/stub_upstream.ts";
import { realWorld, type World } from "../world.ts";
import type { Json } from "./json_object.ts";
import { UpstreamFailure } from "./adapter.ts";
import { OpenAiAdapter } from "./openai.ts";

const encoder = new TextEncoder();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const now = Date.UTC(2026, 10, 23, 12, 0, 0);
const world = { ...realWorld, todayMs: () => now };

function upstreamOf(answer: (seen: Seen) => Response | Promise<Response>): StubUpstream {
  const upstream = new StubUpstream(answer);
  cleanups.push(() => upstream.stop());
  return upstream;
}

interface ReceivedRequest {
  stream?: boolean;
  bodyText?: string;
  provider?: Partial<ProviderConfig>;
  fetch?: World["fetch"];
}

/** Pieces, and the failure after them, if any. */
async function ask(
  url: string,
  { stream = true, bodyText = "{}", provider = {}, fetch = world.fetch }: ReceivedRequest = {},
) {
  const adapter = new OpenAiAdapter(
    { type: "openai", base_url: url, models: [], ...provider },
    { ...world, fetch },
  );
  const pieces: string[] = [];
  try {
    const call = callOf({ bodyText, stream });
    for await (const text of textsOf(adapter.answer(call))) pieces.push(text);
  } catch (error) {
    if (error instanceof UpstreamFailure) return { pieces, failure: error };
    throw error;
  }
  return { pieces, failure: null };
}

const chunk = (delta: object, finish: string | null = null) =>
  JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason: finish }] });
const role = chunk({ role: "assistant", content: "" });
const text = chunk({ content: "héllo 🙂" });
const end = chunk({}, "stop");

test("the body is sent unchanged except for the model", async () => {
  const upstream = upstreamOf(() => eventStream([sse(role, end, "[DONE]")]));
  const bodyText = '{"seed":9007199254740993,\n "model" : "pro", "x_unknown":null,"top_k":1.0}';
  await ask(upstream.url, { bodyText });
  expect(upstream.seen[0]!.body).toBe(bodyText.replace('"pro"', '"m"'));
});

test("no duplicate model member is sent, however its name is escaped", async () => {
  const upstream = upstreamOf(() => Response.json({}));
  const spellings = ['"model"', '"m\\u006fdel"', '"\\u006Dodel"', '"model" ', '"mode\\u006c"\n'];
  const letters = fc.constantFrom(...spellings);
  const values = fc.constantFrom('"secret"', "null", "1", '{"model":"x"}', '["model"]', '"}"');
  const others = fc.constantFrom('"x":{"model":"kept"}', '"y":"\\"model\\":1"', '"model2":0');
  const member = fc.oneof(
    fc.tuple(letters, values).map(([name, value]) => `${name}:${value}`),
    others,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(member, { minLength: 1, maxLength: 6 }), async (members) => {
      await ask(upstream.url, { bodyText: `{${members.join(", ")}}`, stream: false });
      const { body } = upstream.seen.at(-1)!;
      const models = objectMembers(body).filter(({ key }) => key === "model");
      expect(models.length).toBeGreaterThan(0);
      expect(body).not.toContain("secret");
      for (const { start, end } of models) expect(body.slice(start, end)).toBe('"m"');
    }),
    { numRuns: 50 },
  );
});

test("payloads are relayed unchanged, however the stream is split", async () => {
  const odd =
    '{"seed":9007199254740993, "choices":[{"index":0,"delta":{"role":"assistant","content":"\\u00e9"}}]}';
  const wire = new TextEncoder().encode(
    `: hello\r\n\r\nevent: x\r\ndata:${odd}\r\n\r\n${sse(text, end)}data: [DONE]\n\n`,
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 20 }),
      async (cuts) => {
        const marks = [0, ...cuts.sort((a, b) => a - b), wire.length];
        const parts = marks.slice(1).map((to, i) => wire.slice(marks[i], to));
        const upstream = new StubUpstream(() => eventStream(parts));
        const { pieces, failure } = await ask(upstream.url);
        await upstream.stop();
        expect(failure).toBeNull();
        expect(pieces).toEqual([odd, text, end]);
      },
    ),
    { numRuns: 30 },
  );
});

test("a stream sent byte by byte is relayed the same", async () => {
  const wire = new TextEncoder().encode(sse(role, text, end, "[DONE]"));
  const upstream = upstreamOf(() => eventStream(Array.from(wire, (byte) => Uint8Array.of(byte))));
  expect((await ask(upstream.url)).pieces).toEqual([role, text, end]);
});

test("a first delta without a role gets one, per choice", async () => {
  const bare = { choices: [{ index: 0, delta: { content: "a" } }, { index: 1, delta: {} }] };
  const ends = { choices: [0, 1].map((index) => ({ index, delta: {}, finish_reason: "stop" })) };
  const upstream = upstreamOf(() => eventStream([sse(bare, ends)]));
  const { pieces } = await ask(upstream.url);
  expect(JSON.parse(pieces[0]!).choices).toEqual([
    { index: 0, delta: { role: "assistant", content: "a" } },
    { index: 1, delta: { role: "assistant" } },
  ]);
  expect(pieces[1]).toBe(JSON.stringify(ends));
});

test("a repaired chunk keeps numbers that JavaScript cannot represent", async () => {
  const bare = '{"seed":9007199254740993,"choices":[{"delta":{"role":"assistant"}}]}';
  const upstream = upstreamOf(() => eventStream([sse(bare, end)]));
  const [first] = (await ask(upstream.url)).pieces;
  expect(first).toBe(
    '{"seed":9007199254740993,"choices":[{"delta":{"role":"assistant"},"index":0}]}',
  );
});

test("choices without an index are numbered by their position", async () => {
  const bare = { choices: [{ delta: { content: "a" } }, { index: null, delta: {} }] };
  const ends = { choices: [0, 1].map(() => ({ delta: {}, finish_reason: "stop" })) };
  const upstream = upstreamOf(() => eventStream([sse(bare, ends)]));
  const { pieces, failure } = await ask(upstream.url);
  expect(pieces.map((text) => JSON.parse(text).choices.map((choice: Json) => choice.index)))
    .toEqual([[0, 1], [0, 1]]);
  expect(failure).toBeNull();
});

test("reasoning is copied to reasoning_content, even beside a null or empty one", async () => {
  for (const reasoning_content of [undefined, null, ""]) {
    const delta = { role: "assistant", reasoning: "hm", reasoning_content };
    const upstream = upstreamOf(() => eventStream([sse(chunk(delta), end)]));
    const [first] = (await ask(upstream.url)).pieces;
    expect(JSON.parse(first!).choices[0].delta.reasoning_content).toBe("hm");
  }
});

test("content in typed parts becomes text and reasoning", async () => {
  const content = [
    { type: "thinking", thinking: [{ type: "text", text: "h" }, { type: "text", text: "m" }] },
    { type: "text", text: "a" },
    { type: "reference", reference_ids: [1] },
    { type: "text", text: "b" },
  ];
  const upstream = upstreamOf(() => eventStream([sse(chunk({ role: "assistant", content }), end)]));
  const [first] = (await ask(upstream.url)).pieces;
  expect(JSON.parse(first!).choices[0].delta).toEqual({
    role: "assistant",
    content: "ab",
    reasoning_content: "hm",
  });
});

test("arguments given as an object become text, with their numbers and key order", async () => {
  const text = '{"choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,' +
    '"id":"a","function":{"name":"f","arguments":{ "2":2512292042121000001, "1": 1.0 }}}]}}]}';
  const upstream = upstreamOf(() => eventStream([sse(text, end)]));
  const [first] = (await ask(upstream.url)).pieces;
  expect(JSON.parse(first!).choices[0].delta.tool_calls[0].function.arguments)
    .toBe('{ "2":2512292042121000001, "1": 1.0 }');
});

test("a finish reason that reports a failure is a failure", async () => {
  const cases = [["error", 502], ["abort", 502], ["insufficient_system_resource", 503]] as const;
  for (const [reason, code] of cases) {
    const upstream = upstreamOf(() => eventStream([sse(role, text, chunk({}, reason), "[DONE]")]));
    const { pieces, failure } = await ask(upstream.url);
    expect(pieces).toEqual([role, text]);
    expect(failure).toMatchObject({ code, error: { code: reason } });
  }
});

test("reasoning is copied to reasoning_content, unless that is present", async () => {
  const both = chunk({ reasoning: "a", reasoning_content: "b" });
  const upstream = upstreamOf(() =>
    eventStream([sse(chunk({ role: "assistant", reasoning: "hm" }), both, end)])
  );
  const { pieces } = await ask(upstream.url);
  expect(JSON.parse(pieces[0]!).choices[0].delta).toEqual({
    role: "assistant",
    reasoning: "hm",
    reasoning_content: "hm",
  });
  expect(pieces[1]).toBe(both);
});

test("a null or empty role in a first delta is replaced", async () => {
  for (const role of [null, ""]) {
    const upstream = upstreamOf(() => eventStream([sse(chunk({ role, content: "a" }), end)]));
    const [first] = (await ask(upstream.url)).pieces;
    expect(first).toBe(chunk({ role: "assistant", content: "a" }));
  }
});

test("tool calls are numbered from 0 without gaps, by their indexes, their ids, or their order", async () => {
  const call = (more: object, text = "") => ({ ...more, function: { arguments: text } });
  const spellings: object[][] = [
    [call({ index: 1, id: "a" }), call({ index: 1 }, "{"), call({ index: 4, id: "b" })],
    [call({ id: "a" }), call({}, "{"), call({ id: "b" })],
    [call({ id: "a" }), call({ id: "a" }, "{"), call({ index: null, id: "b" })],
  ];
  for (const calls of spellings) {
    const chunks = calls.map((call) => chunk({ role: "assistant", tool_calls: [call] }));
    const upstream = upstreamOf(() => eventStream([sse(...chunks, chunk({}, "tool_calls"))]));
    const { pieces } = await ask(upstream.url);
    const relayed = pieces.slice(0, 3).map((text) =>
      JSON.parse(text).choices[0].delta.tool_calls[0]
    );
    // A repeated id is left out.
    expect(relayed).toEqual(
      calls.map((call, i) => ({
        ...call,
        index: [0, 0, 1][i],
        ...(i === 1 ? { id: undefined } : {}),
      })),
    );
  }
});

test("correctly numbered tool calls pass unchanged", async () => {
  const calls = [{ index: 0, id: "a" }, { index: 1, id: "b" }, { index: 0 }];
  const chunks = calls.map((call) => chunk({ role: "assistant", tool_calls: [call] }));
  const upstream = upstreamOf(() => eventStream([sse(...chunks, end)]));
  expect((await ask(upstream.url)).pieces).toEqual([...chunks, end]);
});

test("a stream without [DONE] is complete once it has a finish reason", async () => {
  const upstream = upstreamOf(() => eventStream([sse(role, text, end)]));
  expect((await ask(upstream.url)).failure).toBeNull();
});

test("a connection lost after the finish reason leaves a complete answer", async () => {
  for (const [last, code] of [[end, undefined], [text, 502]] as const) {
    const wire = new TextEncoder().encode(sse(role, last));
    let reads = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (reads++ === 0) controller.enqueue(wire);
        else controller.error(new TypeError("reset"));
      },
    });
    const fetch = () => Promise.resolve(new Response(body));
    const { pieces, failure } = await ask("http://127.0.0.1:9", { fetch });
    expect(pieces).toEqual([role, last]);
    expect(failure?.code).toBe(code);
  }
});

test("a stream that ends without a finish reason is a failure, never a silent end", async () => {
  const upstream = upstreamOf(() => eventStream([sse(role, text)]));
  const { pieces, failure } = await ask(upstream.url);
  expect(pieces).toEqual([role, text]);
  expect(failure).toMatchObject({ code: 502, error: { code: "upstream_disconnected" } });
});

test("an empty finish reason does not end the answer", async () => {
  const upstream = upstreamOf(() => eventStream([sse(chunk({ role: "assistant" }, ""))]));
  expect((await ask(upstream.url)).failure?.code).toBe(502);
});

test("a silent upstream is not timed out by the runtime", async () => {
  const inits: object[] = [];
  const fetch = (_: string, init: object) => {
    inits.push(init);
    return Promise.resolve(eventStream([sse(role, end)]));
  };
  await ask("http://127.0.0.1:9", { fetch });
  expect(inits).toMatchObject([{ timeout: false }]);
});

test("an empty stream is a failure", async () => {
  for (const wire of ["", ": hello\n\n", "data: [DONE]\n\n"]) {
    const upstream = upstreamOf(() => eventStream([wire]));
    expect((await ask(upstream.url)).failure?.code).toBe(502);
  }
});

test("an event that is not JSON is a failure, not a gap", async () => {
  const upstream = upstreamOf(() => eventStream([sse(role, '{"choices":[', end, "[DONE]")]));
  const { pieces, failure } = await ask(upstream.url);
  expect(pieces).toEqual([role]);
  expect(failure?.code).toBe(502);
});

test("an error event right after 200 is a failure with its own code", async () => {
  const error = { message: "slow down", type: "rate", code: 429 };
  const upstream = upstreamOf(() => eventStream([sse({ error })]));
  expect(await ask(upstream.url)).toMatchObject({ pieces: [], failure: { code: 429, error } });
});

test("an error event that finds fault with the request is a 400, wherever it says so", async () => {
  const message = "no";
  const errors: object[] = [
    { error: { message, type: "invalid_request_error" } },
    { type: "error", message, code: "invalid_value" },
    { error: { message, code: "400" } },
    { error: { message, status: 400 } },
  ];
  for (const error of errors) {
    const upstream = upstreamOf(() => eventStream([sse(error)]));
    expect((await ask(upstream.url)).failure).toMatchObject({ code: 400, message });
  }
});

test("an error event in the middle of a stream ends it, in either form", async () => {
  const spellings = [
    sse({ error: { message: "lost", code: "x" } }),
    'event: error\ndata: {"message":"lost","code":"x"}\n\n',
  ];
  for (const spelling of spellings) {
    const upstream = upstreamOf(() => eventStream([sse(role), spelling, sse(end)]));
    expect(await ask(upstream.url)).toMatchObject({
      pieces: [role],
      failure: { code: 502, message: "lost", error: { code: "x" } },
    });
  }
});

test("a JSON answer to a streaming call becomes chunks, with usage on request", async () => {
  const message = {
    role: "assistant",
    content: "hi",
    tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: "{}" } }],
  };
  const answer = {
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message, finish_reason: "tool_calls" }],
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  };
  const upstream = upstreamOf(() => Response.json(answer));
  const bodyText = '{"stream_options":{"include_usage":true}}';
  const chunks = (await ask(upstream.url, { bodyText })).pieces.map((piece) => JSON.parse(piece));
  expect(chunks.map(({ object }) => object)).toEqual(Array(3).fill("chat.completion.chunk"));
  expect(chunks[0].choices[0].delta).toEqual({
    ...message,
    tool_calls: [{ index: 0, ...message.tool_calls[0] }],
  });
  expect(chunks[1].choices[0].finish_reason).toBe("tool_calls");
  expect(chunks[2]).toMatchObject({ choices: [], usage: answer.usage });
  expect((await ask(upstream.url)).pieces).toHaveLength(2);
});

test("a whole answer is relayed as the same text", async () => {
  const body = '{ "choices": [], "created": 9007199254740993 }';
  const upstream = upstreamOf(() => new Response(`\n\n${body}\n`));
  expect(await ask(upstream.url, { stream: false })).toEqual({ pieces: [body], failure: null });
});

test("a whole answer that is an error, or not JSON, is a failure", async () => {
  const error = upstreamOf(() => Response.json({ error: { message: "no", code: 503 } }));
  expect((await ask(error.url, { stream: false })).failure?.code).toBe(503);
  const html = upstreamOf(() => new Response("<html>"));
  expect((await ask(html.url, { stream: false })).failure?.code).toBe(502);
});

test("error bodies of every shape keep their status and message", async () => {
  const bodies: [unknown, string][] = [
    [{ error: { message: "m1", type: "t", param: "p", code: "c" } }, "m1"],
    [{ error: "m2" }, "m2"],
    [{ object: "error", message: "m3", code: 400 }, "m3"],
    [{ detail: [{ loc: ["body"], msg: "m4" }, { msg: "m5" }] }, "m4; m5"],
    [{ detail: "m6" }, "m6"],
    // Gemini.
    [[{ error: { code: 400, message: "m7", status: "INVALID_ARGUMENT" } }], "m7"],
    [{}, "HTTP 422"],
  ];
  for (const [body, message] of bodies) {
    const upstream = upstreamOf(() => Response.json(body, { status: 422 }));
    expect((await ask(upstream.url)).failure).toMatchObject({ code: 422, message });
  }
});

test("the upstream's own error object is kept", async () => {
  const error = { message: "too long", type: "invalid_request_error", param: "n", code: "c" };
  const upstream = upstreamOf(() => Response.json({ error }, { status: 400 }));
  expect((await ask(upstream.url)).failure?.error).toEqual(error);
});

test("the upstream's errors about the node's key are not relayed", async () => {
  for (const status of [401, 403]) {
    const upstream = upstreamOf(() =>
      Response.json({ error: { message: "bad key sk-x" } }, { status })
    );
    const { failure } = await ask(upstream.url, { provider: { api_key: "sk-x" } });
    expect(failure).toMatchObject({ code: status, error: undefined });
    expect(failure?.message).not.toContain("sk-x");
  }
});

test("Retry-After is read in milliseconds, from seconds or a date", async () => {
  const delays: [Record<string, string>, number | undefined][] = [
    [{ "retry-after": "1.5" }, 1500],
    [{ "retry-after": "Mon, 23 Nov 2026 12:00:07 GMT" }, 7000],
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after": "soon" }, undefined],
    [{}, undefined],
  ];
  for (const [headers, expected] of delays) {
    const upstream = upstreamOf(() => Response.json({}, { status: 429, headers }));
    expect((await ask(upstream.url)).failure?.retryAfterMs).toBe(expected);
  }
});

test("an unreachable upstream is a 502 without its address", async () => {
  const { failure } = await ask("http://127.0.0.1:9/v1");
  expect(failure).toMatchObject({
    code: 502,
    kind: "unreachable",
    message: "Cannot reach the provider: connection refused; is it running?",
  });
});

test("a redirect is not followed: it would leak the key", async () => {
  const target = upstreamOf(() => Response.json({}));
  const upstream = upstreamOf(() => Response.redirect(`${target.url}/elsewhere`, 307));
  expect((await ask(upstream.url)).failure?.code).toBe(502);
  expect(target.seen).toHaveLength(0);
});

test("base URLs work with and without version and trailing slash, and keep their query", async () => {
  const upstream = upstreamOf(() => eventStream([sse(role, end)]));
  for (const tail of ["/v1", "/v1/", "/v1?api-version=2", ""]) await ask(upstream.url + tail);
  expect(upstream.seen.map(({ path }) => path)).toEqual([
    "/v1/chat/completions",
    "/v1/chat/completions",
    "/v1/chat/completions?api-version=2",
    "/v1/chat/completions",
  ]);
});

test("without a key none is sent, and the owner's headers win", async () => {
  const upstream = upstreamOf(() => eventStream([sse(role, end)]));
  await ask(upstream.url);
  await ask(upstream.url, { provider: { api_key: "k", headers: { Authorization: "Key mine" } } });
  expect(upstream.seen.map(({ headers }) => headers.get("authorization"))).toEqual([
    null,
    "Key mine",
  ]);
});

test("an event larger than a frame is a failure", async () => {
  // The second has few enough characters, but three bytes each.
  for (const content of ["x".repeat(8 << 20), "字".repeat(3 << 20)]) {
    const upstream = upstreamOf(() => eventStream([sse(role), sse(chunk({ content }), end)]));
    const { failure } = await ask(upstream.url);
    expect(failure?.message).toContain("too large");
  }
});

test("rate limits and the request id are relayed, with answers and with errors", async () => {
  const headers = {
    "x-ratelimit-remaining-tokens": "9",
    "x-request-id": "req_up",
    "set-cookie": "a=b",
    "openai-organization": "owner",
  };
  const relayed = { "x-ratelimit-remaining-tokens": "9", "x-request-id": "req_up" };
  for (const status of [400, 404, 422, 429]) {
    const upstream = upstreamOf(() => Response.json({ error: "no" }, { status, headers }));
    expect((await ask(upstream.url)).failure?.headers).toEqual(relayed);
  }
  const upstream = upstreamOf(() => Response.json({ choices: [] }, { headers }));
  const heads: object[] = [];
  const adapter = new OpenAiAdapter({ base_url: upstream.url }, world);
  const call = callOf({ stream: false, onHead: (head) => void heads.push(head) });
  await Array.fromAsync(adapter.answer(call));
  expect(heads).toEqual([relayed]);
});

test("a truncated whole answer is a failure, with and without content-length", async () => {
  const heads = ["content-length: 100\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n64\r\n{"];
  for (const head of heads) {
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket) => void socket.end(`HTTP/1.1 200 OK\r\n${head}`),
      },
    });
    cleanups.push(() => server.stop(true));
    const url = `http://127.0.0.1:${server.port}`;
    const { pieces, failure } = await ask(url, { stream: false });
    expect([pieces, failure?.code]).toEqual([[], 502]);
    expect(failure?.error?.code).toBe("upstream_disconnected");
  }
});

test("a whole answer may be larger than a frame, with or without a known length", async () => {
  const body = `{"data":"${"x".repeat(9 << 20)}"}`;
  const answers = [
    () => new Response(body),
    () => new Response(Bun.gzipSync(body), { headers: { "content-encoding": "gzip" } }),
  ];
  for (const answer of answers) {
    const { pieces } = await ask(upstreamOf(answer).url, { stream: false });
    expect(pieces.join("") === body).toBe(true);
  }
});

test("a compressed answer is relayed decompressed", async () => {
  const upstream = upstreamOf(() =>
    new Response(Bun.gzipSync('{"a":"é"}'), { headers: { "content-encoding": "gzip" } })
  );
  expect((await ask(upstream.url, { stream: false })).pieces).toEqual(['{"a":"é"}']);
});

const labelled = (type: string, text: string) =>
  new Response(text, { headers: { "content-type": type } });
const whole = JSON.stringify({
  id: "c",
  choices: [{
    index: 0,
    message: { role: "assistant", content: "héllo 🙂" },
    logprobs: null,
    finish_reason: "stop",
  }],
  object: "chat.completion",
});

test("a stream is recognised by its body, whatever its label", async () => {
  for (const type of ["application/json", "text/plain", "", "application/octet-stream"]) {
    for (const wire of [sse(role, text, end, "[DONE]"), ` \n: hi\n\n${sse(role, text, end)}`]) {
      const upstream = upstreamOf(() => labelled(type, wire));
      expect(await ask(upstream.url)).toEqual({ pieces: [role, text, end], failure: null });
    }
  }
});

test("a mislabelled stream arrives as it is sent, not at its end", async () => {
  const { promise: ended, resolve: endStream } = Promise.withResolvers<void>();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode(sse(role)));
      await ended;
      controller.enqueue(new TextEncoder().encode(sse(text, end)));
      controller.close();
    },
  });
  const fetch = () =>
    Promise.resolve(labelled("application/json", "")).then(({ headers }) =>
      new Response(body, { headers })
    );
  const adapter = new OpenAiAdapter({ base_url: "http://127.0.0.1:9" }, { ...world, fetch });
  const pieces: string[] = [];
  for await (const piece of textsOf(adapter.answer(callOf()))) {
    pieces.push(piece);
    endStream();
  }
  expect(pieces).toEqual([role, text, end]);
});

test("a whole answer is recognised by its body, whatever its label", async () => {
  for (const type of ["text/plain", "", "text/html"]) {
    const upstream = upstreamOf(() => labelled(type, `\n${whole}\n`));
    const { pieces, failure } = await ask(upstream.url);
    expect(failure).toBeNull();
    expect(pieces.map((piece) => JSON.parse(piece).choices[0].delta.content))
      .toEqual(["héllo 🙂", undefined]);
    expect((await ask(upstream.url, { stream: false })).pieces).toEqual([whole]);
  }
});

test("a stream is gathered if no stream was requested, whatever its label", async () => {
  for (const type of ["text/event-stream", "application/json"]) {
    const upstream = upstreamOf(() => labelled(type, sse(role, text, end, "[DONE]")));
    const { pieces, failure } = await ask(upstream.url, { stream: false });
    expect(failure).toBeNull();
    expect(pieces.map((piece) => JSON.parse(piece))).toEqual([JSON.parse(whole)]);
  }
  const cut = upstreamOf(() => labelled("text/event-stream", sse(role, text)));
  expect((await ask(cut.url, { stream: false })).failure?.error?.code)
    .toBe("upstream_disconnected");
});

test("a last event without a blank line is complete, unless its JSON is truncated", async () => {
  const upstream = upstreamOf(() => eventStream([sse(role, text), `data: ${end}`]));
  expect(await ask(upstream.url)).toEqual({ pieces: [role, text, end], failure: null });
  const done = upstreamOf(() => eventStream([sse(role, text), "data: [DONE]"]));
  expect((await ask(done.url)).failure).toBeNull();
  const cut = upstreamOf(() => eventStream([sse(role, text), `data: ${end.slice(0, -9)}`]));
  expect((await ask(cut.url)).failure?.error?.code).toBe("upstream_disconnected");
});

test("a complete answer ends although its connection stays open", async () => {
  const upstream = upstreamOf(() => endlessStream(sse(role, text, end)));
  expect(await ask(upstream.url)).toEqual({ pieces: [role, text, end], failure: null });
});

test("a complete answer ends although its connection goes on with heartbeats, and has its late usage", async () => {
  const usage = { id: "1", choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } };
  let beats = 0;
  const upstream = upstreamOf(({ signal }) => {
    const events = async function* () {
      yield encoder.encode(sse(role, text, end));
      for (; !signal.aborted; beats++) {
        await Bun.sleep(20);
        yield encoder.encode(beats === 3 ? sse(usage) : ": still here\n\n");
      }
    };
    return new Response(events(), { headers: { "content-type": "text/event-stream" } });
  });
  const { pieces, failure } = await ask(upstream.url);
  expect(failure).toBeNull();
  expect(pieces.slice(0, 3)).toEqual([role, text, end]);
  expect(pieces.slice(3).map((piece) => JSON.parse(piece))).toEqual([usage]);
  expect(beats).toBeGreaterThan(3);
});

test("a whole answer is repaired like a streamed one", async () => {
  const answer = {
    choices: [{
      message: {
        role: "assistant",
        content: [{ type: "text", text: "a" }],
        reasoning: "hm",
        tool_calls: [{ id: "a", function: { name: "f", arguments: { x: 1 } } }],
      },
      finish_reason: "stop",
    }],
  };
  const upstream = upstreamOf(() => Response.json(answer));
  const { pieces } = await ask(upstream.url, { stream: false });
  expect(JSON.parse(pieces[0]!).choices[0]).toEqual({
    index: 0,
    message: {
      role: "assistant",
      content: "a",
      reasoning: "hm",
      reasoning_content: "hm",
      tool_calls: [{ id: "a", function: { name: "f", arguments: '{"x":1}' } }],
    },
    finish_reason: "stop",
  });
  const chunks = (await ask(upstream.url)).pieces.map((piece) => JSON.parse(piece).choices[0]);
  expect(chunks[0].delta).toMatchObject({ content: "a", reasoning_content: "hm" });
});

test("a whole answer whose finish reason reports a failure is a failure", async () => {
  const choices = [{
    index: 0,
    message: { role: "assistant", content: "" },
    finish_reason: "error",
  }];
  const upstream = upstreamOf(() => Response.json({ choices }));
  for (const stream of [true, false]) {
    expect((await ask(upstream.url, { stream })).failure?.error?.code).toBe("error");
  }
});
