/** Callers that read slowly or not at all: what becomes of their calls, and that no other call is affected. */

import { beforeAll, describe, expect, test } from "bun:test";
import { type Account, createAccount } from "../harness/account.ts";
import { hello, stream } from "../harness/api.ts";
import { ending, piece } from "../harness/chunks.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { idle, type JoinedNode, joinNode } from "../harness/joined_node.ts";
import { memoryOf } from "../harness/metrics.ts";
import { ledgerRows } from "../harness/ledger.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { dial, wholeCall } from "../harness/raw_http.ts";
import { type Behaviour, startUpstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

const MIB = 1024 * 1024;
const LONG = "x".repeat(64 * 1024);

/** The socket buffers of both ends take so much before a stopped reader is noticed. */
const SYSTEM_BUFFERS_BYTES = 16 * MIB;

let gateway: Gateway;
let owner: Account;

beforeAll(async () => {
  gateway = await startGateway({
    env: {
      COLINK_STALL_SECONDS: "2",
      COLINK_MAX_BUFFERED_BYTES: "65536",
      COLINK_CALLER_IDLE_SECONDS: "1",
    },
  });
  owner = await createAccount(gateway);
}, 180_000);

/** A caller that has read the beginning of a stream and stopped reading. */
async function stalledCaller(node: JoinedNode, model: string) {
  const caller = await dial(gateway);
  caller.write(wholeCall(owner.apiToken, hello(model, { stream: true })));
  const id = await node.called();
  node.say(id, "the beginning");
  await until("the caller has the beginning", () => caller.received.includes("the beginning"));
  caller.pause();
  return { caller, id };
}

/** Sends data as fast as the gateway reads it, until the call is cancelled; resolves with the bytes sent. */
async function flood(node: JoinedNode, id: string): Promise<number> {
  const isStopped = () =>
    node.raw.frames.some(({ type, data }) =>
      type === "ERROR" && (data as { request_id?: string }).request_id === id
    );
  let said = 0;
  await until("the node is told to stop", () => {
    for (let i = 0; i < 16 && node.raw.socket.bufferedAmount < MIB; i++) {
      node.say(id, LONG);
      said += LONG.length;
    }
    return isStopped();
  });
  return said;
}

describe("a caller that stops reading", () => {
  test("loses its call when too much is held for it; its node is sent 499, and its connection ends", async () => {
    const node = await joinNode({ gateway, owner, models: ["much"] });
    const { caller, id } = await stalledCaller(node, "much");
    expect(await flood(node, id)).toBeLessThan(SYSTEM_BUFFERS_BYTES);
    node.finish(id);
    await idle(node);
    expect((await node.view())?.penalized).toBe(false);
    expect(await ledgerRows(gateway, "much")).toMatchObject([{
      outcome: "cancelled",
      status: 499,
    }]);
    // When it reads on, the stream has no regular end, and the connection is closed.
    caller.resume();
    await within("the gateway to hang up", caller.closed);
    expect(caller.received).not.toContain("[DONE]");
  });

  test("loses its call after a while, although little is held for it", async () => {
    const patient = await startGateway({
      env: { COLINK_STALL_SECONDS: "1", COLINK_MAX_BUFFERED_BYTES: String(64 * MIB) },
    });
    const other = await createAccount(patient);
    const node = await joinNode({ gateway: patient, owner: other, models: ["little"] });
    const caller = await dial(patient);
    caller.write(wholeCall(other.apiToken, hello("little", { stream: true })));
    const id = await node.called();
    node.say(id, "the beginning");
    await until("the caller has the beginning", () => caller.received.length > 0);
    caller.pause();
    // Enough to fill the kernel's buffers, and far below the limit of what is held.
    for (let said = 0; said < SYSTEM_BUFFERS_BYTES; said += LONG.length) node.say(id, LONG);
    const { data } = await node.raw.next("ERROR");
    expect(data).toMatchObject({ request_id: id, code: 499 });
    expect(await ledgerRows(patient, "little")).toMatchObject([{ outcome: "cancelled" }]);
  });

  test("does not disturb another stream of the same node", async () => {
    const node = await joinNode({ gateway, owner, models: ["shared"], maxParallel: 2 });
    const { id } = await stalledCaller(node, "shared");
    const answer = stream(gateway, owner.apiToken, hello("shared"));
    const other = await node.called();
    const flooding = flood(node, id);
    for (let i = 0; i < 200; i++) {
      node.say(other, `piece ${i}`);
      const { value } = await (await answer).events.next();
      expect(JSON.parse(value!)).toEqual(piece(`piece ${i}`));
    }
    await flooding;
    node.raw.answer(other, [ending()]);
    const rest = await Array.fromAsync((await answer).events);
    expect(rest).toEqual([JSON.stringify(ending()), "[DONE]"]);
  });

  test("costs the gateway a bounded amount of memory, however many such callers there are", async () => {
    const callers = 40;
    const node = await joinNode({ gateway, owner, models: ["crowd"], maxParallel: callers });
    let said = 0;
    let most = 0;
    const stall = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const { id } = await stalledCaller(node, "crowd");
        said += await flood(node, id);
        node.finish(id);
        most = Math.max(most, await memoryOf(gateway));
      }
    };
    // The first ones warm the gateway up.
    await stall(callers / 4);
    const before = most;
    await stall(callers);
    await idle(node);
    expect(said).toBeGreaterThan(100 * MIB);
    expect(most - before).toBeLessThan(64 * MIB);
  });
});

