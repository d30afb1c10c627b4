/** The official SDK sees what it would see at OpenAI, through a gateway and a real node. */

import { beforeAll, describe, expect, test } from "bun:test";
import fc from "./harness/fast_check.ts";
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  type ClientOptions,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "openai";
import { type Account, createAccount } from "./harness/account.ts";
import { ending, piece } from "./harness/chunks.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { listNodes, type RunningNode, startNode } from "./harness/node.ts";
import {
  type Behaviour,
  cut,
  echo,
  hang,
  recite,
  refuse,
  say,
  stall,
  startUpstream,
  type Upstream,
} from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

type Chunk = OpenAI.ChatCompletionChunk;

let gateway: Gateway;
let owner: Account;
let upstream: Upstream;
let sdk: OpenAI;

const MODELS = ["model", "meta-llama/Llama-3.1:8b", "other"];

/** For calls that fail: each is penalised with its first failure, and then nobody else's. */
const FAILING = Array.from({ length: 10 }, (_, i) => `failing-${i}`);

beforeAll(async () => {
  gateway = await startGateway({ env: { COLINK_RESUME_SECONDS: "0.5" } });
  owner = await createAccount(gateway);
  upstream = startUpstream();
  await serve([...MODELS, ...FAILING]);
  sdk = client();
}, 180_000);

function serve(models: string[], to = { gateway, owner }): Promise<RunningNode> {
  return startNode({
    gateway: to.gateway,
    clientToken: to.owner.clientToken,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: upstream.url,
      models: models.map((name) => ({ local: name, server_mapping: name })),
    }],
    maxParallel: 10,
  });
}

function client(options: ClientOptions = {}, to = { gateway, owner }): OpenAI {
  const baseURL = `${to.gateway.url}/v1`;
  return new OpenAI({ baseURL, apiKey: to.owner.apiToken, maxRetries: 0, ...options });
}

const request = (model = "model") => ({
  model,
  messages: [{ role: "user" as const, content: "one two three" }],
});

/** What a streaming upstream says, as the caller's iteration yields it. */
async function streamed(behaviour: Behaviour, more: object = {}): Promise<Chunk[]> {
  upstream.behave("model", behaviour);
  const stream = await sdk.chat.completions.create({ ...request(), ...more, stream: true });
  return await Array.fromAsync(stream);
}

const sse = (...payloads: unknown[]) =>
  payloads.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join(
    "",
  );

function chunk(delta: object, finish_reason: string | null = null, more: object = {}) {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason, ...more }];
  return { ...piece(""), choices };
}

/** What rejected, to be looked at. */
async function failure(answer: PromiseLike<unknown>): Promise<APIError> {
  const error = await answer.then(() => new Error("It did not fail"), (error) => error);
  expect(error).toBeInstanceOf(APIError);
  return error;
}

let failing = 0;

/** A model that behaves like this and is asked once. */
function modelThat(behaviour: Behaviour): string {
  const model = FAILING[failing++]!;
  upstream.behave(model, behaviour);
  return model;
}

