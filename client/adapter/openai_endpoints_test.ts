import { afterEach, describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import {
  endlessStream,
  eventStream,
  type Seen,
  sse,
  StubUpstream,
} from "../testing/stub_upstream.ts";
import { realWorld } from "../world.ts";
import { type AdapterCall, UpstreamFailure } from "./adapter.ts";
import { OpenAiAdapter } from "./openai.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Sends a call to an upstream with the given answer. */
async function ask(
  change: Partial<AdapterCall>,
  answer: (seen: Seen) => Response | Promise<Response>,
) {
  const upstream = new StubUpstream(answer);
  cleanups.push(() => upstream.stop());
  const provider = {
    base_url: `${upstream.url}/v1`,
    api_key: "sk-secret",
  };
  const adapter = new OpenAiAdapter(provider, realWorld);
  const pieces: string[] = [];
  let failure: UpstreamFailure | null = null;
  try {
    for await (const text of textsOf(adapter.answer(callOf(change)))) pieces.push(text);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    failure = error;
  }
  return { pieces, failure, seen: upstream.seen };
}

const whole = (body: string) => () =>
  new Response(body, { headers: { "content-type": "application/json" } });
const stream = (...payloads: (object | string)[]) => () => eventStream([sse(...payloads)]);

test("each endpoint is called at its path, with the caller's body except for the model", async () => {
  const bodies: [Endpoint, string, string][] = [
    [Endpoint.chat, "/v1/chat/completions", '{"model":"pro", "messages":[], "top_k":1.0}'],
    [Endpoint.completions, "/v1/completions", '{"prompt":[1,2],\n"suffix":null,"model":"pro"}'],
    [Endpoint.embeddings, "/v1/embeddings", '{"input":"é","model":"pro","dimensions":12}'],
    [Endpoint.responses, "/v1/responses", '{"model":"pro","input":"hi","store":false,"x":[null]}'],
    [Endpoint.rerank, "/v1/rerank", '{"model":"pro","query":"a","documents":["b"],"top_n":1.0}'],
    [Endpoint.moderations, "/v1/moderations", '{"input":["é"], "model":"pro"}'],
  ];
  for (const [endpoint, path, bodyText] of bodies) {
    const call = { endpoint, bodyText, stream: false };
    const { seen, failure } = await ask(call, whole("{}"));
    expect(failure).toBeNull();
    expect(seen[0]).toMatchObject({ path, body: bodyText.replace('"pro"', '"m"') });
  }
});

test("each endpoint's answer carries the requested model name, whole and streamed", async () => {
  const streams: [Endpoint, object[]][] = [
    [Endpoint.chat, [{ model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }]],
    [Endpoint.completions, [{ model: "m", choices: [{ index: 0, text: "", finish_reason: "a" }] }]],
    [Endpoint.responses, [
      { type: "response.created", response: { model: "m" } },
      { type: "response.completed", response: { model: "m" } },
    ]],
  ];
  const bodyText = '{"model":"pro"}';
  for (const [endpoint, events] of streams) {
    const { pieces } = await ask({ endpoint, bodyText }, stream(...events));
    expect(pieces).toHaveLength(events.length);
    for (const piece of pieces) expect(piece).toMatch(/"model":"pro"/);
  }
  for (const endpoint of Object.values(Endpoint)) {
    if (endpoint === Endpoint.messages || endpoint === Endpoint.count_tokens) continue;
    const { pieces } = await ask({ endpoint, bodyText, stream: false }, whole('{"model":"m"}'));
    expect(pieces).toEqual(['{"model":"pro"}']);
  }
});

test("an unknown endpoint is a 404 without a request", async () => {
  const { failure, seen } = await ask({ endpoint: "/v1/audio/speech" as Endpoint }, whole("{}"));
  expect([failure?.code, seen]).toEqual([404, []]);
});

describe("embeddings", () => {
  for (const vector of ['"AACAPwAAAEA="', "[1.0, 2e0, -0.0, 9007199254740993]"]) {
    test(`are relayed as the same text: ${vector}`, async () => {
      const body =
        `{"object":"list", "data":[{"object":"embedding","index":0,"embedding":${vector}}],` +
        `"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}`;
      const call = { endpoint: Endpoint.embeddings, stream: false };
      expect(await ask(call, whole(body))).toMatchObject({ pieces: [body], failure: null });
    });
  }

  test("never stream, even if the call requests it", async () => {
    const call = { endpoint: Endpoint.embeddings, stream: true };
    expect((await ask(call, whole('{"data":[]}'))).pieces).toEqual(['{"data":[]}']);
  });
});

describe("completions", () => {
  const part = (text: string, finish_reason: string | null = null) =>
    JSON.stringify({ object: "text_completion", choices: [{ index: 0, text, finish_reason }] });
  const call = { endpoint: Endpoint.completions };

  test("pass unchanged: they have no roles to add", async () => {
    const events = [part("a"), part("b", "length")];
    expect(await ask(call, stream(...events, "[DONE]"))).toMatchObject({
      pieces: events,
      failure: null,
    });
  });

  test("that end without a finish reason are a failure", async () => {
    const { pieces, failure } = await ask(call, stream(part("a")));
    expect([pieces, failure?.error?.code]).toEqual([[part("a")], "upstream_disconnected"]);
  });

  test("that come whole although a stream was requested become one", async () => {
    const choices = [{ text: "ab", index: 0, logprobs: null, finish_reason: "stop" }];
    const head = { id: "c", object: "text_completion", created: 1, model: "m" };
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    const bodyText = '{"stream_options":{"include_usage":true}}';
    const answer = whole(JSON.stringify({ ...head, choices, usage }));
    const chunks = (await ask({ ...call, bodyText }, answer)).pieces.map((text) =>
      JSON.parse(text)
    );
    expect(chunks).toEqual([{ ...head, choices }, { ...head, choices: [], usage }]);
    expect((await ask(call, answer)).pieces).toHaveLength(1);
  });
});

describe("responses", () => {
  const call = { endpoint: Endpoint.responses };
  const event = (type: string, more: object = {}) => ({ type, sequence_number: 0, ...more });
  const named = (...events: { type: string }[]) =>
    events.map((event) => `event: ${event.type}\n${sse(event)}`).join("");
  const created = event("response.created", { response: { id: "resp_1", status: "in_progress" } });
  const delta = event("response.output_text.delta", { delta: "é" });
  const ends = ["completed", "incomplete", "failed"].map((status) =>
    event(`response.${status}`, { response: { id: "resp_1", status } })
  );

  for (const end of ends) {
    test(`pass event by event, and ${end.type} is the last`, async () => {
      const answer = () => endlessStream(named(created, delta, end));
      const { pieces, failure } = await ask(call, answer);
      expect(failure).toBeNull();
      expect(pieces).toEqual([created, delta, end].map((event) => JSON.stringify(event)));
    });
  }

  test("that end without such an event are a failure, with or without [DONE]", async () => {
    for (const tail of ["", "data: [DONE]\n\n"]) {
      const { pieces, failure } = await ask(call, () => eventStream([named(created, delta), tail]));
      expect(pieces).toHaveLength(2);
      expect(failure).toMatchObject({ code: 502, error: { code: "upstream_disconnected" } });
    }
  });

  test("that disconnect after such an event are complete", async () => {
    const { failure } = await ask(call, () => eventStream([named(created, ends[0]!), "data: {"]));
    expect(failure).toBeNull();
  });

  test("fail at an error event, in either spelling", async () => {
    const spellings = [
      named(event("error", { code: "server_error", message: "lost", param: null })),
      sse({ error: { message: "lost", code: "server_error" } }),
    ];
    for (const spelling of spellings) {
      const { pieces, failure } = await ask(call, () => eventStream([named(created), spelling]));
      expect(pieces).toHaveLength(1);
      expect(failure).toMatchObject({
        code: 502,
        message: "lost",
        error: { code: "server_error" },
      });
    }
  });

  test("of chat chunks are a failure", async () => {
    expect((await ask(call, stream({ choices: [] }))).failure?.code).toBe(502);
  });

  test("given whole are answers, failed ones too", async () => {
    for (const error of [null, { code: "server_error", message: "lost" }]) {
      const body = JSON.stringify({ object: "response", id: "resp_1", error });
      expect(await ask({ ...call, stream: false }, whole(body))).toMatchObject({
        pieces: [body],
        failure: null,
      });
    }
  });

  test("given whole although a stream was requested become one, failed ones too", async () => {
    for (const status of ["completed", "failed"]) {
      const error = status === "failed" ? { code: "server_error", message: "lost" } : null;
      const response = { object: "response", id: "resp_1", status, error, output: [] };
      const { pieces, failure } = await ask(call, whole(JSON.stringify(response)));
      expect(failure).toBeNull();
      expect(pieces.map((text) => JSON.parse(text).type)).toEqual([
        "response.created",
        "response.in_progress",
        `response.${status}`,
      ]);
    }
  });

  test("given whole before they have ended are a failure", async () => {
    const queued = '{"object":"response","status":"queued","output":[]}';
    expect((await ask(call, whole(queued))).failure?.message).toContain("does not stream");
  });
});

describe("an error body", () => {
  const refused = async (endpoint: Endpoint, body: string, status = 400) =>
    (await ask({ endpoint }, () => new Response(body, { status }))).failure;

  test("in OpenAI's shape is relayed unchanged", async () => {
    const body = '{ "error": {"message":"no", "type":"t", "param":null, "code":null, "x":[1.0]} }';
    for (const endpoint of [Endpoint.chat, Endpoint.embeddings, Endpoint.responses]) {
      expect((await refused(endpoint, body))?.bodyText).toBe(body);
    }
  });

  test("gets a code that is a string or null, and a param, and is otherwise unchanged", async () => {
    const body = '{ "error": {"message":"no","type":"t","code":400,"x":[1.0]} }';
    expect((await refused(Endpoint.chat, body))?.bodyText)
      .toBe('{ "error": {"param":null,"message":"no","type":"t","code":null,"x":[1.0]} }');
  });

  test("in any other shape is converted to OpenAI's", async () => {
    for (const body of ['{"error":"no"}', '{"detail":"no"}', '{"error":{"message":"no"}}', "no"]) {
      const failure = await refused(Endpoint.chat, body, 422);
      expect([failure?.bodyText, failure?.message]).toEqual([undefined, "no"]);
    }
  });

  test("does not show the provider's key, however it is escaped", async () => {
    for (const key of ["sk-secret", "sk\\u002dsecret"]) {
      const body = `{"error":{"message":"bad ${key}","type":"t","param":"${key}"}}`;
      const failure = await refused(Endpoint.chat, body);
      expect(JSON.parse(failure!.bodyText!).error.message).toBe("bad [hidden]");
      expect(JSON.stringify(failure)).not.toContain("secret");
    }
  });
});
