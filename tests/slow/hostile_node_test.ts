/** Nodes that send as much as they may, in the form that costs the gateway most: a bystander's calls are served all the while. */

import { beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { FrameTypeV2 } from "../../protocol/frame_v2.ts";
import { CloseCode, encodeJson, everyEndpoint } from "../../protocol/mod.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import {
  joinBystander,
  LONGEST_BLOCK_MS,
  whileWatched,
  type Witnessed,
} from "../harness/bystander.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { joinNode } from "../harness/joined_node.ts";
import { Reading } from "../harness/metrics.ts";
import { joinRawNodeV2 } from "../harness/raw_node_v2.ts";
import { connectRawNode } from "../harness/raw_node.ts";
import { until } from "../harness/wait.ts";

const MIB = 1024 * 1024;
const TOO_MUCH = "Too many bytes that belong to no call within a minute";
const HEADER_BYTES = 8;
const LENGTH_BYTES = 4;

/** What a WebSocket frame begins with. */
const FINAL = 0x80;
const TEXT = 1;
const CONTINUATION = 0;

let gateway: Gateway;
let bystander: Account;
let attacker: Account;

beforeAll(async () => {
  gateway = await startGateway({ env: { COLINK_OFFERS_PER_ACCOUNT: "10000" } });
  [bystander, attacker] = [await createAccount(gateway), await createAccount(gateway)];
  await joinBystander(gateway, bystander);
}, 180_000);

function expectServed(seen: Witnessed, mostMiB = 160): void {
  expect(seen.failures).toEqual([]);
  expect(seen.served).toBeGreaterThan(1);
  expect(seen.longestBlockMs).toBeLessThanOrEqual(LONGEST_BLOCK_MS);
  expect(seen.grownMiB).toBeLessThan(mostMiB);
}

/** One message of many, as docs/wire-v2.md describes PACK. */
function pack(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = frames.reduce((sum, frame) => sum + LENGTH_BYTES + frame.byteLength, HEADER_BYTES);
  const message = new Uint8Array(bytes);
  const view = new DataView(message.buffer);
  message[0] = FrameTypeV2.pack;
  let at = HEADER_BYTES;
  for (const frame of frames) {
    view.setUint32(at, frame.byteLength);
    message.set(frame, at + LENGTH_BYTES);
    at += LENGTH_BYTES + frame.byteLength;
  }
  return message;
}

const fill = (frame: Uint8Array, bytes: number) =>
  Array.from({ length: Math.floor(bytes / (frame.byteLength + LENGTH_BYTES)) }, () => frame);

const manyFrames: [what: string, frame: Uint8Array, reason: string][] = [
  [
    "changes to its offer",
    encodeJson("status", 0, { max_parallel: 1 }),
    "Too many changes of the offer within a minute",
  ],
  [
    "frames that no gateway knows",
    new Uint8Array([99, 0, 0, 0, 0, 0, 0, 0]),
    TOO_MUCH,
  ],
];

for (const [what, frame, reason] of manyFrames) {
  test(`a node of a thousand models that packs a megabyte of ${what} loses its link`, async () => {
    const node = await joinRawNodeV2({
      gateway,
      owner: attacker,
      models: Array.from({ length: 1000 }, (_, i) => `changing-${i}`),
      capabilities: { endpoints: [...everyEndpoint] },
    });
    const message = pack(fill(frame, MIB - HEADER_BYTES));
    const seen = await whileWatched(gateway, bystander, async () => {
      for (let i = 0; i < 10; i++) node.socket.send(message);
      expect(await node.closed).toEqual({ code: CloseCode.protocol, reason });
    });
    expectServed(seen);
  }, 180_000);
}

test("a node that pings without end loses its link", async () => {
  const node = await joinRawNodeV2({ gateway, owner: attacker, models: ["pinging-model"] });
  const seen = await whileWatched(gateway, bystander, async () => {
    // The runtime's client has it beside the standard's methods.
    const socket = node.socket as WebSocket & { ping(): void };
    for (let i = 0; i < 50_000; i++) socket.ping();
    const reason = "Too many pings within a minute";
    expect(await node.closed).toEqual({ code: CloseCode.protocol, reason });
  });
  expectServed(seen);
}, 180_000);

