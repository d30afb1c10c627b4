/** A caller that leaves stops the work on its call, at any stage. */

import { beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type Account, createAccount } from "./harness/account.ts";
import { ask, chat, hello, stream } from "./harness/api.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { idle, type JoinedNode, joinNode } from "./harness/joined_node.ts";
import { ledgerOf, ledgerRows } from "./harness/ledger.ts";
import { listNodes, type RunningNode, startNode } from "./harness/node.ts";
import { hang, stall, startUpstream, type Upstream } from "./harness/upstream.ts";
import { until, within } from "./harness/wait.ts";

let gateway: Gateway;
let owner: Account;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
}, 180_000);

async function callsWaiting(): Promise<number> {
  const { text } = await ask(`${gateway.url}/metrics`);
  return Number(/^colink_calls_waiting (\d+)/m.exec(text)?.[1]);
}

/** A call that does not stream, and a function by which its caller leaves. */
function leavableCall(model: string) {
  const caller = new AbortController();
  const answer = chat(gateway, owner.apiToken, hello(model), { signal: caller.signal });
  const left = answer.then(() => false, () => true);
  const leave = async () => {
    caller.abort();
    expect(await left).toBe(true);
  };
  return { leave };
}

describe("through a node and its upstream, a caller that leaves", () => {
  let upstream: Upstream;
  let node: RunningNode;
  const models = ["streaming", "thinking", "whole"];

  beforeAll(async () => {
    upstream = startUpstream({ streaming: stall(3), thinking: hang(), whole: hang() });
    node = await startNode({
      gateway,
      clientToken: owner.clientToken,
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: upstream.url,
        models: models.map((model) => ({ local: model, server_mapping: model })),
      }],
    });
  }, 180_000);

  async function upstreamHas(model: string) {
    return await until(
      "the upstream has the call",
      () => upstream.calls.find(({ body, signal }) => body.model === model && !signal.aborted),
    );
  }

  /** The upstream is aborted, the slot is free, no node is penalised, and ledger and node's log record the cancel. */
  async function expectStopped(model: string, { signal }: { signal: AbortSignal }) {
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve());
    if (signal.aborted) aborted.resolve();
    await within("the upstream's abort", aborted.promise);
    await until("the slot is free", async () => {
      const [view] = await listNodes(gateway);
      expect(view?.penalties).toEqual([]);
      return view?.active_tasks === 0;
    });
    const rows = await ledgerRows(gateway, model);
    expect(rows).toMatchObject([{ outcome: "cancelled", status: 499, attempts: 1 }]);
    const lines = await until("the node's log has it", () => {
      const lines = node.log.map((line) => JSON.parse(line)).filter((line) => line.model === model);
      return lines.length > 0 && lines;
    });
    expect(lines).toMatchObject([{ msg: "call cancelled" }]);
    return rows[0]!;
  }

  test("in the middle of a stream stops the upstream, and what was produced is counted", async () => {
    const sdk = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: owner.apiToken, maxRetries: 0 });
    const answer = await sdk.chat.completions.create({
      model: "streaming",
      messages: [{ role: "user", content: "hello" }],
      stream: true,
    });
    const call = await upstreamHas("streaming");
    const { value } = await answer[Symbol.asyncIterator]().next();
    expect(value?.choices[0]?.delta.content).toBe("piece 0 ");
    answer.controller.abort();
    const row = await expectStopped("streaming", call);
    expect(row.produced_chunks).toBeGreaterThanOrEqual(1);
    // One frame may carry the tokens of several chunks.
    expect(row.completion_tokens).toBeGreaterThanOrEqual(row.produced_chunks);
    expect(row.completion_tokens).toBeLessThanOrEqual(3);
  });

  test("before a stream's first byte stops the upstream", async () => {
    const caller = new AbortController();
    const answer = stream(gateway, owner.apiToken, hello("thinking"), caller.signal)
      .then(() => "answered", () => "left");
    const call = await upstreamHas("thinking");
    caller.abort();
    expect(await answer).toBe("left");
    expect(await expectStopped("thinking", call)).toMatchObject({ produced_chunks: 0 });
  });

  test("while it waits for a whole answer stops the upstream", async () => {
    const { leave } = leavableCall("whole");
    const call = await upstreamHas("whole");
    await leave();
    expect(await expectStopped("whole", call)).toMatchObject({ produced_chunks: 0 });
  });
});

