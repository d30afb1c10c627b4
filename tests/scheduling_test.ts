/** Penalties and policies of the whole program, as owners and callers see them. */

import { beforeAll, describe, expect, test } from "bun:test";
import { ModelServer } from "../scripts/bench/simulation/model_server.ts";
import { simulate } from "../scripts/bench/simulation/simulation.ts";
import { type Ask, conversation } from "../scripts/bench/simulation/traces.ts";
import { seeded } from "../server/base/testing/random.ts";
import type { CallDetail, CallPage, ErrorView, NodeDetail } from "../api/mod.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, ask, chat, hello } from "./harness/api.ts";
import { ending, piece, usageOnly } from "./harness/chunks.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { answerEveryCall, type JoinedNode, joinNode } from "./harness/joined_node.ts";
import { startNode } from "./harness/node.ts";
import { type Behaviour, startUpstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let owner: Account;

beforeAll(async () => {
  gateway = await startGateway({
    env: { COLINK_POLICIES: "talkative=affinity,steady=least-busy" },
  });
  owner = await createAccount(gateway);
}, 180_000);

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
    const lenient = await startGateway({ env: { COLINK_PENALTY_SECONDS: "3" } });
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

describe("nodes of different speed, each with a cache,", () => {
  /** Tokens per second: each node is four times as fast as the next. */
  const SPEEDS = [120, 30, 8];
  const SLOTS = 2;
  /** The model servers are so many times as fast as they say. */
  const HASTE = 40;

  test(
    "get calls in the order of the simulation, and the call's facts say why",
    async () => {
      const asks = new Map<string, Ask>();
      const servers = SPEEDS.map((speed) => new ModelServer(speed, SLOTS));
      const models = ["clever", "steady"];
      await Promise.all(servers.map(async (server, i) => {
        const behaviour = heldTo(server, asks);
        const upstream = startUpstream({ clever: behaviour, steady: behaviour });
        await startNode({
          gateway,
          clientToken: owner.clientToken,
          name: `speed-${SPEEDS[i]}`,
          maxParallel: SLOTS,
          providers: [{
            type: "openai",
            base_url: upstream.url,
            models: models.map((local) => ({ local })),
          }],
        });
      }));
      const say = async (model: string, one: Ask) => {
        asks.set(one.messages.at(-1)!, one);
        const roles = ["user", "assistant"];
        const messages = one.messages.map((content, i) => ({ role: roles[i % 2], content }));
        const { text } = await chat(gateway, owner.apiToken, { model, messages, stream: true });
        expect(text).toEndWith("data: [DONE]\n\n");
      };
      const shares = async (model: string) => {
        const random = seeded(11);
        const talk = (i: number) => conversation("conversations", random, `${model} ${i}`);
        // One call for each node: all are measured then.
        await Promise.all(servers.map((_, i) => say(model, talk(i)[0]!)));
        for (const server of servers) server.calls = 0;
        await Promise.all([3, 4, 5].map(async (i) => {
          for (const one of talk(i)) await say(model, one);
        }));
        return partsOf(servers.map((server) => server.calls));
      };
      const real = { auto: await shares("clever"), leastBusy: await shares("steady") };
      const simulated = {
        auto: await simulatedShares("auto"),
        leastBusy: await simulatedShares("least-busy"),
      };
      expect(inOrder(simulated.auto)).toEqual([0, 1, 2]);
      expect(inOrder(real.auto)).toEqual([0, 1, 2]);
      for (const { auto, leastBusy } of [real, simulated]) {
        expect(auto[0]!).toBeGreaterThan(leastBusy[0]!);
        expect(auto[2]!).toBeLessThan(leastBusy[2]!);
      }

      const asOwner = async <T>(path: string) =>
        (await ask<T>(`${gateway.url}/api${path}`, { token: owner.jwt })).json;
      const { id } = await until("the calls are in the database", async () => {
        const { calls } = await asOwner<CallPage>("/calls?model=clever");
        return calls.length === 27 && calls[0];
      });
      const { call: { choice, node } } = await asOwner<{ call: CallDetail }>(`/calls/${id}`);
      expect(choice!.candidates.map(({ node_name: name }) => name)).toContain("speed-120");
      expect(choice!.candidates.filter(({ chosen }) => chosen)).toMatchObject([{ node }]);
      expect(choice!.real_end_ms).toBeGreaterThan(choice!.real_first_ms!);
      const { measured } = await asOwner<NodeDetail>(`/nodes/${node}`);
      expect(measured).toMatchObject([{ model: "clever" }]);
      expect(measured[0]!.decode[0]!.tokens_per_second).toBeGreaterThan(0);
    },
    180_000,
  );

  /** Streams an answer that takes as long as the simulated model server says. */
  function heldTo(server: ModelServer, asks: ReadonlyMap<string, Ask>): Behaviour {
    return ({ body }) => {
      const one = asks.get(String(body.messages.at(-1)?.content))!;
      const { firstMs, endMs } = server.begin(one);
      const usage = { prompt_tokens: one.promptTokens, completion_tokens: one.answerTokens };
      async function* events() {
        await Bun.sleep(firstMs / HASTE);
        yield event(piece(one.answer.slice(0, 4)));
        await Bun.sleep((endMs - firstMs) / HASTE);
        server.running--;
        yield [piece(one.answer.slice(4)), ending(), usageOnly(usage)].map(event).join("");
        yield "data: [DONE]\n\n";
      }
      const headers = { "content-type": "text/event-stream" };
      return new Response(events() as unknown as ReadableStream, { headers });
    };
  }

  async function simulatedShares(by: "auto" | "least-busy"): Promise<number[]> {
    const { placed } = await simulate({
      trace: "conversations",
      speeds: SPEEDS,
      slots: SLOTS,
      load: 0.2,
      by,
      calls: 100,
      warmUp: 0,
      seed: 3,
    });
    const later = placed.slice(20);
    return partsOf(SPEEDS.map((_, i) => later.filter((server) => server === i).length));
  }
});

/** The part of the calls that each node got. */
function partsOf(calls: readonly number[]): number[] {
  const all = calls.reduce((sum, count) => sum + count);
  return calls.map((count) => count / all);
}

/** The nodes, that with the most calls first. */
function inOrder(shares: readonly number[]): number[] {
  return shares.map((_, i) => i).sort((a, b) => shares[b]! - shares[a]!);
}

function event(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
