/** Nodes that misbehave, by mistake or on purpose, harm no other node and no caller. */

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { CloseCode } from "../../protocol/close_codes.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { type Answer, chat, hello, stream } from "../harness/api.ts";
import { piece, whole } from "../harness/chunks.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { idle, type JoinedNode, joinNode, penalized } from "../harness/joined_node.ts";
import { ledgerRows } from "../harness/ledger.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { connectRawNode, type RawNode } from "../harness/raw_node.ts";
import { startUpstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

let gateway: Gateway;
let owner: Account;
let good: JoinedNode;
let models = 0;

beforeAll(async () => {
  gateway = await startGateway({
    env: {
      // Short, and yet long enough for a busy machine to do what must be done in time.
      COLINK_REGISTER_SECONDS: "1.5",
      COLINK_FIRST_TOKEN_SECONDS: "1.5",
      COLINK_IDLE_SECONDS: "1.5",
      COLINK_CANCEL_GRACE_SECONDS: "1.5",
      COLINK_PING_SECONDS: "0.5",
      COLINK_SILENCE_SECONDS: "2.5",
      COLINK_MAX_FRAME_BYTES: "131072",
    },
  });
  owner = await createAccount(gateway);
  good = await joinNode({ gateway, owner, models: ["good-model"] });
}, 180_000);

/** Whatever a node has done, another one serves as before. */
afterEach(async () => {
  const answer = call("good-model");
  good.answer(await good.called(), "undisturbed");
  expect((await answer).text).toContain("undisturbed");
});

function call(model: string, headers: Record<string, string> = {}): Promise<Answer<ErrorView>> {
  return chat(gateway, owner.apiToken, hello(model), {
    headers: { "content-type": "application/json", ...headers },
  });
}

function join(model = `model-${models++}`): Promise<JoinedNode> {
  return joinNode({ gateway, owner, models: [model] });
}

/** An authenticated socket that has sent nothing yet. */
function connect(): Promise<RawNode> {
  return connectRawNode({ gateway, token: owner.clientToken });
}

async function modelOf(node: JoinedNode): Promise<string> {
  return (await node.view())!.supported_models[0]!;
}

describe("a node that never registers", () => {
  test("is closed in time", async () => {
    const silent = await connect();
    expect(await within("the end", silent.closed)).toEqual({
      code: CloseCode.notRegistered,
      reason: "No REGISTER came in time",
    });
  });

  test("does not get more time by sending other frames", async () => {
    const chatty = await connect();
    const timer = setInterval(() => chatty.sendText(`{"type":"HELLO","data":{}}`), 50);
    const { code } = await within("the end", chatty.closed);
    clearInterval(timer);
    expect(code).toBe(CloseCode.notRegistered);
  });
});

describe("a REGISTER", () => {
  const wrong: [what: string, data: unknown, reason: RegExp][] = [
    ["negative max_parallel", { max_parallel: -1, models: ["m"] }, /max_parallel/],
    ["no slots", { max_parallel: 0, models: ["m"] }, /max_parallel/],
    ["half a slot", { max_parallel: 1.5, models: ["m"] }, /max_parallel/],
    ["a huge max_parallel", { max_parallel: 1e9, models: ["m"] }, /max_parallel/],
    ["an unsafe max_parallel", { max_parallel: 2 ** 60, models: ["m"] }, /max_parallel/],
    ["max_parallel as text", { max_parallel: "3", models: ["m"] }, /max_parallel/],
    ["no models at all", { max_parallel: 1 }, /models/],
    ["models that are no list", { max_parallel: 1, models: "m" }, /models/],
    ["ten thousand models", { max_parallel: 1, models: tenThousand() }, /models/],
    ["a name that is none", { max_parallel: 1, models: [""] }, /name/],
    ["a name with a line break", { max_parallel: 1, models: ["a\nb"] }, /name/],
    ["a name with invisible characters", { max_parallel: 1, models: ["pro\u200bmodel"] }, /name/],
    ["a name in mixed alphabets", { max_parallel: 1, models: ["g\u043e\u043ed-model"] }, /name/],
    ["a name of a thousand characters", { max_parallel: 1, models: ["m".repeat(1000)] }, /name/],
    ["an identity of 10,000 characters", {
      max_parallel: 1,
      models: ["m"],
      node_id: "x".repeat(10_000),
    }, /node_id/],
  ];
  for (const [what, data, reason] of wrong) {
    test(`with ${what} is answered with what is wrong, and offers nothing`, async () => {
      const before = await listNodes(gateway);
      const node = await connect();
      node.sendText(JSON.stringify({ type: "REGISTER", data }));
      const { data: error } = await node.next("ERROR");
      expect(error.code).toBe(400);
      expect(error.message).toMatch(reason);
      // Nodes of the tests before may still be leaving.
      const known = new Set(before.map(({ id }) => id));
      expect((await listNodes(gateway)).filter(({ id }) => !known.has(id))).toEqual([]);
      await node.close();
    });
  }

  test("that is wrong may be corrected until the time is over, and not later", async () => {
    const wrong = { type: "REGISTER" as const, data: { max_parallel: 0, models: ["mended"] } };
    const [mended, stubborn] = [await connect(), await connect()];
    for (const node of [mended, stubborn]) {
      node.send(wrong);
      await node.next("ERROR");
    }
    mended.send({ type: "REGISTER", data: { ...wrong.data, max_parallel: 1 } });
    expect((await within("the end", stubborn.closed)).code).toBe(CloseCode.notRegistered);
    const listed = (await listNodes(gateway)).flatMap((node) => node.supported_models);
    expect(listed).toContain("mended");
    await mended.close();
  });

  test("that names a model several times offers it once", async () => {
    const node = await joinNode({ gateway, owner, models: ["twice", "twice", "twice"] });
    expect((await node.view())?.supported_models).toEqual(["twice"]);
    await node.raw.close();
  });

  test("that comes a thousand times replaces the offer a thousand times, nothing more", async () => {
    const node = await join();
    const register = (models: string[]) =>
      node.raw.send({ type: "REGISTER", data: { max_parallel: 1, models, name: node.nodeId } });
    for (let i = 0; i < 1000; i++) register([`changing-${i % 10}`]);
    register(["changed"]);
    await until("the last one counts", async () => await modelOf(node) === "changed");
    const alike = (await listNodes(gateway)).filter(({ name }) => name === node.nodeId);
    expect(alike).toHaveLength(1);
    await node.raw.close();
  });
});

function tenThousand(): string[] {
  return Array.from({ length: 10_000 }, (_, i) => `m${i}`);
}

describe("malformed frames", () => {
  const frames: [what: string, text: string][] = [
    ["are not JSON", "hello?"],
    ["are empty", ""],
    ["are no object", "[]"],
    ["have no type", `{"data":{}}`],
    ["have no data", `{"type":"STREAM"}`],
    ["carry a chunk that is none", `{"type":"STREAM","data":{"request_id":"x","chunk":7}}`],
    ["nest ten thousand deep", `{"type":"X","data":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
    [
      "nest a chunk too deep",
      `{"type":"STREAM","data":{"request_id":"x","chunk":${`{"a":`.repeat(100)}1${
        "}".repeat(100)
      }}}`,
    ],
  ];
  for (const [what, text] of frames) {
    test(`because they ${what} are answered, and the tenth in a row ends the link`, async () => {
      const { raw } = await join();
      for (let i = 0; i < 9; i++) raw.sendText(text);
      for (let i = 0; i < 9; i++) expect((await raw.next("ERROR")).data.code).toBe(400);
      expect(raw.socket.readyState).toBe(WebSocket.OPEN);
      raw.sendText(text);
      expect((await within("the end", raw.closed)).code).toBe(CloseCode.protocol);
    });
  }

  test("are forgiven when a valid one comes between them", async () => {
    const node = await join();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 9; i++) node.raw.sendText("nonsense");
      node.raw.sendText(`{"type":"A_WORD_OF_TOMORROW","data":[]}`);
    }
    await until("all were answered", () => node.raw.frames.length === 27);
    const answer = call(await modelOf(node));
    node.answer(await node.called(), "still here");
    expect((await answer).text).toContain("still here");
    await node.raw.close();
  });

  test("are neither answered nor logged any more once the link has been ended for them", async () => {
    const { raw, nodeId } = await join();
    const id = (await listNodes(gateway)).find(({ name }) => name === nodeId)!.id;
    for (let i = 0; i < 5000; i++) raw.sendText("nonsense");
    await within("the end", raw.closed);
    expect(raw.frames).toHaveLength(10);
    const linesOfNode = () => gateway.log.filter((line) => line.includes(id));
    await until("its end is in the log", () => {
      return linesOfNode().some((line) => line.includes("node disconnected"));
    });
    expect(linesOfNode().filter((line) => line.includes("sent a malformed"))).toHaveLength(10);
  });

  test("do not include frames of unknown types, which are ignored", async () => {
    const node = await join();
    for (let i = 0; i < 100; i++) node.raw.sendText(`{"type":"STATUS","data":{"i":${i}}}`);
    const answer = call(await modelOf(node));
    node.answer(await node.called(), "never mind");
    expect((await answer).text).toContain("never mind");
    expect(node.raw.frames.map(({ type }) => type)).toEqual(["CALL"]);
    await node.raw.close();
  });

  test("because they are binary count as malformed", async () => {
    const { raw } = await join();
    for (let i = 0; i < 10; i++) raw.socket.send(new Uint8Array([1, 2, 3]));
    expect((await within("the end", raw.closed)).code).toBe(CloseCode.protocol);
  });

  test("because they are larger than a frame may be end the link", async () => {
    const { raw } = await join();
    raw.sendText(JSON.stringify({ type: "X", data: "x".repeat(140_000) }));
    expect((await within("the end", raw.closed)).code).toBe(1009);
  });
});

describe("frames for a call that is not the node's", () => {
  test("do not reach its caller, and the tenth ends the link", async () => {
    const [victim, intruder] = [await join(), await join()];
    const answer = stream(gateway, owner.apiToken, hello(await modelOf(victim)));
    const id = await victim.called();
    victim.say(id, "mine ");
    intruder.say(id, "FORGED");
    intruder.finish(id);
    intruder.fail(id, 500);
    for (let i = 0; i < 6; i++) intruder.say(`req-${i}`, "GUESSED");
    intruder.raw.sendText(JSON.stringify({
      type: "CALL",
      data: { request_id: id, model: "m", payload: {} },
    }));
    expect((await within("the end", intruder.raw.closed)).code).toBe(CloseCode.protocol);
    victim.say(id, "alone");
    victim.finish(id);
    const { events } = await answer;
    const said = (await Array.fromAsync(events)).slice(0, -1)
      .map((event) => JSON.parse(event).choices[0].delta.content);
    expect(said).toEqual(["mine ", "alone"]);
    expect((await victim.view())?.penalized).toBe(false);
    await victim.raw.close();
  });

  test("that has ended are ignored, without a consequence for the node", async () => {
    const node = await join();
    const model = await modelOf(node);
    const first = call(model);
    const endedId = await node.called();
    node.answer(endedId, "the answer");
    expect((await first).text).toContain("the answer");
    for (let i = 0; i < 20; i++) {
      node.say(endedId, "late");
      node.finish(endedId);
      node.fail(endedId, 500);
    }
    const second = call(model);
    node.answer(await node.called(), "the next answer");
    expect((await second).json as unknown).toEqual(whole("the next answer"));
    expect(await node.view()).toMatchObject({ penalized: false, active_tasks: 0 });
    expect(await ledgerRows(gateway, model, 2)).toMatchObject([{ outcome: "ok" }, {
      outcome: "ok",
    }]);
    await node.raw.close();
  });
});

describe("a node that makes no progress", () => {
  test("because it sends nothing for a stream is penalised; the caller gets 504", async () => {
    const node = await join();
    const model = await modelOf(node);
    const { response } = await stream(gateway, owner.apiToken, hello(model));
    expect(response.status).toBe(504);
    const { data: cancel } = await node.raw.next("ERROR");
    // It ignores the cancel: the slot comes back after the grace period.
    expect((await node.view())?.active_tasks).toBe(1);
    expect(cancel).toMatchObject({ code: 499, request_id: await node.called() });
    expect(await penalized(node)).toMatch(/sent nothing/);
    await idle(node);
    expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "timeout", status: 504 }]);
    await node.raw.close();
  });

  test("because it sends nothing loses its call to another node", async () => {
    const [a, b] = [await join("either"), await join("either")];
    const answer = stream(gateway, owner.apiToken, hello("either"));
    const called = (node: JoinedNode) => node.raw.frames.some(({ type }) => type === "CALL");
    const mute = await until("one is called", () => [a, b].find(called));
    const other = mute === a ? b : a;
    other.raw.answer(await other.called(), [piece("here")]);
    const { response, events } = await answer;
    expect(response.status).toBe(200);
    expect(await Array.fromAsync(events)).toEqual([JSON.stringify(piece("here")), "[DONE]"]);
    await Promise.all([a.raw.close(), b.raw.close()]);
  });

  test("because it falls silent in the middle ends the stream with an error and no [DONE]", async () => {
    const node = await join();
    const answer = stream(gateway, owner.apiToken, hello(await modelOf(node)));
    node.say(await node.called(), "and then");
    const events = await Array.fromAsync((await answer).events);
    expect(events).toHaveLength(2);
    expect(JSON.parse(events[1]!).error).toMatchObject({ code: "node_silent" });
    expect(await penalized(node)).toMatch(/sent nothing/);
    await idle(node);
    await node.raw.close();
  });

  test("because it never finishes what does not stream runs into the caller's deadline", async () => {
    const node = await join();
    const model = await modelOf(node);
    const answer = await call(model, { "x-stainless-timeout": "1" });
    expect(answer.status).toBe(504);
    expect(answer.json.error).toMatchObject({ code: "deadline_exceeded", type: "server_error" });
    expect((await node.raw.next("ERROR")).data.code).toBe(499);
    await idle(node);
    expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "timeout", status: 504 }]);
    await node.raw.close();
  });

  test("because it sends endless small pieces runs into the gateway's deadline", async () => {
    const hurried = await startGateway({ env: { COLINK_DEADLINE_SECONDS: "1" } });
    const owner = await createAccount(hurried);
    const node = await joinNode({ gateway: hurried, owner, models: ["drip"] });
    const answer = stream(hurried, owner.apiToken, hello("drip"));
    const id = await node.called();
    const drip = setInterval(() => node.say(id, "."), 20);
    expect((await node.raw.next("ERROR")).data.code).toBe(499);
    clearInterval(drip);
    const { response, events } = await answer;
    expect(response.status).toBe(200);
    const last = (await Array.fromAsync(events)).at(-1);
    expect(JSON.parse(last!).error).toMatchObject({ code: "deadline_exceeded" });
  });

  test("because its machine froze loses its call to another node, and comes back to its session", async () => {
    const upstream = startUpstream({ m: () => new Promise<Response>(() => {}) });
    const providers = [{
      type: "openai" as const,
      api_key: "sk-x",
      base_url: upstream.url,
      models: [{ local: "m", server_mapping: "frozen" }],
    }];
    const node = await startNode({ gateway, clientToken: owner.clientToken, providers });
    const answer = call("frozen");
    await until("the upstream has the call", () => upstream.active === 1);
    node.program.signal("SIGSTOP");
    const other = await join("frozen");
    other.answer(await other.called(), "I am awake");
    expect((await answer).text).toContain("I am awake");
    const isIn = async (state: string) => {
      const nodes = await serving("frozen");
      return nodes.some((node) => node.agent !== null && node.state === state && !node.penalized);
    };
    await until("the frozen node is waited for", () => isIn("reconnecting"));
    node.program.signal("SIGCONT");
    await until("it is back, and has stopped the call", () => isIn("ready"));
    await until("the upstream is left", () => upstream.calls[0]?.signal.aborted);
    await other.raw.close();
    await node.kill();
  });

  async function serving(model: string) {
    return (await listNodes(gateway)).filter((node) => node.supported_models.includes(model));
  }
});

test("compression is not negotiated, so that no small frame expands to a huge one", async () => {
  const response = await fetch(`${gateway.url}/ws`, {
    headers: {
      "client-token": owner.clientToken,
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
    },
  });
  expect(response.status).toBe(101);
  expect(response.headers.get("sec-websocket-extensions")).toBeNull();
});