test("an account's nodes offer no more models together than its budget", async () => {
  const hoarder = await createAccount(gateway);
  const models = Array.from({ length: 1000 }, (_, i) => `${"n".repeat(190)}-${i}`);
  const seen = await whileWatched(gateway, bystander, async () => {
    const links = await Promise.all(Array.from({ length: 12 }, (_, i) => {
      const register = { max_parallel: 1, models, node_id: `hoarder-${i}` };
      return connectRawNode({ gateway, token: hoarder.clientToken, register });
    }));
    const ended: number[] = [];
    for (const link of links) void link.closed.then(({ code }) => void ended.push(code));
    await until("the links beyond the budget have ended", () => ended.length >= 3);
    expect(ended).toEqual([CloseCode.protocol, CloseCode.protocol, CloseCode.protocol]);
    await Promise.all(links.map((link) => link.close()));
  });
  expectServed(seen);
}, 180_000);

test("the lists of models of an account that offers thousands block no one", async () => {
  const hoarder = await createAccount(gateway);
  const links = await Promise.all(Array.from({ length: 9 }, (_, i) => {
    // The same 1000 at the first eight nodes, and others at the last.
    const models = Array.from({ length: 1000 }, (_, j) => `${"n".repeat(180)}-${i >> 3}-${j}`);
    const register = { max_parallel: 1, models, node_id: `hoarder-${i}` };
    return connectRawNode({ gateway, token: hoarder.clientToken, register });
  }));
  const { json } = await until("all are listed", async () => {
    const list = await ask<{ data: unknown[] }>(`${gateway.url}/v1/models`, {
      token: attacker.apiToken,
    });
    return list.json.data.length > 2000 && list;
  });
  expect(json.data).toContainEqual(expect.objectContaining({ id: "bystanders-model" }));
  const seen = await whileWatched(gateway, bystander, async () => {
    for (let i = 0; i < 10; i++) {
      const lists = await Promise.all([
        ask(`${gateway.url}/v1/models`, { token: attacker.apiToken }),
        ask(`${gateway.url}/api/models`, { token: attacker.jwt }),
      ]);
      expect(lists.map(({ status }) => status)).toEqual([200, 200]);
    }
  });
  await Promise.all(links.map((link) => link.close()));
  expectServed(seen);
}, 180_000);

test(
  "a chunk of a v1 node that ends its choices again and again costs no more than a chunk",
  async () => {
    const node = await joinNode({ gateway, owner: attacker, models: ["choices"] });
    const leave = new AbortController();
    const seen = await whileWatched(gateway, bystander, async () => {
      const body = { ...hello("choices"), stream: true, n: 128, padding: "x".repeat(8 * MIB) };
      const call = chat(gateway, attacker.apiToken, body, { signal: leave.signal }).catch(() => {});
      const request_id = await node.called();
      const choices = Array.from({ length: 500 }, () => ({ index: 0, finish_reason: "stop" }));
      node.raw.send({ type: "STREAM", data: { request_id, chunk: { choices } } });
      node.raw.send({ type: "FINISH", data: { request_id } });
      await call;
    });
    // The rest is the body's way through the gateway, once.
    expectServed(seen, 320);
  },
  180_000,
);

test("hundreds of links that claim to be one node cost what as many nodes cost", async () => {
  const links = 1500;
  const node_id = crypto.randomUUID();
  const register = { max_parallel: 1, models: ["twin"], node_id, name: "twin" };
  const seen = await whileWatched(gateway, bystander, async () => {
    for (let i = 0; i < links; i += 20) {
      const some = await Promise.all(
        Array.from(
          { length: 20 },
          () => connectRawNode({ gateway, token: attacker.clientToken, register }),
        ),
      );
      // A node that is called has been registered before.
      expect(some).toHaveLength(20);
    }
  });
  expectServed(seen);
  // A question to every twin for each newcomer took as long again.
  expect(seen.cpuSeconds).toBeLessThan(4);
}, 180_000);

