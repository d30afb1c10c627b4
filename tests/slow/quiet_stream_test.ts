/** Answers that take their time: what callers receive meanwhile, and how long callers wait. */

import { beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { Endpoint } from "../../protocol/mod.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import { startProxy } from "../harness/balancer.ts";
import { ending, piece } from "../harness/chunks.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { type JoinedNode, joinNode, penalized } from "../harness/joined_node.ts";
import { ledgerRows } from "../harness/ledger.ts";
import { joinRawNodeV2 } from "../harness/raw_node_v2.ts";
import { dial, wholeCall } from "../harness/raw_http.ts";
import { until, within } from "../harness/wait.ts";

const KEEP_ALIVE = ": keep-alive\n\n";
/** So long a stream is silent before a comment is sent. */
const SILENCE_MS = 100;

let gateway: Gateway;
let owner: Account;
let models = 0;

beforeAll(async () => {
  gateway = await startGateway({ env: { COLINK_KEEPALIVE_SECONDS: String(SILENCE_MS / 1000) } });
  owner = await createAccount(gateway);
}, 180_000);

async function fleet(size = 1): Promise<{ model: string; nodes: JoinedNode[]; node: JoinedNode }> {
  const model = `model-${models++}`;
  const nodes = [];
  for (let i = 0; i < size; i++) nodes.push(await joinNode({ gateway, owner, models: [model] }));
  return { model, nodes, node: nodes[0]! };
}

/** A streaming call whose body is read as it comes, to the letter. */
async function read(model: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${owner.apiToken}`,
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify(hello(model, { stream: true })),
  });
  const seen = { text: "" };
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const bytes of response.body!) seen.text += decoder.decode(bytes, { stream: true });
  };
  return { response, seen, ended: within("the end of the stream", read()) };
}

/** So long that another stream, asked for now, has been told to wait three times. */
async function silence(): Promise<void> {
  const { model, node } = await fleet();
  const { seen, ended } = await read(model);
  await until("three comments have come", () => commentsIn(seen.text) >= 3);
  node.raw.answer(await node.called(), [ending()]);
  await ended;
}

const commentsIn = (text: string) => text.split(KEEP_ALIVE).length - 1;
const eventsIn = (text: string) =>
  text.replaceAll(KEEP_ALIVE, "").split("\n\n").filter(Boolean).map((line) => line.slice(6));

describe("a stream whose node thinks", () => {
  test("is answered with 200 and comments, before the first token and in gaps", async () => {
    const { model, node } = await fleet();
    const { response, seen, ended } = await read(model);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    await until("two comments have come", () => commentsIn(seen.text) >= 2);
    expect(seen.text.replaceAll(KEEP_ALIVE, "")).toBe("");

    const id = await node.called();
    node.say(id, "well");
    await until("the piece has come", () => seen.text.includes("well"));
    const before = commentsIn(seen.text);
    await until("two more have come", () => commentsIn(seen.text) >= before + 2);
    node.raw.answer(id, [ending()]);
    await ended;
    expect(eventsIn(seen.text)).toEqual([
      JSON.stringify(piece("well")),
      JSON.stringify(ending()),
      "[DONE]",
    ]);
    // Some parsers take these for the end, or for a chunk.
    expect(seen.text).not.toMatch(/ping|^event:/m);
  });

  test("sends no comments while it has something to say", async () => {
    const { model, node } = await fleet();
    const stream = read(model);
    const id = await node.called();
    let said = 0;
    const startedMs = performance.now();
    const talk = setInterval(() => node.say(id, `${said++} `), 10);
    await until("it has talked for longer than the silence", () => said > 100);
    clearInterval(talk);
    node.finish(id);
    const { seen, ended } = await stream;
    await ended;
    // A busy machine makes pauses of its own. Without regard to what is said there would be twice as many.
    const silences = (performance.now() - startedMs) / SILENCE_MS;
    expect(commentsIn(seen.text)).toBeLessThan(Math.max(5, silences / 2));
    expect(eventsIn(seen.text)).toHaveLength(said + 1);
  });

  /** By endpoint: a body, the upstream's refusal as it may come, and what the caller receives of it. */
  const refusals: [endpoint: Endpoint, body: object, refusal: string, event: string][] = [
    [
      Endpoint.chat,
      { messages: [{ role: "user", content: "x" }] },
      `{\n "error": { "message": "no", "code": "too_long" } }`,
      `data: {"error":{"message":"no","code":"too_long"}}\n\n`,
    ],
    [
      Endpoint.responses,
      { input: "x" },
      `{"error":{"message":"no","param":"input","code":"too_long"}}`,
      `event: error\ndata: {"type":"error","code":"too_long","message":"no","param":"input","sequence_number":0,"error":{"type":"server_error","code":"too_long","message":"no","param":"input"}}\n\n`,
    ],
    [
      Endpoint.messages,
      { messages: [{ role: "user", content: "x" }], max_tokens: 9 },
      `{"type":"error","error":{"type":"invalid_request_error","message":"no"}}`,
      `event: error\ndata: {"request_id":"ID","type":"error","error":{"type":"invalid_request_error","message":"no"}}\n\n`,
    ],
  ];
  for (const [endpoint, body, refusal, event] of refusals) {
    test(`tells a refusal that comes late in the words of ${endpoint}`, async () => {
      const model = `model-${models++}`;
      const capabilities = { endpoints: [endpoint] };
      const node = await joinRawNodeV2({ gateway, owner, models: [model], capabilities });
      const answer = ask(gateway.url + endpoint, {
        method: "POST",
        token: owner.apiToken,
        body: JSON.stringify({ ...body, model, stream: true }),
      });
      const { stream } = await node.nextCall();
      await silence();
      node.head(stream, 400);
      node.data(stream, refusal);
      node.finish(stream);
      const { status, text } = await answer;
      const said = text.replaceAll(KEEP_ALIVE, "").replace(
        /"request_id":"req-\w+"/,
        '"request_id":"ID"',
      );
      expect({ status, text: said }).toEqual({ status: 200, text: event });
      expect(text).toContain(KEEP_ALIVE);
    });
  }

  test("does not wear what another node told before it failed", async () => {
    const model = `model-${models++}`;
    const join = () => joinRawNodeV2({ gateway, owner, models: [model] });
    const calls = [await join(), await join()].map(async (node) => {
      const { stream } = await node.nextCall();
      return { node, stream };
    });
    const opening = read(model);
    const { node: failing, stream } = await Promise.race(calls);
    failing.head(stream, 200, { "x-ratelimit-remaining-tokens": "1" });
    failing.fail(stream, { code: 502, message: "it broke off" });
    const { response, ended } = await opening;
    const { node: thinking, stream: second } = (await Promise.all(calls)).find(({ node }) =>
      node !== failing
    )!;
    expect(response.headers.get("x-ratelimit-remaining-tokens")).toBeNull();
    expect(response.headers.get("x-colink-node")).toBeNull();
    thinking.head(second);
    thinking.data(second, `data: ${JSON.stringify(ending())}\n\n`);
    thinking.finish(second);
    await ended;
  });

  test("means nothing to the SDK, which yields the chunks and no more", async () => {
    const { model, node } = await fleet();
    const sdk = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: owner.apiToken, maxRetries: 0 });
    const answer = sdk.chat.completions.stream({ ...sdkHello(model) });
    const id = await node.called();
    await silence();
    node.say(id, "at last");
    await silence();
    node.raw.answer(id, [ending()]);
    expect((await answer.finalChatCompletion()).choices[0]?.message.content).toBe("at last");
  });

  test("still goes elsewhere when its node fails: comments are not an answer", async () => {
    const { model, nodes } = await fleet(2);
    const { seen, ended } = await read(model);
    await until("a comment has come", () => commentsIn(seen.text) >= 1);
    const called = (node: JoinedNode) => node.raw.frames.some(({ type }) => type === "CALL");
    const first = await until("a node is called", () => nodes.find(called));
    const second = nodes.find((node) => node !== first)!;
    first.fail(await first.called(), 500);
    second.raw.answer(await second.called(), [piece("made good")]);
    await ended;
    expect(eventsIn(seen.text)).toEqual([JSON.stringify(piece("made good")), "[DONE]"]);
    await penalized(first);
  });

  test("ends with an error event and no [DONE] when it comes to nothing", async () => {
    for (const [code, shown] of [[400, "upstream says no"], [500, "upstream_error"]] as const) {
      const { model, node } = await fleet();
      const { response, seen, ended } = await read(model);
      expect(response.status).toBe(200);
      node.fail(await node.called(), code, "upstream says no");
      await ended;
      const [last, ...more] = eventsIn(seen.text);
      expect(more).toEqual([]);
      expect(Object.keys(JSON.parse(last!))).toEqual(["error"]);
      expect(last).toContain(shown);
    }
  });
});

describe("a call that does not stream", () => {
  test("gets no comments and keeps its status open for most of a minute", async () => {
    const { model, node } = await fleet();
    const caller = await dial(gateway);
    caller.write(wholeCall(owner.apiToken, hello(model)));
    const id = await node.called();
    await silence();
    expect(caller.received).toBe("");
    node.fail(id, 422, "now I know");
    await until("the refusal has come", () => caller.received.includes("now I know"));
    expect(caller.received).toStartWith("HTTP/1.1 422");
  });

  describe("and takes longer than proxies wait", () => {
    let patient: Gateway;
    let caller: Account;
    const SILENCE_SECONDS = 2;

    beforeAll(async () => {
      patient = await startGateway({
        env: { COLINK_KEEPALIVE_SECONDS: "0.2", COLINK_WHOLE_KEEPALIVE_SECONDS: "0.4" },
      });
      caller = await createAccount(patient);
    }, 180_000);

    async function join(model: string) {
      return await joinNode({ gateway: patient, owner: caller, models: [model] });
    }

    for (const kind of ["nginx", "haproxy"] as const) {
      test(`passes ${kind} by white space before the answer`, async () => {
        const proxy = await startProxy(patient, kind, SILENCE_SECONDS);
        const node = await join(kind);
        const sdk = new OpenAI({
          baseURL: `${proxy.url}/v1`,
          apiKey: caller.apiToken,
          maxRetries: 0,
        });
        const answer = sdk.chat.completions.create(sdkHello(kind));
        const id = await node.called();
        await Bun.sleep(1.5 * SILENCE_SECONDS * 1000);
        node.answer(id, "at last");
        expect((await answer).choices[0]?.message.content).toBe("at last");
      }, 180_000);
    }

    test("goes to another node when its own fails, and is cut off when none is left", async () => {
      const nodes = [await join("frail"), await join("frail")];
      const call = await dial(patient);
      call.write(wholeCall(caller.apiToken, hello("frail")));
      await until("white space has come", () => call.received.endsWith("1\r\n \r\n"));
      const called = (node: JoinedNode) => node.raw.frames.some(({ type }) => type === "CALL");
      const first = await until("a node is called", () => nodes.find(called));
      first.fail(await first.called(), 500);
      const second = nodes.find((node) => node !== first)!;
      second.fail(await second.called(), 400, "no, thanks");
      const { status, text } = await call.answer();
      expect(status).toBe(200);
      // Neither the end of the body nor a whole object.
      expect(text).toContain(`{"error":{"message":"no, thanks"`);
      expect(text).not.toContain("\r\n0\r\n");
      expect(text).not.toContain("}}");
    });

    test("is an error to the SDK when it fails late, not an answer", async () => {
      const node = await join("late");
      const sdk = new OpenAI({
        baseURL: `${patient.url}/v1`,
        apiKey: caller.apiToken,
        maxRetries: 0,
      });
      const answer = sdk.chat.completions.create(sdkHello("late"));
      const failed = answer.then(() => null, (error: unknown) => error);
      const id = await node.called();
      await Bun.sleep(1_000);
      node.fail(id, 400, "no, thanks");
      expect(await failed).toBeInstanceOf(Error);
      expect(await ledgerRows(patient, "late")).toMatchObject([{
        outcome: "rejected",
        status: 400,
      }]);
    });
  });
});

describe("X-Stainless-Timeout", () => {
  const patience = (seconds: string) => ({
    "content-type": "application/json",
    "x-stainless-timeout": seconds,
  });

  test("ends a call that does not stream with 504, and the node is told", async () => {
    const { model, node } = await fleet();
    const answer = await chat(gateway, owner.apiToken, hello(model), { headers: patience("1") });
    expect(answer.status).toBe(504);
    expect(answer.json.error).toMatchObject({ code: "deadline_exceeded", type: "server_error" });
    expect(answer.headers.get("x-should-retry")).toBe("true");
    const { data } = await node.raw.next("ERROR");
    expect(data).toMatchObject({ code: 499, request_id: await node.called() });
    expect((await node.view())?.penalized).toBe(false);
    expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "timeout", status: 504 }]);
  });

  test("ends a stream that has not begun by then", async () => {
    const { model, node } = await fleet();
    const { seen, ended } = await read(model, patience("1"));
    expect((await node.raw.next("ERROR")).data.code).toBe(499);
    await ended;
    expect(JSON.parse(eventsIn(seen.text).at(-1)!).error.code).toBe("deadline_exceeded");
  });

  test("does not end a stream that has begun: SDKs do not count its length", async () => {
    const { model, node } = await fleet();
    const stream = read(model, patience("1"));
    const id = await node.called();
    node.say(id, "a long ");
    const { seen, ended } = await stream;
    // Another one, asked for later with the same patience, has run out of it.
    const late = await chat(gateway, owner.apiToken, hello((await fleet()).model), {
      headers: patience("1"),
    });
    expect(late.status).toBe(504);
    node.say(id, "story");
    node.finish(id);
    await ended;
    expect(eventsIn(seen.text)).toEqual([
      JSON.stringify(piece("a long ")),
      JSON.stringify(piece("story")),
      "[DONE]",
    ]);
  });

  test("that is no time is ignored", async () => {
    const { model, node } = await fleet();
    for (const nonsense of ["0", "-1", "soon", "", "NaN", "Infinity", "1e99"]) {
      const answer = chat(gateway, owner.apiToken, hello(model), { headers: patience(nonsense) });
      node.answer(await node.called(), nonsense);
      expect((await answer).status).toBe(200);
    }
  });
});

function sdkHello(model: string) {
  return { model, messages: [{ role: "user" as const, content: "hello" }] };
}
