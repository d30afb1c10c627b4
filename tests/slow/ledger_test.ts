/** Each call has one ledger row, however it ends, with what was really produced: over both versions of the wire. */

import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { piece } from "../harness/chunks.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { ledgerOf, type LedgerRow, ledgerRows, written } from "../harness/ledger.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { connectScriptedNode, type ScriptedNode, type Wire } from "../harness/scripted_node.ts";
import { cut, echo, hang, refuse, stall, startUpstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

/** Three letters, seven bytes. */
const WORD = "né漢";
const EVENT_BYTES = Buffer.byteLength(`data: ${JSON.stringify(piece(WORD))}\n\n`);
const USAGE = { prompt_tokens: 11, completion_tokens: 7 };

let gateway: Gateway;
let owner: Account;
let names = 0;

beforeAll(async () => {
  gateway = await startGateway({
    env: {
      COLINK_RESUME_SECONDS: "1",
      COLINK_KEEPALIVE_SECONDS: "0.1",
      COLINK_DEADLINE_SECONDS: "3",
    },
  });
  owner = await createAccount(gateway);
}, 180_000);

interface Scene {
  gateway: Gateway;
  owner: Account;
  node: ScriptedNode;
  model: string;
}

async function scene(wire: Wire, on = { gateway, owner }): Promise<Scene> {
  const model = `model-${names++}`;
  const { clientToken } = on.owner;
  const node = await connectScriptedNode({ ...on, wire, clientToken, models: [model] });
  return { ...on, node, model };
}

/** Starts a stream whose caller has read so many pieces. */
async function streaming({ gateway, owner, node, model }: Scene, pieces: number) {
  const caller = new AbortController();
  const answering = stream(gateway, owner.apiToken, hello(model), caller.signal);
  const { id } = await node.next();
  for (let i = 0; i < pieces; i++) node.piece(id, WORD);
  if (pieces === 0) return { id, caller, answering };
  const { events } = await answering;
  for (let i = 0; i < pieces; i++) await events.next();
  return { id, caller, answering, events };
}

/** The call's only row, once its node is idle. */
async function onlyRow({ gateway, node, model }: Scene): Promise<LedgerRow> {
  await ledgerRows(gateway, model);
  await until("the node is idle", async () => {
    const view = (await listNodes(gateway)).find(({ name }) => name === node.name);
    return (view?.active_tasks ?? 0) === 0;
  });
  await written(gateway);
  const rows = ledgerOf(gateway, model);
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

const nothingDelivered = { delivered_bytes: 0, delivered_chunks: 0 };
const delivered = (chunks: number) => ({
  delivered_bytes: chunks * EVENT_BYTES,
  delivered_chunks: chunks,
});
const reported = { ...USAGE, estimated: 0 };
const counted = (tokens: number) => ({
  prompt_tokens: null,
  completion_tokens: tokens,
  estimated: 1,
});
/** Of a call that was stopped: the prompt was read, too. */
const cutOff = (tokens: number) => ({ ...counted(tokens), prompt_tokens: expect.any(Number) });
const unknown = { prompt_tokens: null, completion_tokens: null, estimated: 0 };

for (const wire of [1, 2] as const) {
  describe(`one row, over wire v${wire}, for a call`, () => {
    test("that streams to its end: tokens as the upstream reported them, bytes as the caller received them", async () => {
      const here = await scene(wire);
      const { id, events } = await streaming(here, 3);
      here.node.finish(id, USAGE);
      expect((await Array.fromAsync(events!)).at(-1)).toBe("[DONE]");
      const row = await onlyRow(here);
      expect(row).toMatchObject({ outcome: "ok", status: 200, attempts: 1, ...reported });
      expect(row).toMatchObject(delivered(3));
      expect(row.produced_chunks).toBeGreaterThanOrEqual(3);
    });

    test("whose upstream reports no usage: its pieces are counted and marked as an estimate", async () => {
      const here = await scene(wire);
      const { id, events } = await streaming(here, 3);
      here.node.finish(id);
      await Array.fromAsync(events!);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "ok",
        produced_chunks: 3,
        ...counted(3),
        ...delivered(3),
      });
    });

    test("whose node thinks for long: keep-alive comments do not count as an answer", async () => {
      const here = await scene(wire);
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${owner.apiToken}` },
        body: JSON.stringify(hello(here.model, { stream: true })),
      });
      const { id } = await here.node.next();
      const reader = response.body!.getReader();
      expect(Buffer.from((await reader.read()).value!).toString()).toStartWith(": keep-alive");
      here.node.piece(id, WORD);
      here.node.finish(id, USAGE);
      while (!(await reader.read()).done);
      expect(await onlyRow(here)).toMatchObject({ outcome: "ok", ...delivered(1) });
    });

    test("that is answered whole", async () => {
      const here = await scene(wire);
      const answering = chat(gateway, owner.apiToken, hello(here.model));
      const { id } = await here.node.next();
      here.node.whole(id, WORD, USAGE);
      const { status, text } = await answering;
      expect(status).toBe(200);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "ok",
        status: 200,
        produced_chunks: 1,
        delivered_chunks: 1,
        delivered_bytes: Buffer.byteLength(text),
        ...reported,
      });
    });

    test("whose upstream fails before the first byte", async () => {
      const here = await scene(wire);
      const answering = chat(gateway, owner.apiToken, hello(here.model));
      const { id } = await here.node.next();
      here.node.fail(id, 500);
      expect((await answering).status).toBe(502);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "upstream_error",
        status: 502,
        attempts: 1,
        produced_chunks: 0,
        ...unknown,
        ...nothingDelivered,
      });
    });

    test("whose upstream fails in the middle of a stream", async () => {
      const here = await scene(wire);
      const { id, events } = await streaming(here, 2);
      here.node.fail(id, 500);
      expect(await Array.fromAsync(events!)).toHaveLength(1);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "upstream_error",
        status: 502,
        produced_chunks: 2,
        ...counted(2),
        ...delivered(2),
      });
    });

    test("that the upstream rejects", async () => {
      const here = await scene(wire);
      const answering = chat(gateway, owner.apiToken, hello(here.model));
      const { id } = await here.node.next();
      here.node.fail(id, 400);
      expect((await answering).status).toBe(400);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "rejected",
        status: 400,
        attempts: 1,
        produced_chunks: 0,
        ...unknown,
        ...nothingDelivered,
      });
    });

    test("whose node is lost before the first byte", async () => {
      const here = await scene(wire);
      const { answering } = await streaming(here, 0);
      here.node.terminate();
      expect((await answering).response.status).toBe(502);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "node_lost",
        status: 502,
        attempts: 1,
        produced_chunks: 0,
        ...unknown,
        ...nothingDelivered,
      });
    });

    test("whose node is lost in the middle of a stream", async () => {
      const here = await scene(wire);
      const { events } = await streaming(here, 4);
      here.node.terminate();
      expect(JSON.parse((await Array.fromAsync(events!)).join())).toHaveProperty("error");
      expect(await onlyRow(here)).toMatchObject({
        outcome: "node_lost",
        status: 502,
        produced_chunks: 4,
        ...counted(4),
        ...delivered(4),
      });
    });

    test("that another node answers: the row names the node that answered", async () => {
      const here = await scene(wire);
      const { clientToken } = owner;
      const models = [here.model];
      const other = await connectScriptedNode({ gateway, wire, clientToken, models });
      const answering = chat(gateway, owner.apiToken, hello(here.model));
      const both = [here.node, other];
      const called = await until("a node is called", () => {
        return both.find(({ calls }) => calls.length > 0);
      });
      called.fail((await called.next()).id, 500);
      const second = both.find((node) => node !== called)!;
      second.whole((await second.next()).id, WORD, USAGE);
      const { headers } = await answering;
      expect(await onlyRow(here)).toMatchObject({
        outcome: "ok",
        attempts: 2,
        produced_chunks: 1,
        node_id: headers.get("x-colink-node"),
        ...reported,
      });
    });

    test("whose caller leaves in the middle: later chunks count as produced, not as delivered", async () => {
      const here = await scene(wire);
      const { id, caller } = await streaming(here, 2);
      caller.abort();
      await here.node.cancelOf(id);
      for (let i = 0; i < 3; i++) here.node.piece(id, WORD);
      here.node.fail(id, 499);
      const row = await onlyRow(here);
      expect(row).toMatchObject({ outcome: "cancelled", status: 499, produced_chunks: 5 });
      expect(row).toMatchObject({ ...delivered(2), ...cutOff(5) });
    });

    test("whose caller leaves, with a node that never confirms: recorded without the confirmation", async () => {
      const here = await scene(wire);
      const { caller, id } = await streaming(here, 2);
      caller.abort();
      await here.node.cancelOf(id);
      const [row] = await ledgerRows(gateway, here.model);
      expect(row).toMatchObject({ outcome: "cancelled", ...delivered(2), ...cutOff(2) });
      here.node.finish(id, USAGE);
      expect(await onlyRow(here)).toEqual(row!);
    });

    test("whose caller leaves before the first byte", async () => {
      const here = await scene(wire);
      const { id, caller, answering } = await streaming(here, 0);
      const left = answering.then(() => false, () => true);
      caller.abort();
      expect(await left).toBe(true);
      await here.node.cancelOf(id);
      here.node.fail(id, 499);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "cancelled",
        status: 499,
        attempts: 1,
        produced_chunks: 0,
        // Its node has read the prompt.
        prompt_tokens: expect.any(Number),
        completion_tokens: 0,
        estimated: 1,
        ...nothingDelivered,
      });
    });

    test("whose caller leaves before its whole answer is complete", async () => {
      const here = await scene(wire);
      const caller = new AbortController();
      const { signal } = caller;
      const left = chat(gateway, owner.apiToken, hello(here.model), { signal })
        .then(() => false, () => true);
      const { id } = await here.node.next();
      caller.abort();
      expect(await left).toBe(true);
      await here.node.cancelOf(id);
      // Produced, although it is too late for its caller.
      here.node.whole(id, WORD, USAGE);
      expect(await onlyRow(here)).toMatchObject({
        outcome: "cancelled",
        status: 499,
        produced_chunks: 1,
        ...reported,
        ...nothingDelivered,
      });
    });

    test("whose time is up in the middle of a stream", async () => {
      const here = await scene(wire);
      const { id, events } = await streaming(here, 2);
      await here.node.cancelOf(id);
      here.node.fail(id, 499);
      const last = (await Array.fromAsync(events!)).at(-1);
      expect(JSON.parse(last!).error.code).toBe("deadline_exceeded");
      expect(await onlyRow(here)).toMatchObject({
        outcome: "timeout",
        status: 504,
        produced_chunks: 2,
        ...cutOff(2),
        ...delivered(2),
      });
    });
  });

  test(`a gateway that is killed while a node, over wire v${wire}, has not confirmed leaves one row`, async () => {
    const killed = await startGateway();
    const account = await createAccount(killed);
    const here = await scene(wire, { gateway: killed, owner: account });
    const { id, caller } = await streaming(here, 2);
    caller.abort();
    await here.node.cancelOf(id);
    await until("the provisional row is written", () => {
      // The file exists before it has content.
      return readdirSync(killed.dataDir).filter((name) => name.startsWith("ledger.foreseen"))
        .some((name) => readFileSync(join(killed.dataDir, name), "utf8").includes(here.model));
    });
    await killed.kill();
    const next = await startGateway({ dataDir: killed.dataDir });
    expect(ledgerOf(next, here.model)).toEqual([
      expect.objectContaining({ outcome: "cancelled", ...delivered(2), ...cutOff(2) }),
    ]);
  });

  describe(`a gateway that is told to stop, over wire v${wire},`, () => {
    for (const confirms of [true, false]) {
      test(
        `writes one row for each call that it ends, ${
          confirms ? "with the node's confirmation" : "without the node's confirmation"
        }, before it ends`,
        async () => {
          const stopping = await startGateway({ env: { COLINK_DRAIN_SECONDS: "0.3" } });
          const account = await createAccount(stopping);
          const here = await scene(wire, { gateway: stopping, owner: account });
          const { id, events } = await streaming(here, 2);
          const waiting = chat(stopping, account.apiToken, hello(here.model));
          await until("one call waits", async () => {
            return (await ask(`${stopping.url}/metrics`)).text.includes("colink_calls_waiting 1");
          });
          if (confirms) here.node.onCancel = () => here.node.fail(id, 499, USAGE);
          expect(await stopping.stop()).toBe(0);
          expect(readdirSync(stopping.dataDir).filter((name) => name.includes("foreseen")))
            .toEqual([]);
          expect(JSON.parse((await Array.fromAsync(events!)).join())).toHaveProperty("error");
          expect((await waiting).status).toBe(503);
          // Wire v1 reports no usage for a call without an answer.
          const tokens = confirms && wire === 2 ? reported : cutOff(2);
          expect(ledgerOf(stopping, here.model)).toEqual([
            expect.objectContaining({
              outcome: "interrupted",
              status: 503,
              attempts: 1,
              produced_chunks: 2,
              ...tokens,
              ...delivered(2),
            }),
            expect.objectContaining({
              outcome: "interrupted",
              attempts: 0,
              produced_chunks: 0,
              ...unknown,
              ...nothingDelivered,
            }),
          ]);
        },
      );
    }
  });
}

describe("one row, through the node's executable, for a call", () => {
  const behaviours = {
    finished: echo(),
    failing: refuse(500),
    "cut-off": cut(3),
    stalling: stall(3),
    hanging: hang(),
  };

  /** A node of its own for each test: some are killed, others penalised. */
  async function executable(model: keyof typeof behaviours) {
    const upstream = startUpstream(behaviours);
    const name = `${model}-${names++}`;
    const node = await startNode({
      gateway,
      clientToken: owner.clientToken,
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: upstream.url,
        models: [{ local: model, server_mapping: name }],
      }],
    });
    return { upstream, node, name };
  }

  async function rowOf(model: string): Promise<LedgerRow> {
    const rows = await ledgerRows(gateway, model);
    expect(rows).toHaveLength(1);
    return rows[0]!;
  }

  test("that succeeds, streamed or not", async () => {
    const { name } = await executable("finished");
    const { response, events } = await stream(gateway, owner.apiToken, hello(name));
    expect((await Array.fromAsync(events)).at(-1)).toBe("[DONE]");
    const answer = await chat(gateway, owner.apiToken, hello(name));
    const rows = await ledgerRows(gateway, name, 2);
    const usage = { prompt_tokens: 1, completion_tokens: 1, estimated: 0 };
    expect(rows).toEqual([
      expect.objectContaining({
        id: response.headers.get("x-request-id"),
        outcome: "ok",
        stream: 1,
        ...usage,
      }),
      expect.objectContaining({
        id: answer.headers.get("x-request-id"),
        outcome: "ok",
        stream: 0,
        delivered_bytes: Buffer.byteLength(answer.text),
        ...usage,
      }),
    ]);
  });

  test("whose upstream fails, before the first byte or after it", async () => {
    const early = await executable("failing");
    expect((await chat(gateway, owner.apiToken, hello(early.name))).status).toBe(500);
    expect(await rowOf(early.name)).toMatchObject({
      outcome: "upstream_error",
      produced_chunks: 0,
      ...unknown,
      ...nothingDelivered,
    });
    const late = await executable("cut-off");
    const { events } = await stream(gateway, owner.apiToken, hello(late.name));
    const pieces = (await Array.fromAsync(events)).slice(0, -1);
    expect(pieces).toHaveLength(3);
    const bytes = Buffer.byteLength(pieces.map((data) => `data: ${data}\n\n`).join(""));
    expect(await rowOf(late.name)).toMatchObject({
      outcome: "upstream_error",
      delivered_bytes: bytes,
      ...counted(3),
    });
  });

  test("whose node is killed, before the first byte or after it", async () => {
    const early = await executable("hanging");
    const answering = chat(gateway, owner.apiToken, hello(early.name));
    await until("the upstream is at work", () => early.upstream.active === 1);
    await early.node.kill();
    expect((await answering).status).toBe(502);
    expect(await rowOf(early.name)).toMatchObject({
      outcome: "node_lost",
      produced_chunks: 0,
      ...unknown,
      ...nothingDelivered,
    });
    await until("its upstream is aborted", () => early.upstream.active === 0);

    const late = await executable("stalling");
    const { events } = await stream(gateway, owner.apiToken, hello(late.name));
    for (let i = 0; i < 3; i++) await events.next();
    await late.node.kill();
    expect(await Array.fromAsync(events)).toHaveLength(1);
    const row = await rowOf(late.name);
    expect(row).toMatchObject({ outcome: "node_lost", estimated: 1, prompt_tokens: null });
    expect(row.delivered_chunks).toBe(row.produced_chunks);
  });

  test("whose caller leaves: with the node's count of what it produced", async () => {
    const { name, upstream } = await executable("stalling");
    const caller = new AbortController();
    const { events } = await stream(gateway, owner.apiToken, hello(name), caller.signal);
    for (let i = 0; i < 3; i++) await events.next();
    caller.abort();
    const row = await rowOf(name);
    // The node estimates the prompt, which the upstream would have counted at the end.
    expect(row).toMatchObject({
      ...counted(3),
      outcome: "cancelled",
      status: 499,
      prompt_tokens: expect.any(Number),
    });
    await within("the upstream's abort", until("", () => upstream.calls[0]?.signal.aborted));
  });
});