describe("a stream", () => {
  const recorded = [
    chunk({ role: "assistant", content: "", refusal: null }),
    chunk({ content: "Good " }, null, {
      logprobs: {
        content: [{ token: "Good", bytes: [71], logprob: -0.5, top_logprobs: [] }],
        refusal: null,
      },
    }),
    { ...chunk({ content: "day" }), obfuscation: "aBc", service_tier: "default" },
    chunk({}, "stop"),
  ].map((one) => ({ ...one, usage: null, system_fingerprint: "fp_1" }));
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  const last = { ...recorded[0]!, choices: [], usage };

  test("yields every chunk as it was sent, fields that are unknown included", async () => {
    const chunks = await streamed(recite(sse(...recorded, last, "[DONE]")), {
      stream_options: { include_usage: true },
    });
    expect(chunks as unknown).toEqual([...recorded, last]);
  });

  test("without include_usage has no usage, and no chunk without choices", async () => {
    const chunks = await streamed(recite(sse(...recorded, last, "[DONE]")));
    expect(chunks as unknown).toEqual(recorded.map(({ usage: _, ...rest }) => rest));
  });

  test("makes a complete answer in the SDK's own helper", async () => {
    upstream.behave("model", recite(sse(...recorded, last, "[DONE]")));
    const stream = sdk.chat.completions.stream({
      ...request(),
      stream_options: { include_usage: true },
    });
    const { choices, usage: total } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { role: "assistant", content: "Good day" },
    });
    expect(total).toEqual(usage);
  });

  test("whose upstream names no role, or sends no [DONE], is corrected for the helper", async () => {
    upstream.behave("model", recite(sse(chunk({ content: "bare" }), chunk({}, "stop"))));
    const answer = await sdk.chat.completions.stream(request()).finalChatCompletion();
    expect(answer.choices[0]?.message).toMatchObject({ role: "assistant", content: "bare" });
  });

  test("carries tool calls piece by piece, several at a time", async () => {
    const opener = (index: number, name: string) =>
      chunk({
        tool_calls: [{
          index,
          id: `call_${index}`,
          type: "function",
          function: { name, arguments: "" },
        }],
      });
    const args = (index: number, text: string) =>
      chunk({ tool_calls: [{ index, function: { arguments: text } }] });
    const deltas = [
      chunk({ role: "assistant", content: null }),
      opener(0, "weather"),
      args(0, `{"city":`),
      opener(1, "time"),
      args(1, "{}"),
      args(0, `"Köln"}`),
      chunk({}, "tool_calls"),
    ];
    const text = sse(...deltas, "[DONE]");
    const tools = ["weather", "time"].map((name) => ({
      type: "function" as const,
      function: { name, parameters: { type: "object", properties: {} } },
    }));
    expect(await streamed(recite(text), { tools }) as unknown).toEqual(deltas);
    const stream = sdk.chat.completions.stream({ ...request(), tools });
    const [choice] = (await stream.finalChatCompletion()).choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.tool_calls).toMatchObject([
      {
        id: "call_0",
        type: "function",
        function: { name: "weather", arguments: `{"city":"Köln"}` },
      },
      { id: "call_1", type: "function", function: { name: "time", arguments: "{}" } },
    ]);
  });

  test("carries refusals, reasoning and several choices", async () => {
    const second = { index: 1, delta: { role: "assistant", content: "b" }, finish_reason: "stop" };
    const deltas = [
      chunk({ role: "assistant", reasoning_content: "let me see" }),
      chunk({ refusal: "I would rather not" }),
      { ...piece(""), choices: [second] },
      chunk({}, "content_filter"),
    ];
    expect(await streamed(recite(sse(...deltas, "[DONE]"))) as unknown).toEqual(deltas);
  });

  test("arrives the same from an upstream that sends one byte at a time", async () => {
    const deltas = [
      chunk({ role: "assistant", content: "Grüße 👩‍👩‍👧 " }),
      chunk({ content: "\u2028é" }),
    ];
    const text = `: hello\r\n\r\nevent: message\r\n${sse(...deltas, chunk({}, "stop"), "[DONE]")}`;
    expect(await streamed(recite(text.replaceAll("\n\n", "\r\n\r\n"), 1)) as unknown)
      .toEqual([...deltas, chunk({}, "stop")]);
  });

  test("round-trips any text, as many chunks as were sent", async () => {
    const anyText = fc.string({ unit: "binary", maxLength: 40 });
    const marks = fc.constantFrom("\n\ndata: [DONE]\n\n", "\r", "\u2028", "event: x", ": ping");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(anyText, marks), { maxLength: 8 }), async (texts) => {
        const said = texts.map((content) => chunk({ role: "assistant", content }));
        const chunks = await streamed(recite(sse(...said, ending(), "[DONE]")));
        expect(chunks.slice(0, -1).map(({ choices }) => choices[0]?.delta.content)).toEqual(texts);
      }),
      { numRuns: 50 },
    );
  });

  test("of an upstream that answers whole, although asked to stream, is one all the same", async () => {
    const completion = {
      id: "x",
      object: "chat.completion",
      created: 1,
      model: "m",
      choices: [{
        index: 0,
        message: { role: "assistant", content: "whole" },
        finish_reason: "stop",
      }],
    };
    upstream.behave("model", () => Response.json(completion));
    const answer = await sdk.chat.completions.stream(request()).finalChatCompletion();
    expect(answer.choices[0]?.message.content).toBe("whole");
  });
});

