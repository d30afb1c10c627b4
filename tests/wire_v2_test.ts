/** Wire v2 between real processes, and between each of them and nodes and gateways of the older kind. */

import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ErrorView } from "../api/mod.ts";
import type { GoAway } from "../protocol/frame_v2.ts";
import { StubGateway } from "../client/testing/stub_gateway.ts";
import { Program } from "../scripts/program.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, ask, chat, hello, stream } from "./harness/api.ts";
import { piece, whole } from "./harness/chunks.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { joinNode } from "./harness/joined_node.ts";
import { ledgerRows } from "./harness/ledger.ts";
import { nodeCommand, startNode } from "./harness/node.ts";
import { joinRawNodeV2, type RawNodeV2 } from "./harness/raw_node_v2.ts";
import { after, startUpstream } from "./harness/upstream.ts";
import { until, within } from "./harness/wait.ts";

const WINDOW_BYTES = 256 * 1024;

let gateway: Gateway;
let owner: Account;
let models = 0;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
}, 180_000);

function call(model: string): Promise<Answer<ErrorView>> {
  return chat(gateway, owner.apiToken, hello(model));
}

/** A node of hand-made v2 frames, with a model of its own. */
async function joinOwn(maxParallel = 1): Promise<{ node: RawNodeV2; model: string }> {
  const model = `model-${models++}`;
  return { node: await joinRawNodeV2({ gateway, owner, models: [model], maxParallel }), model };
}

/** One event of a stream. */
function event(content: string): string {
  return `data: ${JSON.stringify(piece(content))}\n\n`;
}

/** A provider, and a real node that uses it. */
async function startRealNode(model: string, at = { gateway, owner }) {
  const upstream = startUpstream();
  const node = await startNode({
    gateway: at.gateway,
    clientToken: at.owner.clientToken,
    maxParallel: 1,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: upstream.url,
      models: [{ local: "local-model", server_mapping: model }],
    }],
  });
  return { upstream, node };
}

/** Resolves once the gateway has logged these versions of the wire for the newest nodes. */
async function wiresLogged(...wires: number[]): Promise<void> {
  await until(`the log says wire ${wires}`, () => {
    const logged = gateway.log.map((line) => JSON.parse(line))
      .filter(({ msg }) => msg === "node connected")
      .map(({ wire }) => wire);
    expect(logged.slice(-wires.length)).toEqual(wires);
    return true;
  });
}

describe("both programs of this version", () => {
  test("speak v2 with each other, for streams and for whole answers", async () => {
    const { upstream } = await startRealNode("ours");
    await wiresLogged(2);
    const body =
      `{"model":"ours", "seed":9007199254740993,"messages":[{"role":"user","content":"ä ö"}]}`;
    expect((await chat(gateway, owner.apiToken, body)).text).toContain(`"content":"ä ö"`);
    expect(upstream.calls[0]!.text).toBe(body.replace(`"ours"`, `"local-model"`));
    const { events } = await stream(gateway, owner.apiToken, hello("ours"));
    const said = await Array.fromAsync(events);
    expect(said.at(-1)).toBe("[DONE]");
    expect(said.slice(0, -1).map((text) => JSON.parse(text).choices[0].delta.content).join(""))
      .toBe("hello");
    const rows = await ledgerRows(gateway, "ours", 2);
    expect(rows.map(({ completion_tokens }) => completion_tokens)).toEqual([2, 1]);
  });

  test("use no larger frames than the gateway is set to take", async () => {
    const narrow = await startGateway({ env: { COLINK_MAX_FRAME_BYTES: "65536" } });
    const owner = await createAccount(narrow);
    await startRealNode("narrow", { gateway: narrow, owner });
    const content = "x".repeat(500_000);
    const messages = [{ role: "user", content }];
    const { events } = await stream(narrow, owner.apiToken, { model: "narrow", messages });
    const said = (await Array.fromAsync(events)).slice(0, -1);
    expect(said.map((text) => JSON.parse(text).choices[0].delta.content).join("") === content)
      .toBe(true);
  });

  test("serve beside a v1 node: each takes its share of one model", async () => {
    const { upstream } = await startRealNode("shared");
    const old = await joinNode({ gateway, owner, models: ["shared"] });
    await wiresLogged(2, 1);
    // Held until the other node has a call, so that both calls run at the same time.
    const gate = Promise.withResolvers<void>();
    upstream.behave("local-model", after(gate.promise));
    const answers = [call("shared"), call("shared")];
    old.answer(await old.called(), "from the older one");
    gate.resolve();
    const texts = (await Promise.all(answers)).map(({ json }) =>
      (json as unknown as ReturnType<typeof whole>).choices[0]!.message.content
    );
    expect(texts.sort()).toEqual(["from the older one", "hello"]);
    await old.raw.close();
  });

  test("a gateway that stops tells its nodes when to dial again, and closes their links", async () => {
    const leaving = await startGateway();
    const account = await createAccount(leaving);
    const node = await joinRawNodeV2({ gateway: leaving, owner: account, models: ["m"] });
    const stopped = leaving.stop();
    const { redial_within_ms } = await node.nextJson<GoAway>("goaway");
    expect(redial_within_ms).toBeGreaterThanOrEqual(1000);
    expect((await within("the end", node.closed)).code).toBe(1012);
    expect(await stopped).toBe(0);
  });
});

