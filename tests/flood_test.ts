/** Nodes that send as much as they can: the gateway's memory stays bounded, and others are served meanwhile. */

import { beforeAll, expect, test } from "bun:test";
import { CloseCode } from "../protocol/close_codes.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { chat, hello, stream } from "./harness/api.ts";
import { piece } from "./harness/chunks.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { type JoinedNode, joinNode } from "./harness/joined_node.ts";
import { memoryOf } from "./harness/metrics.ts";
import { until } from "./harness/wait.ts";

const MIB = 1024 * 1024;
const FLOOD_BYTES = 512 * MIB;
const LONG = "x".repeat(256 * 1024);

let gateway: Gateway;
let owner: Account;
let good: JoinedNode;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
  good = await joinNode({ gateway, owner, models: ["good-model"], maxParallel: 10 });
}, 180_000);

interface Flood {
  /** By how much the gateway's memory grew at most. */
  grownBytes: number;
  /** Calls of another node that were answered meanwhile. */
  served: number;
  /** Whether the gateway took it all; it may end the link instead. */
  isTaken: boolean;
}

/** Sends the text again and again, as fast as it is taken, and meanwhile calls another node. */
async function flood({ raw: { socket } }: JoinedNode, text: string): Promise<Flood> {
  let sent = 0;
  const send = (total: number) =>
    until("it is taken, or the link ended", () => {
      if (socket.readyState !== WebSocket.OPEN) return socket.readyState === WebSocket.CLOSED;
      while (sent < total && socket.bufferedAmount < 4 * MIB) {
        socket.send(text);
        sent += text.length;
      }
      return sent >= total && socket.bufferedAmount === 0;
    }, 180_000);
  // A gateway that has just begun grows by itself.
  await send(FLOOD_BYTES / 8);
  const before = await memoryOf(gateway);
  let most = before;
  let served = 0;
  let isOver = false;
  const others = (async () => {
    while (!isOver) {
      const answer = chat(gateway, owner.apiToken, hello("good-model"));
      good.answer(await good.called(), "undisturbed");
      expect((await answer).text).toContain("undisturbed");
      most = Math.max(most, await memoryOf(gateway));
      served++;
    }
  })();
  await send(FLOOD_BYTES);
  isOver = true;
  await others;
  return { grownBytes: most - before, served, isTaken: sent >= FLOOD_BYTES };
}

const frame = (type: string, data: object) => JSON.stringify({ type, data });

test("with frames of unknown types, until that ends the link", async () => {
  const node = await joinNode({ gateway, owner, models: ["chatter"] });
  const { grownBytes, served, isTaken } = await flood(node, frame("CHATTER", { x: LONG }));
  expect(isTaken).toBe(false);
  expect((await node.raw.closed).code).toBe(CloseCode.protocol);
  expect(served).toBeGreaterThan(0);
  expect(grownBytes).toBeLessThan(64 * MIB);
});

test("with pieces of an answer whose caller is gone, until that ends the link", async () => {
  const node = await joinNode({ gateway, owner, models: ["late"] });
  const caller = new AbortController();
  const answer = stream(gateway, owner.apiToken, hello("late"), caller.signal);
  const id = await node.called();
  node.say(id, "first");
  await (await answer).events.next();
  caller.abort();
  await node.raw.next("ERROR");
  const late = frame("STREAM", { request_id: id, chunk: piece(LONG) });
  const { grownBytes, served, isTaken } = await flood(node, late);
  expect(isTaken).toBe(false);
  expect((await node.raw.closed).code).toBe(CloseCode.protocol);
  expect(served).toBeGreaterThan(0);
  expect(grownBytes).toBeLessThan(64 * MIB);
});