describe("an answer that is cut short is never taken for a whole one", () => {
  const ways: [what: string, behaviour: Behaviour][] = [
    ["its upstream hangs up", cut(2)],
    ["its upstream ends without a finish reason", recite(sse(chunk({ content: "half" })))],
    [
      "its upstream sends an error",
      recite(sse(
        chunk({ content: "half" }),
        { error: { message: "out of memory", type: "server_error", code: "oom" } },
      )),
    ],
    ["its upstream sends what is no JSON", recite(sse(chunk({ content: "half" }), "{broken"))],
  ];
  for (const [what, behaviour] of ways) {
    test(`because ${what}`, async () => {
      const seen: string[] = [];
      const stream = await sdk.chat.completions.create({
        ...request(modelThat(behaviour)),
        stream: true,
      });
      const reading = (async () => {
        for await (const { choices } of stream) seen.push(choices[0]!.delta.content!);
      })();
      const error = await failure(reading);
      expect(seen.length).toBeGreaterThan(0);
      expect(error.requestID).toMatch(/^req-/);
      const helper = sdk.chat.completions.stream(request(modelThat(behaviour)));
      await failure(helper.finalChatCompletion());
    });
  }

  test("because its node dies", async () => {
    upstream.behave("mortal", stall(2));
    const node = await serve(["mortal"]);
    const stream = await sdk.chat.completions.create({ ...request("mortal"), stream: true });
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    await node.kill();
    const rest = (async () => {
      while (!(await chunks.next()).done);
    })();
    const error = await failure(rest);
    expect(error.code).toBe("node_lost");
    expect(error.type).toBe("server_error");
  });

  test("because it never came: a call that does not stream fails with 502", async () => {
    upstream.behave("mortal", hang());
    const node = await serve(["mortal"]);
    const answer = failure(sdk.chat.completions.create(request("mortal")));
    await until("the upstream has it", () =>
      upstream.calls.some(({ body, signal }) => {
        return body.model === "mortal" && body.stream !== true && !signal.aborted;
      }));
    await node.kill();
    const error = await answer;
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "node_lost" });
  });
});

describe("an error is the SDK's own class", () => {
  test("401 for a key that is none", async () => {
    const error = await failure(client({ apiKey: "sk-nonsense" }).models.list());
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: "invalid_api_key", param: null });
    expect(error.requestID).toMatch(/^req-/);
  });

  test("404 for an unknown model, with its param", async () => {
    const error = await failure(sdk.chat.completions.create(request("modle")));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error.message).toContain(`"model"`);
    expect(await failure(sdk.models.retrieve("modle"))).toBeInstanceOf(NotFoundError);
  });

  test("404 for what OpenAI has and this gateway has not", async () => {
    const answers = [
      sdk.chat.completions.retrieve("chatcmpl-1"),
      sdk.files.list(),
      sdk.images.generate({ prompt: "x" }),
    ];
    for (const answer of answers) expect(await failure(answer)).toBeInstanceOf(NotFoundError);
  });

  const refusals: [
    status: number,
    kind: typeof BadRequestError | typeof UnprocessableEntityError,
  ][] = [
    [400, BadRequestError],
    [422, UnprocessableEntityError],
  ];
  for (const [status, kind] of refusals) {
    for (const stream of [false, true]) {
      const how = stream ? "that streams" : "that does not stream";
      test(`${status} from the upstream, as it came, for a call ${how}`, async () => {
        const said = {
          message: `this is ${status}, "quoted"`,
          type: "some_error",
          param: "messages[0]",
          code: "some_code",
        };
        upstream.behave("model", () => Response.json({ error: said }, { status }));
        const asked = upstream.calls.length;
        const error = await failure(
          client({ maxRetries: 2 }).chat.completions.create({ ...request(), stream }),
        );
        expect(error).toBeInstanceOf(kind);
        expect(error.error as unknown).toEqual(said);
        expect(upstream.calls.length).toBe(asked + 1);
        const penalties = (await listNodes(gateway)).flatMap((node) => node.penalties);
        expect(penalties.filter((one) => one.model === "model" || one.model === null)).toEqual([]);
      });
    }
  }

  test("500 for an upstream that failed, in its own words, without the key", async () => {
    const told = refuse(500, "out of memory, asked with sk-upstream");
    const error = await failure(sdk.chat.completions.create(request(modelThat(told))));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 500 });
    expect(error.message).toContain("out of memory");
    expect(error.message).not.toContain("sk-upstream");
  });

  test("502 and not 401 for a node whose own key was refused", async () => {
    const told = refuse(401, "Incorrect API key provided: sk-upstream");
    const error = await failure(sdk.chat.completions.create(request(modelThat(told))));
    expect(error).not.toBeInstanceOf(AuthenticationError);
    expect(error).not.toBeInstanceOf(PermissionDeniedError);
    expect(error).toMatchObject({ status: 502, code: "upstream_auth" });
    expect(error.message).not.toContain("sk-upstream");
  });
});