describe("through a real node, a caller", () => {
  /** Streams pieces without end, as fast as they are read, and counts them. */
  function pour(): { behaviour: Behaviour; poured: { pieces: number } } {
    const poured = { pieces: 0 };
    const event = new TextEncoder().encode(`data: ${JSON.stringify(piece(LONG))}\n\n`);
    const behaviour: Behaviour = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            poured.pieces++;
            controller.enqueue(event);
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    return { behaviour, poured };
  }

  async function startPouring(model: string) {
    const { behaviour, poured } = pour();
    const upstream = startUpstream({ [model]: behaviour });
    await startNode({
      gateway,
      clientToken: owner.clientToken,
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: upstream.url,
        models: [{ local: model, server_mapping: model }],
      }],
    });
    const caller = await dial(gateway);
    caller.write(wholeCall(owner.apiToken, hello(model, { stream: true })));
    await until("the caller reads", () => caller.received.length > MIB);
    return { upstream, poured, caller };
  }

  test("that stops reading stops the upstream, and loses its call", async () => {
    const { upstream, poured, caller } = await startPouring("endless");
    caller.pause();
    const readBytes = caller.received.length;
    await until("the upstream is let go", () => upstream.calls[0]!.signal.aborted);
    expect(poured.pieces * LONG.length - readBytes).toBeLessThan(2 * SYSTEM_BUFFERS_BYTES);
    await until("the slot is free", async () => {
      const node = (await listNodes(gateway)).find((one) =>
        one.supported_models.includes("endless")
      );
      expect(node?.penalized).toBe(false);
      return node?.active_tasks === 0;
    });
    expect(await ledgerRows(gateway, "endless")).toMatchObject([{ outcome: "cancelled" }]);
  });

  test("that pauses and reads on misses nothing", async () => {
    const { poured, caller } = await startPouring("paused");
    for (let pause = 0; pause < 3; pause++) {
      caller.pause();
      const before = poured.pieces;
      await settled(() => poured.pieces);
      caller.resume();
      await until("the upstream goes on", () => poured.pieces > before + 100);
    }
    const events = caller.received.slice(caller.received.indexOf("data: ")).split(
      /\r\n[0-9a-f]+\r\n/,
    )
      .join("").split("\n\n").slice(0, -1);
    const whole = events.filter((event) => event.length > LONG.length);
    expect(whole.length).toBeGreaterThan(100);
    const expected = `data: ${JSON.stringify(piece(LONG))}`;
    expect(whole.filter((event) => event !== expected)).toEqual([]);
  });

  /** Resolves when a count has not changed for a while. */
  async function settled(count: () => number): Promise<void> {
    let last = -1;
    let same = 0;
    await until("it has stopped", () => {
      same = count() === last ? same + 1 : 0;
      last = count();
      return same >= 5;
    });
  }
});
