/** Stored responses, through OpenAI's own SDK over the app's routes. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI, { APIError } from "openai";
import { allFacts } from "../node/model_facts.ts";
import type { AttemptSink, Order } from "../node/attempt.ts";
import { endpoints } from "./endpoints.ts";
import { type Script, type TestAccount, TestApp } from "./testing/test_app.ts";

let app: TestApp;
let owner: TestAccount;
let client: OpenAI;
let script: Script;
/** Bodies that the node was sent. */
let sent: Record<string, unknown>[] = [];
let ids = 0;

beforeAll(async () => {
  app = await TestApp.start({ COLINK_DEFAULT_RPM: "100000" });
  owner = await app.account("owner@example.org");
  client = clientOf(owner);
  const facts = new Map([["m", allFacts({ endpoints: endpoints.map(({ path }) => path) })]]);
  app.join(owner, { name: "n", maxParallel: 1000, facts }, (sink, order) => {
    sent.push(JSON.parse(order.body.text));
    script(sink, order);
  });
});
afterAll(() => app.stop());
beforeEach(() => {
  sent = [];
  script = (sink, order) => answer(sink, order, `answer ${ids}`);
});

/** OpenAI's SDK, whose requests go to the app. */
function clientOf({ api_token: apiKey }: TestAccount): OpenAI {
  const fetch = async (url: string | URL | Request, init?: RequestInit) => {
    const { pathname, search } = new URL(String(url));
    const { method = "GET", body, headers, signal } = init ?? {};
    return await app.send(`${method} ${pathname}${search}`, {
      headers: Object.fromEntries(new Headers(headers)),
      ...(body ? { body } : {}),
    }, signal ?? undefined);
  };
  return new OpenAI({ apiKey, baseURL: "http://gateway/v1", fetch: fetch as never, maxRetries: 0 });
}

function responseOf(text: string, status = "completed") {
  return {
    id: `resp_up_${++ids}`,
    object: "response",
    created_at: 1,
    status,
    model: "m",
    store: false,
    output: [{
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text, annotations: [] }],
    }],
    usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
  };
}

function answer(sink: AttemptSink, order: Order, text: string): void {
  sink.head({});
  const response = responseOf(text);
  if (!order.stream) sink.data(JSON.stringify(response));
  else sink.data(eventsOf(response, `${text}${" and on".repeat(10)}`).join(""));
  sink.finish();
}