describe("a node's penalty of a second", () => {
  let strict: { gateway: Gateway; owner: Account };

  beforeAll(async () => {
    const gateway = await startGateway({ env: { COLINK_PENALTY_SECONDS: "1" } });
    strict = { gateway, owner: await createAccount(gateway) };
    await serve(["model"], strict);
  }, 180_000);

  test("is reported with a 429 as Retry-After, which the SDK waits for before it tries again", async () => {
    const slow = refuse(429, "slow down");
    let asked = 0;
    upstream.behave("model", (call) => asked++ === 0 ? slow(call) : say("now")(call));
    // Its own backoff of half a second would come back too early.
    const answer = await client({ maxRetries: 1 }, strict).chat.completions.create(request());
    expect(answer.choices[0]?.message.content).toBe("now");
    expect(asked).toBe(2);
  });

  test("is reported with a 503 meanwhile, and over when Retry-After says so", async () => {
    upstream.behave("model", refuse(429, "slow down", { "retry-after": "1" }));
    const first = await failure(client({}, strict).chat.completions.create(request()));
    expect(first).toBeInstanceOf(RateLimitError);
    expect(first).toMatchObject({ status: 429, code: "upstream_rate_limited", type: "requests" });
    const second = await failure(client({}, strict).chat.completions.create(request()));
    expect(second).toBeInstanceOf(InternalServerError);
    expect(second).toMatchObject({ status: 503, code: "nodes_penalized" });
    for (const { headers } of [first, second]) {
      expect(Number(headers?.get("retry-after"))).toBeGreaterThanOrEqual(1);
    }
    upstream.behave("model", echo());
    const answer = await client({ maxRetries: 1 }, strict).chat.completions.create(request());
    expect(answer.choices[0]?.message.content).toBe("one two three");
  });
});

describe("request ids", () => {
  test("stand on whole answers, streams and models, each another one", async () => {
    upstream.behave("model", echo());
    const whole = await sdk.chat.completions.create(request());
    const stream = await sdk.chat.completions.create({ ...request(), stream: true }).withResponse();
    for await (const _ of stream.data);
    const model = await sdk.models.retrieve("model").withResponse();
    const ids = [whole._request_id, stream.request_id, model.request_id];
    for (const id of ids) expect(id).toMatch(/^req-[0-9a-f]{32}$/);
    expect(new Set(ids).size).toBe(3);
  });
});

describe("models", () => {
  test("are listed once each, however many nodes serve them", async () => {
    const second = await serve(["model", "only-here"]);
    const ids = (await Array.fromAsync(sdk.models.list())).map(({ id }) => id);
    expect(ids.toSorted()).toEqual([...MODELS, ...FAILING, "only-here"].toSorted());
    await second.kill();
    await until("the second node is gone", async () => {
      const ids = (await Array.fromAsync(sdk.models.list())).map(({ id }) => id);
      return !ids.includes("only-here");
    });
  });

  test("are found by their ids, slashes and colons included", async () => {
    for (const id of MODELS) {
      const model = await sdk.models.retrieve(id);
      expect(model).toMatchObject({ id, object: "model", owned_by: expect.any(String) });
      expect(Number.isInteger(model.created)).toBe(true);
    }
  });
});