describe("a node that was written from the page about wire v2", () => {
  test("is welcomed with the link's terms", async () => {
    const node = await joinRawNodeV2({ gateway, owner, models: ["welcomed"] });
    const view = await node.view();
    expect(node.welcome).toEqual({
      session: expect.any(String),
      node: view!.id,
      ping_ms: 15_000,
      silence_ms: 45_000,
      window_bytes: WINDOW_BYTES,
      max_frame_bytes: 1024 * 1024,
      takes_packs: true,
    });
  });

  test("serves a stream: neither the body nor the answer is changed", async () => {
    const { node, model } = await joinOwn();
    const body =
      `{ "model":"${model}","stream" : true,\n"messages":[{"role":"user","content":"é"}]}`;
    const answer = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${owner.apiToken}` },
      body,
    });
    const { stream, head, body: received } = await node.nextCall();
    expect(received).toBe(body);
    expect(head).toEqual({
      id: expect.any(String),
      endpoint: "/v1/chat/completions",
      model,
      stream: true,
      body_bytes: Buffer.byteLength(body),
      hide_usage: true,
    });
    node.head(stream, 200, { "x-ratelimit-remaining-tokens": "17", "x-foreign": "no" });
    // Cut at arbitrary places: within an event, and within a character.
    const bytes = new TextEncoder().encode(event("Grüß") + event(" dich"));
    for (const [from, to] of [[0, 5], [5, bytes.indexOf(0xc3) + 1], [bytes.indexOf(0xc3) + 1]]) {
      node.send("stream", stream, bytes.slice(from, to));
    }
    node.finish(stream);
    const response = await answer;
    expect(response.headers.get("x-ratelimit-remaining-tokens")).toBe("17");
    expect(response.headers.get("x-foreign")).toBeNull();
    expect(await response.text()).toBe(`${event("Grüß")}${event(" dich")}data: [DONE]\n\n`);
    expect(await ledgerRows(gateway, model)).toMatchObject([
      { outcome: "ok", completion_tokens: 2, produced_chunks: 3 },
    ]);
  });

  test("gets a body of several frames whole", async () => {
    const { node, model } = await joinOwn();
    const content = "long ".repeat(500_000);
    const answer = chat(gateway, owner.apiToken, {
      model,
      messages: [{ role: "user", content }],
    });
    const { stream, body } = await node.nextCall();
    expect(JSON.parse(body).messages[0].content).toBe(content);
    expect(node.frames.filter(({ type }) => type === "body").length).toBeGreaterThan(1);
    node.head(stream);
    node.data(stream, JSON.stringify(whole("read it")));
    node.finish(stream);
    expect((await answer).json as unknown).toEqual(whole("read it"));
  });

  test("is granted what its caller has read, from half a window on", async () => {
    const { node, model } = await joinOwn();
    const answer = stream(gateway, owner.apiToken, hello(model));
    const { stream: id } = await node.nextCall();
    node.head(id);
    const long = event("x".repeat(WINDOW_BYTES / 2 - event("").length - 1));
    node.data(id, long);
    const { events } = await answer;
    await events.next();
    expect(node.granted(id)).toBe(0);
    node.data(id, event(""));
    await events.next();
    await until("the node is granted more", () => node.granted(id) > 0);
    expect(node.granted(id)).toBe(long.length + event("").length);
    node.finish(id);
    expect(await Array.fromAsync(events)).toEqual(["[DONE]"]);
  });

  test("gets CANCEL when its caller leaves, and keeps its slot until it confirms", async () => {
    for (const confirm of ["FINISH", "ERROR 499"]) {
      const { node, model } = await joinOwn();
      const caller = new AbortController();
      const answer = stream(gateway, owner.apiToken, hello(model), caller.signal);
      const { stream: id } = await node.nextCall();
      node.head(id);
      node.data(id, event("half"));
      await (await answer).events.next();
      caller.abort();
      expect(await node.next("cancel")).toMatchObject({ stream: id });
      expect((await node.view())?.active_tasks).toBe(1);
      const tally = {
        prompt_tokens: 7,
        completion_tokens: 41,
        estimated: false,
        finish_reason: null,
        first_byte_ms: 1,
        total_ms: 2,
      };
      if (confirm === "FINISH") node.finish(id, tally);
      else node.fail(id, { code: 499, message: "stopped", tally });
      await until("the slot is free", async () => (await node.view())?.active_tasks === 0);
      expect((await node.view())?.penalized).toBe(false);
      expect(await ledgerRows(gateway, model)).toMatchObject([
        { outcome: "cancelled", status: 499, completion_tokens: 41 },
      ]);
    }
  });

  test("changes what it offers by STATUS: capacity, models, whether it takes calls", async () => {
    const { node, model } = await joinOwn();
    const seen = (change: object) =>
      until(`the gateway lists ${JSON.stringify(change)}`, async () => {
        expect(await node.view()).toMatchObject(change);
        return true;
      });
    node.status({ max_parallel: 4, models: [model, "another"] });
    await seen({ max_parallel: 4, supported_models: [model, "another"], draining: false });
    node.status({ state: "paused", reason: "somebody plays a game" });
    await seen({ max_parallel: 4, supported_models: [model, "another"], draining: true });
    node.status({ state: "serving", models: [model] });
    await seen({ max_parallel: 4, supported_models: [model], draining: false });
  });

  test("gets no call while it is paused, and the waiting ones once it has more slots", async () => {
    const { node, model } = await joinOwn();
    node.status({ state: "paused" });
    await until("it is paused", async () => (await node.view())?.draining);
    expect((await call(model)).status).toBe(503);
    node.status({ state: "serving" });
    await until("it serves", async () => (await node.view())?.draining === false);
    const answers = [call(model), call(model)];
    const first = await node.nextCall();
    await waiting(1);
    node.status({ max_parallel: 2 });
    const second = await node.nextCall();
    for (const { stream } of [first, second]) {
      node.head(stream);
      node.data(stream, JSON.stringify(whole("at last")));
      node.finish(stream);
    }
    for (const answer of answers) expect((await answer).status).toBe(200);
    expect(node.frames.filter(({ type }) => type === "call")).toHaveLength(2);
  });

  test("has no call fail twice on what it has withdrawn, and is not penalised, however soon it said so", async () => {
    const { node, model } = await joinOwn();
    const answer = call(model);
    const { stream: id } = await node.nextCall();
    node.status({ models: [model, "more"] });
    node.status({ models: ["more"] });
    node.fail(id, { code: 404, message: "gone", kind: "offer_withdrawn" });
    expect((await answer).json.error.code).toBe("offer_withdrawn");
    expect((await call(model)).json.error.code).toBe("no_node_online");
    expect(await node.view()).toMatchObject({ penalized: false, supported_models: ["more"] });
  });

  test("answers busy: the call goes to another node, and no node is penalised", async () => {
    const { node, model } = await joinOwn();
    const answer = call(model);
    node.fail((await node.nextCall()).stream, { code: 503, message: "full", busy: true });
    const again = await node.nextCall();
    node.head(again.stream);
    node.data(again.stream, JSON.stringify(whole("now")));
    node.finish(again.stream);
    expect((await answer).status).toBe(200);
    expect((await node.view())?.penalized).toBe(false);
  });

  test("relays a rejection with its status, headers and message", async () => {
    const { node, model } = await joinOwn();
    const answer = call(model);
    const { stream } = await node.nextCall();
    const error = { message: "too long", type: "t", param: "messages", code: "context_length" };
    node.head(stream, 422, { "openai-processing-ms": "3" });
    node.data(stream, JSON.stringify({ error }));
    node.finish(stream);
    const { status, json, headers } = await answer;
    expect({ status, error: json.error as unknown }).toEqual({ status: 422, error });
    expect(headers.get("openai-processing-ms")).toBe("3");
    expect((await node.view())?.penalized).toBe(false);
  });

  test("cannot inject a line into an answer's head", async () => {
    const { node, model } = await joinOwn();
    const answer = call(model);
    const { stream } = await node.nextCall();
    node.head(stream, 200, { "retry-after": "1\r\nset-cookie: a=b" });
    node.data(stream, JSON.stringify(whole("hi")));
    node.finish(stream);
    const { status, headers } = await answer;
    expect(status).toBe(200);
    expect(headers.get("retry-after")).toBeNull();
    expect(headers.get("set-cookie")).toBeNull();
  });

  test("that breaks the protocol fails its call, is told to stop, and is penalised", async () => {
    const { node, model } = await joinOwn();
    const answer = call(model);
    const { stream } = await node.nextCall();
    node.data(stream, "an answer without a head");
    expect((await answer).json.error.code).toBe("node_protocol");
    expect(await node.next("cancel")).toMatchObject({ stream });
    expect(await node.view()).toMatchObject({
      penalized: true,
      penalty_reason: expect.stringContaining("STREAM before HEAD"),
    });
  });
});

test("the node of this version serves a gateway that knows only v1", async () => {
  const old = new StubGateway();
  endAfterTests(() => old.stop());
  const upstream = startUpstream();
  const folder = temporaryFolder();
  const config = join(folder, "config.yaml");
  writeFileSync(
    config,
    stringify({
      client_token: "client-of-old",
      server_url: old.url,
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: upstream.url,
        models: [{ local: "local-model", server_mapping: "m" }],
      }],
    }),
  );
  chmodSync(config, 0o600);
  const program = new Program("node", [...nodeCommand(), "-c", config], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir() },
  });
  endAfterTests(() => program.kill());
  expect(await within("REGISTER", old.registered())).toMatchObject({ models: ["m"] });
  const { pieces, error } = await within(
    "the answer",
    old.call("m", { ...hello("m"), stream: true }).ended,
  );
  expect(error).toBeNull();
  expect(pieces.map((text) => JSON.parse(text).choices[0].delta.content ?? "").join(""))
    .toBe("hello");
});

async function waiting(length: number): Promise<void> {
  await until(`${length} calls wait`, async () => {
    const { text } = await ask(`${gateway.url}/metrics`);
    return Number(/^colink_calls_waiting (\d+)/m.exec(text)?.[1]) === length;
  });
}
