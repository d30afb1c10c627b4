/** Failed attempts: which node is penalised, which one tries next, and what a caller must never see. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { ErrorView } from "../api/mod.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, chat, hello, stream } from "./harness/api.ts";
import { ending, piece, whole } from "./harness/chunks.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { idle, type JoinedNode, joinNode, penalized } from "./harness/joined_node.ts";
import { ledgerOf, ledgerRows } from "./harness/ledger.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let owner: Account;
let models = 0;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
}, 180_000);

/** Nodes that all serve one model, which no other node serves. */
async function fleet(size: number): Promise<{ model: string; nodes: JoinedNode[] }> {
  const model = `model-${models++}`;
  const nodes = [];
  for (let i = 0; i < size; i++) nodes.push(await joinNode({ gateway, owner, models: [model] }));
  return { model, nodes };
}

function call(model: string): Promise<Answer<ErrorView>> {
  return chat(gateway, owner.apiToken, hello(model));
}

function calls(node: JoinedNode): number {
  return node.raw.frames.filter(({ type }) => type === "CALL").length;
}

/** The node of two that was called first, and the other one. */
async function chosen(nodes: JoinedNode[]): Promise<{ first: JoinedNode; second: JoinedNode }> {
  const first = await until("a node is called", () => nodes.find((node) => calls(node) > 0));
  return { first, second: nodes.find((node) => node !== first)! };
}

type Failure = (node: JoinedNode, callId: string) => void;

const error = (code: number): Failure => (node, callId) => node.fail(callId, code);

/** What a node does, what a caller gets if there is no other node, and the public reason of the penalty. */
const failures: [what: string, act: Failure, status: number, code: string, reason: RegExp][] = [
  ["loses its connection", (node) => node.raw.terminate(), 502, "node_lost", /connection was lost/],
  ["answers 500", error(500), 502, "upstream_error", /model server failed/],
  ["answers 503", error(503), 503, "upstream_overloaded", /model server is overloaded/],
  ["answers 429", error(429), 429, "upstream_rate_limited", /provider limits/],
  ["answers 401", error(401), 502, "upstream_auth", /refused the node's own key/],
  ["answers 402", error(402), 502, "upstream_auth", /no credit/],
  ["answers 403", error(403), 502, "upstream_auth", /refused the node's own key/],
  [
    "finishes without an answer",
    (node, id) => node.finish(id),
    502,
    "upstream_error",
    /answer is none/,
  ],
  [
    "answers with an invalid status",
    error(777),
    502,
    "node_protocol",
    /protocol|without a meaning/,
  ],
];

/** Failures that the request may have caused: without another node's answer no node is penalised. */
const open = new Set(["answers 500", "answers 503", "finishes without an answer"]);

describe("a node that", () => {
  for (const [what, act, status, code, reason] of failures) {
    const is = open.has(what) ? "not penalised" : "penalised";
    test(`${what} is ${is}, and its caller gets ${status} ${code}, if there is no other node`, async () => {
      const { model, nodes: [node] } = await fleet(1);
      const answer = call(model);
      act(node!, await node!.called());
      expect((await answer).status).toBe(status);
      expect((await answer).json.error.code).toBe(code);
      const back = code === "node_lost"
        ? await joinNode({ gateway, owner, models: [model], nodeId: node!.nodeId })
        : node!;
      if (open.has(what)) expect((await back.view())?.penalized).toBe(false);
      else expect(await penalized(back)).toMatch(reason);
      const [row] = await ledgerRows(gateway, model);
      expect(row).toMatchObject({ status, attempts: 1 });
    });

    test(`${what} is replaced by another one, and the caller gets one complete answer`, async () => {
      const { model, nodes } = await fleet(2);
      const answer = call(model);
      const { first, second } = await chosen(nodes);
      act(first, await first.called());
      second.answer(await second.called(), "from the other node");
      expect((await answer).status).toBe(200);
      expect((await answer).json as unknown).toEqual(whole("from the other node"));
      expect((await second.view())?.penalized).toBe(false);
      if (open.has(what)) expect(await penalized(first)).toMatch(reason);
      expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "ok", attempts: 2 }]);
    });
  }

  test("was penalised stays so when it reconnects, and gets no calls meanwhile", async () => {
    const { model, nodes: [node] } = await fleet(1);
    const answer = call(model);
    node!.fail(await node!.called(), 401);
    await answer;
    const before = await node!.view();
    await node!.raw.close();
    const again = await joinNode({ gateway, owner, models: [model], nodeId: node!.nodeId });
    const after = await again.view();
    expect(after?.id).toBe(before!.id);
    expect(after).toMatchObject({ penalized: true, penalty_reason: before!.penalty_reason });
    // The time shown is reckoned from two clocks, of which one may be set meanwhile.
    expect(Math.abs(after!.penalized_until! - before!.penalized_until!)).toBeLessThan(1000);
    expect((await call(model)).json.error.code).toBe("nodes_penalized");
    expect(calls(again)).toBe(0);
  });

  test("rejects a request that is itself wrong is not penalised: the rejection is the answer", async () => {
    const { model, nodes } = await fleet(2);
    for (const code of [400, 409, 413, 422, 501]) {
      const answer = call(model);
      const node = await until("a node is called", () => {
        return nodes.find((one) => one.raw.frames.some(({ type }) => type === "CALL"));
      });
      node.fail(await node.called(), code, `your request is ${code}`);
      expect((await answer).status).toBe(code);
      expect((await answer).json.error.message).toBe(`your request is ${code}`);
      expect((await answer).headers.get("x-should-retry")).toBe(
        code === 409 || code === 501 ? "false" : null,
      );
      node.raw.frames.length = 0;
    }
    for (const node of nodes) expect((await node.view())?.penalized).toBe(false);
    const rows = await ledgerRows(gateway, model, 5);
    expect(rows.map(({ outcome, attempts }) => [outcome, attempts])).toEqual(
      Array(5).fill(["rejected", 1]),
    );
  });

  test("answers twice, or late for a call that went to another node, is ignored", async () => {
    const { model, nodes } = await fleet(2);
    const { response, events } = await begin(model, nodes, async (first, second) => {
      const lost = await first.called();
      first.fail(lost, 500);
      const id = await second.called();
      second.say(id, "right ");
      first.say(lost, "WRONG");
      first.finish(lost);
      first.fail(lost, 500);
      second.say(id, "answer");
      second.finish(id);
      second.finish(id);
      second.fail(id, 500);
    });
    expect(response.status).toBe(200);
    expect(texts(await Array.fromAsync(events))).toEqual(["right ", "answer", "[DONE]"]);
    for (const node of nodes) await idle(node);
    expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "ok", attempts: 2 }]);
    expect(ledgerOf(gateway, model)).toHaveLength(1);
  });
});

