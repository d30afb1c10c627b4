/** Penalties and policies of the whole program, as owners and callers see them. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { ErrorView } from "../api/mod.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, ask, chat, hello } from "./harness/api.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { answerEveryCall, type JoinedNode, joinNode } from "./harness/joined_node.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let owner: Account;

beforeAll(async () => {
  gateway = await startGateway({ env: { COLINK_POLICIES: "talkative=affinity" } });
  owner = await createAccount(gateway);
}, 60_000);

function join(models: string[], maxParallel = 4): Promise<JoinedNode> {
  return joinNode({ gateway, owner, models, maxParallel });
}

function call(model: string, said: string[] = ["hello"]): Promise<Answer<ErrorView>> {
  const messages = said.map((content, i) => ({ role: i % 2 ? "assistant" : "user", content }));
  return chat(gateway, owner.apiToken, { model, messages });
}

function received(node: JoinedNode): number {
  return node.raw.frames.filter(({ type }) => type === "CALL").length;
}

function logLine({ log }: Gateway, nodeId: string, message: string): unknown {
  const line = log.find((line) => line.includes(nodeId) && line.includes(message));
  return line && JSON.parse(line);
}

async function fail(node: JoinedNode, model: string, code: number): Promise<void> {
  const answer = call(model);
  node.fail(await node.called(), code);
  await answer;
}

describe("after a fault, a node", () => {
  test("gets one call at a time until one is answered, as the node list and the log show", async () => {
    const lenient = await startGateway({ env: { COLINK_PENALTY_SECONDS: "1" } });
    const account = await createAccount(lenient);
    const node = await joinNode({
      gateway: lenient,
      owner: account,
      models: ["fragile"],
      maxParallel: 4,
    });
    const call = () => chat(lenient, account.apiToken, hello("fragile"));
    const failed = call();
    node.fail(await node.called(), 401);
    await failed;
    expect(await node.view()).toMatchObject({
      state: "penalized",
      penalized: true,
      penalties: [{ model: "fragile", reason: "the node's provider refused the node's own key" }],
    });
    const probing = await until("the penalty is over", async () => {
      const view = await node.view();
      return view?.state === "probing" && view;
    });
    expect(probing).toMatchObject({ penalized: false, penalized_until: null });
    expect(probing.penalties).toHaveLength(1);

    const answers = [call(), call(), call()];
    const probe = await node.called();
    await until("the other calls wait", async () => {
      const { text } = await ask(`${lenient.url}/metrics`);
      return text.includes("colink_calls_waiting 2");
    });
    expect(received(node)).toBe(2);
    node.answer(probe, "I am well");
    for (let i = 0; i < 2; i++) node.answer(await node.called(), "and more");
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await node.view()).toMatchObject({ state: "ready", penalties: [] });
    const logged = (message: string) =>
      until(`the log says "${message}"`, () => logLine(lenient, probing.id, message));
    expect(await logged("node penalised")).toMatchObject({
      cause: "upstream_auth",
      model: "fragile",
      faults: 1,
    });
    await logged("penalty over: one call probes the node");
    await logged("node answered again: it takes calls as before");
  });

  test("of one model's upstream serves its other models", async () => {
    const node = await join(["broken", "whole"]);
    await fail(node, "broken", 429);
    expect(await node.view()).toMatchObject({
      state: "ready",
      penalized: false,
      penalties: [{ model: "broken", reason: "the node's provider limits its calls" }],
    });
    const answer = call("whole");
    node.answer(await node.called(), "here");
    expect((await answer).status).toBe(200);
    expect((await call("broken")).json.error.code).toBe("nodes_penalized");
  });

  test("of its own gets no calls of any model", async () => {
    const node = await join(["first", "second"]);
    const answer = call("first");
    await node.called();
    node.raw.terminate();
    expect((await answer).json.error.code).toBe("node_lost");
    const back = await joinNode({
      gateway,
      owner,
      models: ["first", "second"],
      nodeId: node.nodeId,
    });
    expect(await back.view()).toMatchObject({ state: "penalized", penalties: [{ model: null }] });
    expect((await call("second")).json.error.code).toBe("nodes_penalized");
  });
});

test("with affinity, a conversation returns to its node turn after turn, and others spread", async () => {
  for (let i = 0; i < 4; i++) answerEveryCall(await join(["talkative"]), "so it is");
  const used = new Set<string | null>();
  for (let talk = 0; talk < 12; talk++) {
    const said = [`talk ${talk}`];
    const names = new Set<string | null>();
    for (let turn = 0; turn < 5; turn++) {
      const { status, headers } = await call("talkative", said);
      expect(status).toBe(200);
      names.add(headers.get("x-colink-node"));
      said.push("so it is", `turn ${turn}`);
    }
    expect(names.size).toBe(1);
    used.add([...names][0]!);
  }
  expect(used.size).toBeGreaterThan(1);
});