function eventsOf(response: object, text: string): string[] {
  const opening = { ...response, status: "in_progress", output: [] };
  const deltas = text.split(" ").map((delta) => ({ type: "response.output_text.delta", delta }));
  return [
    { type: "response.created", response: opening },
    ...deltas,
    { type: "response.completed", response },
  ].map(({ type, ...rest }, sequence_number) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...rest })}\n\n`
  );
}

async function statusOf(promise: Promise<unknown>): Promise<[number | undefined, unknown]> {
  try {
    await promise;
    return [200, null];
  } catch (error) {
    const { status, code } = error as APIError;
    return [status, code];
  }
}

const ask = { model: "m", input: "hi", store: true } as const;

describe("a response that is stored", () => {
  test("can be retrieved, whole or as it streamed, and deleted", async () => {
    const whole = await client.responses.create(ask);
    const again = await client.responses.retrieve(whole.id);
    expect(again.output_text).toBe(whole.output_text);
    expect(again).toMatchObject({ status: "completed", background: false });
    await client.responses.delete(whole.id);
    expect(await statusOf(client.responses.retrieve(whole.id))).toEqual([404, "not_found"]);
    expect(await statusOf(client.responses.delete(whole.id))).toEqual([404, "not_found"]);
  });

  test("streams again behind any event", async () => {
    const events = await all(await client.responses.create({ ...ask, stream: true }));
    const { id } = (events[0] as { response: { id: string } }).response;
    expect((await client.responses.retrieve(id)).output_text).toStartWith("answer");
    for (let after = -1; after < events.length; after++) {
      const place = after < 0 ? {} : { starting_after: after };
      const rest = await all(await client.responses.retrieve(id, { stream: true, ...place }));
      expect(rest).toEqual(events.slice(after + 1));
    }
    for (const starting_after of [events.length, "x" as never, -5]) {
      const stream = client.responses.retrieve(id, { stream: true, starting_after });
      expect(await statusOf(stream)).toEqual([400, "invalid_request"]);
    }
  });

  test("lists what was sent as its input", async () => {
    const input = ["a", "b", "c"].map((content) => ({ role: "user" as const, content }));
    const { id } = await client.responses.create({ ...ask, input });
    const page = await client.responses.inputItems.list(id, { order: "asc", limit: 2 });
    expect(page.data.map((item) => (item as { content: unknown }).content)).toEqual([
      [{ type: "input_text", text: "a" }],
      [{ type: "input_text", text: "b" }],
    ]);
    const items = [];
    for await (const item of client.responses.inputItems.list(id, { limit: 2 })) items.push(item);
    expect(items).toHaveLength(3);
  });

  test("can be continued whatever its provider keeps, again and again", async () => {
    const first = await client.responses.create({ ...ask, input: "one" });
    const second = await client.responses.create({
      ...ask,
      input: "two",
      previous_response_id: first.id,
    });
    await client.responses.create({ ...ask, input: "three", previous_response_id: second.id });
    const texts = (sent[2]!.input as { content: { text: string }[] }[])
      .map(({ content }) => content[0]!.text);
    expect(texts).toEqual(["one", first.output_text, "two", second.output_text, "three"]);
    expect(sent[2]).not.toHaveProperty("previous_response_id");
    expect((await client.responses.retrieve(second.id)).previous_response_id).toBe(first.id);
  });

  test("can be continued whatever its node gave as output", async () => {
    for (const output of [[null, 1, "text"], "text", { a: 1 }, 5]) {
      script = (sink) => {
        sink.head({});
        sink.data(JSON.stringify({ ...responseOf(""), output }));
        sink.finish();
      };
      const { id } = await client.responses.create({ ...ask, background: true });
      await app.clock.pass(0);
      script = (sink, order) => answer(sink, order, "more");
      await client.responses.create({ ...ask, previous_response_id: id });
      expect(sent.at(-1)!.input).toHaveLength(2);
    }
  });

  test("belongs to its account", async () => {
    const { id } = await client.responses.create(ask);
    const stranger = clientOf(await app.account("stranger@example.org"));
    expect(await statusOf(stranger.responses.retrieve(id))).toEqual([404, "not_found"]);
    expect(await statusOf(stranger.responses.delete(id))).toEqual([404, "not_found"]);
    expect(await statusOf(stranger.responses.cancel(id))).toEqual([404, "not_found"]);
    const going = stranger.responses.create({ ...ask, previous_response_id: id });
    expect(await statusOf(going)).toEqual([400, "previous_response_not_found"]);
    expect((await client.responses.retrieve(id)).id).toBe(id);
  });

  test("is not for a key that may not call its model, and is for one that may call an alias of it", async () => {
    const { id } = await client.responses.create(ask);
    const keyFor = async (...models: string[]) => {
      const { token } = await app.key(owner, { models });
      return clientOf({ ...owner, api_token: token });
    };
    const limited = await keyFor("another");
    const refused: [number, string] = [403, "model_not_allowed"];
    expect(await statusOf(limited.responses.retrieve(id))).toEqual(refused);
    expect(await statusOf(limited.responses.inputItems.list(id))).toEqual(refused);
    expect(await statusOf(limited.responses.delete(id))).toEqual(refused);
    expect((await (await keyFor("m")).responses.retrieve(id)).id).toBe(id);
    const admin = await app.account("admin@example.org", "admin");
    const alias = { name: "fast", targets: [{ model: "m" }] };
    const put = { token: admin.session, body: alias };
    expect((await app.ask("PUT /api/admin/aliases", put)).status).toBe(200);
    const byAlias = await keyFor("fast");
    const created = await byAlias.responses.create({ ...ask, model: "fast" });
    expect((await byAlias.responses.retrieve(created.id)).id).toBe(created.id);
  });

  test("cannot be continued by a key that may not call its model", async () => {
    const { id } = await client.responses.create(ask);
    const { token } = await app.key(owner, { models: ["other"] });
    const limited = clientOf({ ...owner, api_token: token });
    const going = limited.responses.create({ ...ask, model: "other", previous_response_id: id });
    expect(await statusOf(going)).toEqual([403, "model_not_allowed"]);
  });

  test("is forgotten after ten minutes", async () => {
    const { id } = await client.responses.create(ask);
    await app.clock.pass(599_000);
    await client.responses.retrieve(id);
    await app.clock.pass(2_000);
    expect(await statusOf(client.responses.retrieve(id))).toEqual([404, "not_found"]);
  });

  test("is stored only where its caller asks for it", async () => {
    for (const store of [false, undefined]) {
      const { id } = await client.responses.create({
        model: "m",
        input: "hi",
        ...(store === undefined ? {} : { store }),
      });
      expect(await statusOf(client.responses.retrieve(id))).toEqual([404, "not_found"]);
    }
  });
});

describe("a response in the background", () => {
  test("is there at once, runs on without its caller, and is complete later", async () => {
    const { promise, resolve } = Promise.withResolvers<[AttemptSink, Order]>();
    script = (sink, order) => resolve([sink, order]);
    const begun = await client.responses.create({
      ...ask,
      background: true,
      instructions: "be kind",
    });
    expect(begun).toMatchObject({ status: "queued", instructions: "be kind", output: [] });
    const [sink, order] = await promise;
    expect(sent[0]).not.toHaveProperty("background");
    sink.head({});
    await app.clock.pass(60_000);
    expect((await client.responses.retrieve(begun.id)).status).toBe("in_progress");
    answer(sink, order, "done");
    await app.clock.pass(0);
    const ended = await client.responses.retrieve(begun.id);
    expect(ended).toMatchObject({ id: begun.id, status: "completed", background: true });
    expect(ended.output_text).toBe("done");
    script = (sink, order) => answer(sink, order, "more");
    await client.responses.create({ ...ask, previous_response_id: begun.id });
    expect(sent[1]!.input).toHaveLength(3);
  });

  test("that streams can be left and taken up again", async () => {
    const { promise, resolve } = Promise.withResolvers<[AttemptSink, Order]>();
    script = (sink, order) => {
      resolve([sink, order]);
      sink.head({});
      for (const event of events.slice(0, 3)) sink.data(event);
    };
    const events = eventsOf(responseOf("a b c d"), "a b c d");
    const stream = await client.responses.create({ ...ask, background: true, stream: true });
    const seen: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of stream) {
      seen.push(event);
      if (seen.length === 3) break;
    }
    const { id } = (seen[0] as { response: { id: string } }).response;
    const [sink] = await promise;
    await app.clock.pass(200_000);
    expect((await client.responses.retrieve(id)).status).toBe("in_progress");
    for (const event of events.slice(3)) sink.data(event);
    sink.finish();
    await app.clock.pass(0);
    const rest = await all(
      await client.responses.retrieve(id, { stream: true, starting_after: 2 }),
    );
    expect([...seen, ...rest].map((event) => event.sequence_number)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("can be cancelled, and another one cannot", async () => {
    script = () => {};
    const { id } = await client.responses.create({ ...ask, background: true });
    expect((await client.responses.cancel(id)).status).toBe("cancelled");
    await app.clock.pass(2_000);
    expect((await client.responses.retrieve(id)).status).toBe("cancelled");
    expect(app.parts.calls.size).toBe(0);
    script = (sink, order) => answer(sink, order, "x");
    const other = await client.responses.create(ask);
    expect(await statusOf(client.responses.cancel(other.id))).toEqual([400, "invalid_request"]);
  });

  test("that fails says so", async () => {
    script = (sink) =>
      sink.fail({ kind: "refused", error: { request_id: "x", code: 422, message: "no" } as never });
    const { id } = await client.responses.create({ ...ask, background: true });
    await app.clock.pass(1_000);
    const { status, error } = await client.responses.retrieve(id);
    expect([status, error?.message]).toEqual(["failed", "no"]);
  });

  test("must be stored", async () => {
    const create = client.responses.create({
      model: "m",
      input: "hi",
      store: false,
      background: true,
    });
    expect(await statusOf(create)).toEqual([400, "invalid_request"]);
  });

  test("with a key that streams goes on when all who read it have left", async () => {
    const { promise, resolve } = Promise.withResolvers<AttemptSink>();
    script = (sink) => {
      sink.head({});
      sink.data(eventsOf(responseOf("a b"), "a b").slice(0, 2).join(""));
      resolve(sink);
    };
    const options = { headers: { "idempotency-key": "background-stream" } };
    for (let i = 0; i < 2; i++) {
      const create = { ...ask, background: true, stream: true } as const;
      for await (const _ of await client.responses.create(create, options)) break;
    }
    await promise;
    await app.clock.pass(200_000);
    expect([app.parts.calls.size, sent.length]).toEqual([1, 1]);
    (await promise).finish();
    await app.clock.pass(0);
  });

  test("with an Idempotency-Key runs once", async () => {
    script = () => {};
    const options = { headers: { "idempotency-key": "background-1" } };
    const first = await client.responses.create({ ...ask, background: true }, options);
    const second = await client.responses.create({ ...ask, background: true }, options);
    await app.clock.pass(0);
    expect([second.id, sent.length]).toEqual([first.id, 1]);
    const other = client.responses.create({ ...ask, background: true, top_p: 1 }, options);
    expect(await statusOf(other)).toEqual([409, "idempotency_key_reused"]);
    await client.responses.delete(first.id);
    await app.clock.pass(2_000);
    expect(app.parts.calls.size).toBe(0);
  });
});

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of stream) events.push(event);
  return events;
}