test("a piece of an answer keeps no more of its message in memory than itself", async () => {
  const calls = 8;
  const node = await joinRawNodeV2({
    gateway,
    owner: attacker,
    models: ["pinning"],
    maxParallel: calls,
  });
  // A sign of life with a long member that no gateway knows.
  const padding = fill(encodeJson("status", 0, { x: "x".repeat(250_000) } as never), MIB - 8192);
  const leave = new AbortController();
  const seen = await whileWatched(gateway, bystander, async () => {
    const answers = Array.from(
      { length: calls },
      () =>
        chat(gateway, attacker.apiToken, hello("pinning"), { signal: leave.signal }).catch(
          () => {},
        ),
    );
    for (let i = 0; i < calls; i++) {
      const { stream: id } = await node.nextCall();
      node.head(id);
      // As many together as a node may send beside its calls.
      for (let sent = 0; sent < 2; sent++) {
        node.socket.send(pack([streamFrame(id, new Uint8Array(4096).fill(0x20)), ...padding]));
      }
      await until("it is taken", () => node.socket.bufferedAmount === 0);
    }
    expect(node.socket.readyState).toBe(WebSocket.OPEN);
    for (let sent = 0; sent < 4; sent++) node.socket.send(pack(padding));
    expect(await node.closed).toEqual({ code: CloseCode.protocol, reason: TOO_MUCH });
    leave.abort();
    await Promise.all(answers);
  });
  expectServed(seen);
}, 180_000);

function streamFrame(id: number, bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + bytes.byteLength);
  frame[0] = FrameTypeV2.stream;
  new DataView(frame.buffer).setUint32(4, id);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/** A v1 node by hand, which fragments its messages as no WebSocket of the runtime does. */
async function fragmentingNode({ clientToken }: Account) {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  endAfterTests(() => void socket.destroy());
  // It is cut while it writes.
  socket.on("error", () => {});
  socket.write(
    `GET /ws HTTP/1.1\r\nhost: co-link\r\nclient-token: ${clientToken}\r\n` +
      "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
      "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  expect(String((await once(socket, "data"))[0])).toStartWith("HTTP/1.1 101");
  socket.resume();
  /** Resolves once it is written, or the link has ended. */
  const send = (opcode: number, payload: Uint8Array) => {
    // The length of 8 bytes, and a mask of zeros that changes nothing.
    const head = Buffer.from([opcode, 0xff, ...new Array(12).fill(0)]);
    head.writeBigUInt64BE(BigInt(payload.length), 2);
    socket.write(head);
    return new Promise<void>((resolve) => socket.write(payload, () => resolve()));
  };
  const data = { max_parallel: 1, models: ["fragments"] };
  await send(TEXT | FINAL, Buffer.from(JSON.stringify({ type: "REGISTER", data })));
  return { send, isCut: () => socket.closed };
}

test(
  "an account whose links never finish their messages keeps no more memory than its budget",
  async () => {
    const hoarder = await createAccount(gateway);
    const residentMiB = async () =>
      (await Reading.of(gateway)).value("process_resident_memory_bytes") / MIB;
    const before = await residentMiB();
    const seen = await whileWatched(gateway, bystander, async () => {
      const nodes = await Promise.all(Array.from({ length: 40 }, () => fragmentingNode(hoarder)));
      const part = Buffer.alloc(MIB, " ");
      for (const { send } of nodes) {
        for (let parts = 0; parts < 7; parts++) await send(parts === 0 ? TEXT : CONTINUATION, part);
      }
      await until("links are cut", () => nodes.some(({ isCut }) => isCut()));
      await until("memory is given back", async () => await residentMiB() < before + 224);
    });
    expect(seen.failures).toEqual([]);
  },
  180_000,
);