describe("a call", () => {
  test("is tried on at most three other nodes, once on each", async () => {
    const { model, nodes } = await fleet(6);
    const failed = new Set<JoinedNode>();
    const answer = call(model);
    for (let i = 1; i <= 4; i++) {
      const node = await until(`try ${i}`, () => {
        return nodes.find((one) => calls(one) > (failed.has(one) ? 1 : 0));
      });
      node.fail(await node.called(), 500, `failed ${"in its own way ".repeat(i)}`);
      failed.add(node);
    }
    expect((await answer).status).toBe(502);
    expect(nodes.map(calls).toSorted()).toEqual([0, 0, 1, 1, 1, 1]);
    expect(await ledgerRows(gateway, model)).toMatchObject([{ attempts: 4 }]);
  });

  test("for which every node is penalised gets 503 and the earliest end as Retry-After", async () => {
    const { model, nodes } = await fleet(2);
    const answer = call(model);
    const { first, second } = await chosen(nodes);
    first.fail(await first.called(), 401);
    second.fail(await second.called(), 401);
    await answer;
    const refused = await call(model);
    expect(refused.status).toBe(503);
    expect(refused.json.error).toMatchObject({ code: "nodes_penalized", type: "server_error" });
    const untils = await Promise.all(
      nodes.map(async (node) => (await node.view())!.penalized_until!),
    );
    const seconds = Number(refused.headers.get("retry-after"));
    const leftMs = Math.min(...untils) - Date.now();
    expect(seconds).toBeGreaterThanOrEqual(Math.floor(leftMs / 1000));
    expect(seconds).toBeLessThanOrEqual(60);
    expect(refused.headers.get("x-should-retry")).toBe("true");
    expect(nodes.map(calls)).toEqual([1, 1]);
  });

  test("that no node could answer gets a Retry-After after which a retry makes sense", async () => {
    for (const [code, status] of [[429, 429], [503, 503]]) {
      const { model, nodes: [node] } = await fleet(1);
      const answer = call(model);
      node!.raw.send({
        type: "ERROR",
        data: {
          request_id: await node!.called(),
          code: code!,
          message: "x",
          retry_after_ms: 7_000,
        },
      });
      expect((await answer).status).toBe(status!);
      expect((await answer).headers.get("retry-after")).toBe("7");
    }
  });

  test("that does not stream is retried until its answer is complete, even after half an answer", async () => {
    const { model, nodes } = await fleet(2);
    const answer = call(model);
    const { first, second } = await chosen(nodes);
    first.raw.send({
      type: "STREAM",
      data: { request_id: await first.called(), chunk: whole("never finished") },
    });
    first.raw.terminate();
    second.answer(await second.called(), "complete");
    expect((await answer).json as unknown).toEqual(whole("complete"));
    expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "ok", attempts: 2 }]);
  });

  for (const [what, act, , code] of failures.filter(([what]) => !what.startsWith("finishes"))) {
    test(`that streams goes to another node when its node ${what} before the first byte`, async () => {
      const { model, nodes } = await fleet(2);
      const { response, events } = await begin(model, nodes, async (first, second) => {
        act(first, await first.called());
        const id = await second.called();
        second.raw.answer(id, [piece("one "), piece("two"), ending()]);
      });
      expect(response.status).toBe(200);
      expect(texts(await Array.fromAsync(events))).toEqual(["one ", "two", "", "[DONE]"]);
    });

    test(`that streams goes to no other node when its node ${what} after the first byte`, async () => {
      const { model, nodes } = await fleet(2);
      const firstByte = Promise.withResolvers<void>();
      const { response, events } = await begin(model, nodes, async (first) => {
        const id = await first.called();
        first.say(id, "half ");
        await firstByte.promise;
        act(first, id);
      });
      expect(response.status).toBe(200);
      expect(texts([await next(events)])).toEqual(["half "]);
      firstByte.resolve();
      const last = JSON.parse(await next(events));
      expect(Object.keys(last)).toEqual(["error"]);
      expect(last.error).toMatchObject({ code, message: expect.any(String), param: null });
      expect(await Array.fromAsync(events)).toEqual([]);
      expect(nodes.map(calls).toSorted()).toEqual([0, 1]);
      expect(await ledgerRows(gateway, model)).toMatchObject([{ attempts: 1, produced_chunks: 1 }]);
    });
  }

  test("reaches a node whose penalty is over", async () => {
    const lenient = await startGateway({ env: { COLINK_PENALTY_SECONDS: "0.3" } });
    const other = await createAccount(lenient);
    const node = await joinNode({ gateway: lenient, owner: other, models: ["m"] });
    const first = chat(lenient, other.apiToken, hello("m"));
    node.fail(await node.called(), 401);
    expect((await first).status).toBe(502);
    // The list may be asked after the penalty's end.
    const isLogged = () => lenient.log.some((line) => line.includes("node penalised"));
    await until("the penalty is in the log", isLogged);
    await until("the penalty is over", async () => (await node.view())?.penalized === false);
    const second = chat(lenient, other.apiToken, hello("m"));
    node.answer(await node.called(), "better");
    expect((await second).status).toBe(200);
  });
});

/** Starts a streaming call, with `play` acting for its nodes. */
async function begin(
  model: string,
  nodes: JoinedNode[],
  play: (first: JoinedNode, second: JoinedNode) => Promise<void>,
): Promise<Awaited<ReturnType<typeof stream>>> {
  const answer = stream(gateway, owner.apiToken, hello(model));
  const { first, second } = await chosen(nodes);
  // Runs beside the stream; if it fails, the test fails.
  void play(first, second);
  return await answer;
}

async function next(events: AsyncGenerator<string>): Promise<string> {
  const { value } = await events.next();
  return value ?? "the stream has ended";
}

/** The contents of a stream's events, and `[DONE]` unchanged. */
function texts(events: string[]): string[] {
  return events.map((event) =>
    event === "[DONE]" ? event : JSON.parse(event).choices[0].delta.content ?? ""
  );
}
