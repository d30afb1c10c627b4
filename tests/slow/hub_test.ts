/** Which node gets a call: real sockets, with load, BUSY answers and the queue. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { type Answer, ask, chat, hello } from "../harness/api.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { idle, type JoinedNode, joinNode } from "../harness/joined_node.ts";
import { until } from "../harness/wait.ts";

let gateway: Gateway;
let alice: Account;
let bob: Account;

beforeAll(async () => {
  gateway = await startGateway({ env: { COLINK_QUEUE_PER_ACCOUNT: "3" } });
  [alice, bob] = await Promise.all([createAccount(gateway), createAccount(gateway)]);
}, 180_000);

function join(model: string, maxParallel = 1, more: string[] = []): Promise<JoinedNode> {
  return joinNode({ gateway, owner: alice, models: [model, ...more], maxParallel });
}

function call(caller: Account, model: string, said = "hello"): Promise<Answer<ErrorView>> {
  const messages = [{ role: "user", content: said }];
  return chat(gateway, caller.apiToken, { model, messages });
}

function received(node: JoinedNode): number {
  return node.raw.frames.filter(({ type }) => type === "CALL").length;
}

async function metric(name: string): Promise<number> {
  const { text } = await ask(`${gateway.url}/metrics`);
  return Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1]);
}

async function waitingLine(length: number): Promise<void> {
  await until(`${length} calls wait`, async () => await metric("colink_calls_waiting") === length);
}

describe("the least busy node", () => {
  test("gets the call: new nodes share equally, and no node gets more than it offered", async () => {
    const nodes = [await join("shared", 10), await join("shared", 5)];
    const counts = () => nodes.map(received);
    const total = () => counts().reduce((a, b) => a + b);
    const answers: Promise<Answer<ErrorView>>[] = [];
    for (let i = 1; i <= 15; i++) {
      answers.push(call(alice, "shared"));
      await until(`call ${i} has reached a node`, () => total() === i);
      // Both are new, so that each has as much to earn as the other, until it is full.
      if (i % 2 === 0) expect(counts()).toEqual(i <= 10 ? [i / 2, i / 2] : [i - 5, 5]);
    }
    answers.push(call(alice, "shared"));
    await waitingLine(1);
    expect(counts()).toEqual([10, 5]);
    expect((await nodes[1]!.view())?.active_tasks).toBe(5);

    nodes[1]!.answer(await nodes[1]!.called(), "first");
    await until("the sixteenth call has the free slot", () => received(nodes[1]!) === 6);
    for (const node of nodes) {
      const left = received(node) - (node === nodes[1] ? 1 : 0);
      for (let i = 0; i < left; i++) node.answer(await node.called(), "rest");
    }
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(16).fill(200));
  });

  test("that answers BUSY gets no penalty: the call goes to another node", async () => {
    const full = await join("contested", 10);
    const other = await join("contested", 1);
    // Fills the other node's only slot, so that the next call goes to the node that answers BUSY.
    const [first, occupied] = [call(alice, "contested"), call(alice, "contested")];
    await until("both calls are out", () => received(full) + received(other) === 2);
    const refused = call(bob, "contested", "and me");
    await until("the third call is out", () => received(full) + received(other) === 3);
    const occupiedId = await other.called();
    await full.called();
    full.fail(await full.called(), 503, "BUSY: my owner plays a game");
    other.answer(occupiedId, "done");
    other.answer(await other.called(), "I had room");
    expect((await refused).text).toContain("I had room");
    expect((await full.view())?.penalized).toBe(false);
    expect(received(full)).toBe(2);
    full.answer(
      full.raw.frames.flatMap((f) => f.type === "CALL" ? [f.data.request_id] : [])[0]!,
      "x",
    );
    await Promise.all([first, occupied]);
  });

  test("that alone serves a model and answers BUSY gets the call again a moment later", async () => {
    const node = await join("moody");
    const answer = call(alice, "moody");
    node.fail(await node.called(), 503, "BUSY");
    node.answer(await node.called(), "now then");
    expect((await answer).text).toContain("now then");
    expect((await node.view())?.penalized).toBe(false);
  });
});

test("a stranger that claims 10,000 slots and answers nothing holds no more calls than a new node of three", async () => {
  const [stranger, honest] = [await join("coveted", 10_000), await join("coveted", 3)];
  const total = () => received(stranger) + received(honest);
  const answers: Promise<Answer<ErrorView>>[] = [];
  for (let i = 1; i <= 6; i++) {
    answers.push(call(i % 2 === 0 ? alice : bob, "coveted"));
    await until(`call ${i} is out`, () => total() === i);
  }
  expect([received(stranger), received(honest)]).toEqual([3, 3]);
  // With every answer the honest node has a slot free again, which the next call gets.
  for (let i = 1; i <= 20; i++) {
    honest.answer(await honest.called(), "done");
    await until("the slot is free", async () => (await honest.view())?.active_tasks === 2);
    answers.push(call(bob, "coveted"));
    await until("the next call is out", () => total() === 6 + i);
  }
  expect(received(stranger)).toBe(3);
  stranger.raw.terminate();
  for (let i = 0; i < 6; i++) honest.answer(await honest.called(), "done");
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(26).fill(200));
});

describe("the queue", () => {
  test("is left at once, with the true reason, by calls whose only node has died", async () => {
    const node = await join("mortal");
    const running = call(alice, "mortal");
    await node.called();
    const waiting = [call(alice, "mortal"), call(bob, "mortal")];
    await waitingLine(2);
    node.raw.terminate();
    for (const answer of waiting) {
      const { status, json, headers } = await answer;
      expect([status, json.error.code]).toEqual([503, "no_node_online"]);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect((await running).status).toBe(502);
    await waitingLine(0);
  });

  test("takes turns between accounts, and serves each account's calls in order", async () => {
    const node = await join("scarce");
    const running = call(alice, "scarce", "alice 0");
    const runningId = await node.called();
    const waiting: Promise<Answer<ErrorView>>[] = [];
    for (const said of ["alice 1", "alice 2", "alice 3"]) {
      waiting.push(call(alice, "scarce", said));
      await waitingLine(waiting.length);
    }
    waiting.push(call(bob, "scarce", "bob 1"));
    await waitingLine(4);

    node.answer(runningId, "0");
    const served: string[] = [];
    for (const _ of waiting) {
      const { data } = await node.raw.next("CALL");
      const { messages } = data.payload as { messages: { content: string }[] };
      served.push(messages[0]!.content);
      node.answer(data.request_id, "next");
    }
    // Alice has had a call already.
    expect(served).toEqual(["bob 1", "alice 1", "alice 2", "alice 3"]);
    await Promise.all([running, ...waiting]);
  });

  test("that is full for an account rejects its calls with 429 and Retry-After, and takes others", async () => {
    const node = await join("crowded");
    const answers = [call(alice, "crowded")];
    const firstId = await node.called();
    for (let i = 1; i <= 3; i++) {
      answers.push(call(alice, "crowded"));
      await waitingLine(i);
    }
    const refused = await call(alice, "crowded");
    expect(refused.status).toBe(429);
    expect(refused.json.error).toMatchObject({ code: "queue_full", type: "requests" });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers.get("retry-after-ms"))).toBeGreaterThanOrEqual(1000);
    expect(refused.headers.get("x-should-retry")).toBe("true");

    answers.push(call(bob, "crowded"));
    await waitingLine(4);
    node.answer(firstId, "done");
    for (let i = 0; i < 4; i++) node.answer(await node.called(), "done");
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(5).fill(200));
  });

  test("ends a call that waited too long with 503 and Retry-After", async () => {
    const hurried = await startGateway({ env: { COLINK_QUEUE_SECONDS: "0.2" } });
    const owner = await createAccount(hurried);
    const node = await joinNode({ gateway: hurried, owner, models: ["slow"] });
    const running = chat(hurried, owner.apiToken, hello("slow"));
    const runningId = await node.called();
    const late = await chat(hurried, owner.apiToken, hello("slow"));
    expect(late.status).toBe(503);
    expect(late.json.error.code).toBe("queue_timeout");
    expect(Number(late.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    node.answer(runningId, "done");
    expect((await running).status).toBe(200);
  });

  test("reports the position to a stream that asks for it, in comments that SDKs ignore", async () => {
    const node = await join("patient");
    const running = call(bob, "patient");
    const runningId = await node.called();
    const before = call(alice, "patient");
    await waitingLine(1);
    const asked = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${bob.apiToken}`, "x-colink-queue-position": "1" },
      body: JSON.stringify(hello("patient", { stream: true })),
    });
    expect(asked.status).toBe(200);
    let text = "";
    const reading = (async () => {
      for await (const bytes of asked.body!) text += new TextDecoder().decode(bytes);
    })();
    await until("it knows that another call is before it", () => text === ": queued 2\n\n");
    node.answer(runningId, "done");
    await until("it knows that it is next", () => text === ": queued 2\n\n: queued 1\n\n");
    node.answer(await node.called(), "done");
    const askedId = await node.called();
    node.say(askedId, "your turn");
    node.finish(askedId);
    await reading;
    expect(text).toMatch(
      /^: queued 2\n\n: queued 1\n\ndata: \{.*your turn.*\}\n\ndata: \[DONE\]\n\n$/,
    );
    await Promise.all([running, before]);
  });

  test("moves when a node joins", async () => {
    const first = await join("growing");
    const running = call(alice, "growing");
    const runningId = await first.called();
    const waiting = call(alice, "growing");
    await waitingLine(1);
    const second = await join("growing");
    second.answer(await second.called(), "help has come");
    expect((await waiting).text).toContain("help has come");
    first.answer(runningId, "done");
    await running;
  });
});

test(
  "of two accounts that want more than there is, one with prompts of ten times the size gets as many tokens",
  async () => {
    const node = await join("fought-over");
    const [big, small] = await Promise.all([createAccount(gateway), createAccount(gateway)]);
    const sizes = new Map([[big, 40_000], [small, 4_000]]);
    const answers: Promise<Answer<ErrorView>>[] = [];
    const send = (caller: Account) =>
      void answers.push(call(caller, "fought-over", "x".repeat(sizes.get(caller)!)));
    const holder = call(alice, "fought-over");
    const heldId = await node.called();
    for (const caller of [big, small, big, small, big, small]) send(caller);
    await waitingLine(6);
    node.answer(heldId, "done");
    await holder;
    const served = { big: 0, small: 0 };
    for (let i = 0; i < 44; i++) {
      const { data: { request_id, payload } } = await node.raw.next("CALL");
      const { messages } = payload as { messages: { content: string }[] };
      const isBig = messages[0]!.content.length === 40_000;
      served[isBig ? "big" : "small"]++;
      // The next one of the account waits before the slot is free.
      send(isBig ? big : small);
      await waitingLine(6);
      node.answer(request_id, "done");
    }
    // What they have received differs by no more than one of the large calls, and what answers add.
    expect(Math.abs(10 * served.big - served.small)).toBeLessThanOrEqual(13);
    for (let i = 0; i < 6; i++) node.answer(await node.called(), "done");
    expect((await Promise.all(answers)).every(({ status }) => status === 200)).toBe(true);
  },
  180_000,
);

describe("a second REGISTER", () => {
  test("replaces models and capacity at once, while what runs goes on", async () => {
    const node = await join("before", 1, ["kept"]);
    const running = call(alice, "before");
    const runningId = await node.called();
    const waiting = call(alice, "kept");
    await waitingLine(1);

    node.raw.send({
      type: "REGISTER",
      data: { max_parallel: 2, models: ["kept", "after"], name: node.nodeId },
    });
    // The waiting call gets the second slot.
    node.answer(await node.called(), "in the new slot");
    expect((await waiting).text).toContain("in the new slot");
    const listed = await node.view();
    expect(listed?.supported_models).toEqual(["kept", "after"]);
    expect(listed?.max_parallel).toBe(2);
    const gone = await call(alice, "before");
    expect(gone.status).toBe(503);
    expect(gone.json.error.code).toBe("no_node_online");
    const fresh = call(alice, "after");
    node.answer(await node.called(), "new model");
    expect((await fresh).status).toBe(200);

    node.answer(runningId, "begun before");
    expect((await running).text).toContain("begun before");
    await idle(node);
  });
});

describe("a gateway that was frozen for longer than a node may be silent", () => {
  test("drops no node when it wakes, and running calls go on", async () => {
    const silenceMs = 2_000;
    const sleepy = await startGateway({
      env: { COLINK_PING_SECONDS: "1", COLINK_SILENCE_SECONDS: String(silenceMs / 1000) },
    });
    const owner = await createAccount(sleepy);
    const node = await joinNode({ gateway: sleepy, owner, models: ["m"], maxParallel: 2 });
    const running = chat(sleepy, owner.apiToken, hello("m"));
    const runningId = await node.called();
    sleepy.program.signal("SIGSTOP");
    await Bun.sleep(silenceMs * 1.5);
    sleepy.program.signal("SIGCONT");

    const next = chat(sleepy, owner.apiToken, hello("m"));
    node.answer(await node.called(), "awake");
    node.answer(runningId, "asked before");
    expect((await next).text).toContain("awake");
    expect((await running).text).toContain("asked before");
    expect(node.raw.socket.readyState).toBe(WebSocket.OPEN);
    expect(await node.view()).toMatchObject({ penalized: false, active_tasks: 0 });
  });
});