describe("a caller that leaves the queue", () => {
  test("is forgotten: its call is sent to no node, and the next call moves up", async () => {
    const node = await join("busy");
    const running = chat(gateway, owner.apiToken, hello("busy"));
    const runningId = await node.called();
    const { leave } = leavableCall("busy");
    await until("the call waits", async () => await callsWaiting() === 1);
    const next = chat(gateway, owner.apiToken, hello("busy", { user: "the next call" }));
    await until("both wait", async () => await callsWaiting() === 2);

    await leave();
    await until("one waits", async () => await callsWaiting() === 1);
    expect(await ledgerRows(gateway, "busy")).toMatchObject([
      { outcome: "cancelled", status: 499, attempts: 0, produced_chunks: 0 },
    ]);
    node.answer(runningId, "done");
    const { data } = await node.raw.next("CALL");
    expect(data.payload).toMatchObject({ user: "the next call" });
    node.answer(data.request_id, "done");
    expect((await running).status).toBe(200);
    expect((await next).status).toBe(200);
    expect(node.raw.frames.map(({ type }) => type)).toEqual(["CALL", "CALL"]);
  });
});

describe("a v1 node whose caller leaves", () => {
  test("is sent 499 with the call's id, and its confirmation frees the slot", async () => {
    for (const confirm of ["finish", "fail"] as const) {
      const model = `confirmed-by-${confirm}`;
      const node = await join(model);
      const { leave } = leavableCall(model);
      const id = await node.called();
      await leave();
      const { data } = await node.raw.next("ERROR");
      expect(data).toMatchObject({ request_id: id, code: 499 });
      expect((await node.view())?.active_tasks).toBe(1);
      if (confirm === "fail") node.fail(id, 499, "stopped");
      else node.finish(id);
      await idle(node);
      expect((await node.view())?.penalized).toBe(false);
      expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "cancelled" }]);
    }
  });

  test("and that ignores the cancel keeps its slot until it finishes; its late frames reach no caller", async () => {
    const node = await join("stubborn");
    const caller = new AbortController();
    const first = await startStream("stubborn", node, caller.signal);
    caller.abort();
    await node.raw.next("ERROR");
    const next = stream(gateway, owner.apiToken, hello("stubborn"));
    await until("the next call waits", async () => await callsWaiting() === 1);
    for (let i = 0; i < 50; i++) node.say(first, "LATE");
    expect(await node.view()).toMatchObject({ active_tasks: 1, penalized: false });
    expect(node.raw.frames.filter(({ type }) => type === "CALL")).toHaveLength(1);

    node.finish(first);
    const second = await node.called();
    node.say(first, "LATER STILL");
    node.say(second, "fresh");
    node.finish(second);
    const events = await Array.fromAsync((await next).events);
    expect(JSON.parse(events[0]!).choices[0].delta.content).toBe("fresh");
    expect(events.slice(1)).toEqual(["[DONE]"]);
    await idle(node);
    const rows = await ledgerRows(gateway, "stubborn", 2);
    expect(rows.map(({ outcome }) => outcome)).toEqual(["cancelled", "ok"]);
    expect(ledgerOf(gateway, "stubborn")).toHaveLength(2);
  });

  test("and that closes its connection instead of confirming is not penalised", async () => {
    const node = await join("leaving");
    const { leave } = leavableCall("leaving");
    await node.called();
    await leave();
    await node.raw.next("ERROR");
    await node.raw.close();
    const back = await join("leaving", node.nodeId);
    expect(await back.view()).toMatchObject({ active_tasks: 0, penalized: false });
    const answer = chat(gateway, owner.apiToken, hello("leaving"));
    back.answer(await back.called(), "again");
    expect((await answer).status).toBe(200);
  });

  /** Resolves with the call's id once its caller has read the first piece. */
  async function startStream(model: string, node: JoinedNode, signal: AbortSignal) {
    const answer = stream(gateway, owner.apiToken, hello(model), signal);
    const id = await node.called();
    node.say(id, "first");
    await (await answer).events.next();
    return id;
  }
});

function join(model: string, nodeId?: string): Promise<JoinedNode> {
  return joinNode({ gateway, owner, models: [model], ...(nodeId ? { nodeId } : {}) });
}
