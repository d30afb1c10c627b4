/** Flow control through real processes: a slow caller slows down its own call only, and no node can send more than it was granted. */

import { beforeAll, describe, expect, test } from "bun:test";
import { CloseCode } from "../../protocol/close_codes.ts";
import { MIN_PIECE_BYTES } from "../../protocol/limits.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { joinBystander, whileWatched } from "../harness/bystander.ts";
import { ending, piece, whole } from "../harness/chunks.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { memoryOf } from "../harness/metrics.ts";
import { ledgerRows } from "../harness/ledger.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { dial, type RawHttp, wholeCall } from "../harness/raw_http.ts";
import { joinRawNodeV2, type RawNodeV2 } from "../harness/raw_node_v2.ts";
import { type Behaviour, echo, startUpstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

const MIB = 1024 * 1024;
const WINDOW_BYTES = 256 * 1024;

/**
 * What the kernel holds between upstream and node and between gateway and caller, beyond the window.
 * The buffer of a socket whose reader is slow grows to tcp_rmem's last value, often 32 MiB.
 */
const SYSTEM_BUFFERS_BYTES = 40 * MIB;

/** Callers that stop reading at the same time; the soak test uses more. */
const STALLED_CALLERS = Number(process.env.COLINK_TEST_STALLED_CALLERS ?? 100);

/** All of them begin at the same time, and pour megabytes through this process: on a busy machine the last one waits. */
const BEGINNING_WITHIN_MS = 40_000 + 100 * STALLED_CALLERS;

const PADDING = "x".repeat(16 * 1024);

let gateway: Gateway;
let owner: Account;

beforeAll(async () => {
  gateway = await startGateway({
    // No call here may end because of its stall.
    env: { COLINK_STALL_SECONDS: "600", COLINK_CALLER_IDLE_SECONDS: "255" },
  });
  owner = await createAccount(gateway);
}, 180_000);

/** Streams so many pieces of 16 KiB, as fast as they are read. */
function pour(pieces: number): { behaviour: Behaviour; poured: { bytes: number } } {
  const poured = { bytes: 0 };
  const encoder = new TextEncoder();
  const behaviour: Behaviour = () => {
    let next = 0;
    const body = new ReadableStream({
      pull(controller) {
        const chunk = next < pieces ? JSON.stringify(piece(`${next} ${PADDING}`)) : null;
        const text = chunk ?? `${JSON.stringify(ending())}\n\ndata: [DONE]`;
        const bytes = encoder.encode(`data: ${text}\n\n`);
        poured.bytes += bytes.byteLength;
        controller.enqueue(bytes);
        if (next++ === pieces) controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  return { behaviour, poured };
}

async function startRealNode(models: Record<string, Behaviour>, maxParallel: number) {
  const upstream = startUpstream(models);
  const node = await startNode({
    gateway,
    clientToken: owner.clientToken,
    maxParallel,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: upstream.url,
      models: Object.keys(models).map((model) => ({ local: model, server_mapping: model })),
    }],
  });
  return { upstream, node };
}

/** A caller that has read the beginning of a stream and stopped reading. */
async function stalledCaller(model: string): Promise<RawHttp> {
  const caller = await dial(gateway);
  caller.write(wholeCall(owner.apiToken, hello(model, { stream: true })));
  await until(
    "the caller has the beginning",
    () => caller.received.includes("data: "),
    BEGINNING_WITHIN_MS,
  );
  caller.pause();
  return caller;
}

/** Resolves with a count once it has not changed for a while. */
async function settled(what: string, count: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  await until(`${what} has stopped`, () => {
    same = count() === last ? same + 1 : 0;
    last = count();
    return same >= 30;
  });
  return last;
}

/** The texts of a stream's complete pieces. */
function saidIn(received: string): string[] {
  return received.slice(received.indexOf("\r\n\r\n") + 4)
    .replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, "")
    .split("\n\n")
    .filter((event) => event.startsWith("data: {"))
    .map((event) => JSON.parse(event.slice("data: ".length)).choices[0].delta.content ?? "");
}

describe("a caller that stops reading", () => {
  const PIECES = 64 * MIB / PADDING.length;

  test("stops its node's upstream, and gets every byte in order when it reads on", async () => {
    const { behaviour, poured } = pour(PIECES);
    await startRealNode({ poured: behaviour, "beside-it": echo({ chunks: 300 }) }, 2);
    const caller = await stalledCaller("poured");
    const stoppedAt = await settled("the upstream", () => poured.bytes);
    expect(stoppedAt).toBeLessThan(SYSTEM_BUFFERS_BYTES + WINDOW_BYTES);

    // Another stream over the same node and link.
    const { events } = await stream(gateway, owner.apiToken, hello("beside-it"));
    expect((await Array.fromAsync(events)).at(-1)).toBe("[DONE]");
    // Beside what was still on its way.
    expect(poured.bytes).toBeLessThan(SYSTEM_BUFFERS_BYTES + WINDOW_BYTES);

    caller.resume();
    await until(
      "the stream is complete",
      () => caller.received.endsWith("[DONE]\n\n\r\n0\r\n\r\n"),
      180_000,
    );
    const said = saidIn(caller.received);
    expect(said).toHaveLength(PIECES + 1);
    expect(said.findIndex((text, i) => text !== `${i} ${PADDING}`)).toBe(PIECES);
    expect(await ledgerRows(gateway, "poured")).toMatchObject([{ outcome: "ok" }]);
  }, 180_000);

  test("does not disturb other streams, even with a hundred such callers", async () => {
    // More than the system's buffers hold for one caller.
    const { behaviour } = pour(8 * MIB / PADDING.length);
    const others = 20;
    await startRealNode(
      { flood: behaviour, paced: echo({ chunks: 50, delayMs: 10 }) },
      STALLED_CALLERS + others,
    );
    const before = await memoryOf(gateway);
    const stalled = await Promise.all(
      Array.from({ length: STALLED_CALLERS }, () => stalledCaller("flood")),
    );
    const streams = await Promise.all(Array.from({ length: others }, async () => {
      const { events } = await stream(gateway, owner.apiToken, hello("paced"));
      return await Array.fromAsync(events);
    }));
    for (const events of streams) {
      expect(events.at(-1)).toBe("[DONE]");
      expect(saidIn(`\r\n\r\n${events.map((data) => `data: ${data}\n\n`).join("")}`).join(""))
        .toBe(Array.from({ length: 50 }, (_, i) => `hello${i} `).join(""));
    }
    // A stalled call may hold its window, beside what Bun has not yet collected.
    const grownBytes = await memoryOf(gateway) - before;
    expect(grownBytes / STALLED_CALLERS).toBeLessThan(6 * WINDOW_BYTES);
    expect(stalled.every(({ received }) => !received.includes("[DONE]"))).toBe(true);
  }, 180_000);
});

describe("a v2 node that ignores its credit", () => {
  /** Sends 512 MiB as fast as they are read, or until the link ends; resolves with the growth of the gateway's memory. */
  async function flood(node: RawNodeV2, send: () => void): Promise<number> {
    const before = await memoryOf(gateway);
    let most = before;
    for (let sent = 0; sent < 512 && node.socket.readyState === WebSocket.OPEN; sent++) {
      send();
      // A socket that has been closed keeps what it has not sent.
      const isRead = () =>
        node.socket.bufferedAmount < 4 * MIB || node.socket.readyState !== WebSocket.OPEN;
      await until("the frame is read, or the link ends", isRead);
      if (sent % 32 === 0) most = Math.max(most, await memoryOf(gateway));
    }
    return Math.max(most, await memoryOf(gateway)) - before;
  }

  const mebibyte = new Uint8Array(MIB - 8).fill(0x20);

  test("is penalised, and loses its link when it does not stop", async () => {
    const node = await joinRawNodeV2({ gateway, owner, models: ["greedy"] });
    const { response, id } = await calledStream(node, "greedy");
    node.head(id);
    const grown = await flood(node, () => node.send("stream", id, mebibyte));
    expect((await within("the end", node.closed)).code).toBe(CloseCode.protocol);
    expect(grown).toBeLessThan(64 * MIB);
    const { status } = await response;
    expect(status).toBe(502);
    expect(await ledgerRows(gateway, "greedy")).toMatchObject([{ outcome: "node_lost" }]);
    const back = await joinRawNodeV2({ gateway, owner, models: ["greedy"], nodeId: node.nodeId });
    expect(await back.view()).toMatchObject({
      penalized: true,
      penalty_reason: expect.stringContaining("more bytes than it had credit for"),
    });
  });

  test("by one byte is penalised and cancelled, and keeps its link if it stops", async () => {
    const node = await joinRawNodeV2({ gateway, owner, models: ["careless"] });
    const { response, id } = await calledStream(node, "careless");
    node.head(id);
    node.send("stream", id, new Uint8Array(WINDOW_BYTES + 1).fill(0x20));
    expect(await node.next("cancel")).toMatchObject({ stream: id });
    expect((await response).status).toBe(502);
    expect(await node.view()).toMatchObject({ penalized: true, active_tasks: 0 });
  });

  test("cannot fill the gateway with frames of unknown types either", async () => {
    const node = await joinRawNodeV2({ gateway, owner, models: ["chatty"] });
    const unknown = new Uint8Array(MIB);
    unknown[0] = 99;
    for (let i = 0; i < 8; i++) node.socket.send(unknown);
    const answer = chat(gateway, owner.apiToken, hello("chatty"));
    const { stream: id } = await node.nextCall();
    node.head(id);
    node.data(id, JSON.stringify(whole("still here")));
    node.finish(id);
    expect((await answer).text).toContain("still here");
    expect(await flood(node, () => node.socket.send(unknown))).toBeLessThan(64 * MIB);
    expect((await within("the end", node.closed)).code).toBe(CloseCode.protocol);
  });

  test("or sends the shortest pieces that may be many, cannot make the gateway keep a list of them", async () => {
    const node = await joinRawNodeV2({ gateway, owner, models: ["crumbs"] });
    const answer = chat(gateway, owner.apiToken, hello("crumbs"));
    const { stream: id } = await node.nextCall();
    node.head(id);
    const before = await memoryOf(gateway);
    const crumb = new Uint8Array(MIN_PIECE_BYTES + 1).fill(0x20);
    const total = 300_000 * crumb.length;
    let sent = 0;
    const maySend = () => sent + crumb.length <= Math.min(total, WINDOW_BYTES + node.granted(id));
    await until("all bytes are sent", () => {
      for (let i = 0; i < 20_000 && maySend(); i++) {
        node.send("stream", id, crumb);
        sent += crumb.length;
      }
      return sent === total;
    }, 180_000);
    node.data(id, "{}");
    // Kept one by one, each would take over 200 bytes more.
    expect(await memoryOf(gateway) - before).toBeLessThan(48 * MIB);
    node.finish(id);
    expect((await answer).text === " ".repeat(total) + "{}").toBe(true);
  });

  /** A streaming call that the node has received and whose caller reads. */
  async function calledStream(node: RawNodeV2, model: string) {
    const response = chat(gateway, owner.apiToken, hello(model, { stream: true }));
    const { stream: id } = await node.nextCall();
    return { response, id };
  }
});

describe("whole answers that are large", () => {
  const MAX_ANSWER_MB = 8;
  const ACCOUNT_MIB = 16;
  const PART = new Uint8Array(WINDOW_BYTES / 2).fill(0x20);
  let strict: Gateway;
  let attacker: Account;
  let bystander: Account;

  beforeAll(async () => {
    strict = await startGateway({
      env: {
        COLINK_STALL_SECONDS: "600",
        COLINK_CALLER_IDLE_SECONDS: "255",
        COLINK_MAX_ANSWER_MB: String(MAX_ANSWER_MB),
        COLINK_ANSWER_BYTES_PER_ACCOUNT: String(ACCOUNT_MIB * MIB),
        COLINK_DEFAULT_RPM: "10000",
      },
    });
    [attacker, bystander] = [await createAccount(strict), await createAccount(strict)];
    await joinBystander(strict, bystander);
    // Warms the gateway up.
    await whileWatched(strict, bystander, () => Bun.sleep(500));
  }, 180_000);

  /** Begins so many calls; resolves with their streams at the node, which has sent the head and an open string. */
  async function begun(node: RawNodeV2, count: number): Promise<number[]> {
    const ids: number[] = [];
    while (ids.length < count) ids.push((await node.nextCall()).stream);
    for (const id of ids) {
      node.head(id);
      node.data(id, `{"a":"`);
    }
    return ids;
  }

  /** Sends what the gateway grants on each stream until it grants no more and all but `waiting` of them are cancelled. */
  async function push(node: RawNodeV2, ids: readonly number[], waiting: number): Promise<number> {
    const sent = new Map(ids.map((id) => [id, 6]));
    const isCancelled = (id: number) =>
      node.frames.some(({ type, stream }) => type === "cancel" && stream === id);
    let open = [...ids];
    await until("the gateway takes no more", async () => {
      open = open.filter((id) => !isCancelled(id));
      let isIdle = true;
      for (const id of open) {
        const mayBe = WINDOW_BYTES + node.granted(id);
        for (let at = sent.get(id)!; at + PART.length <= mayBe; sent.set(id, at += PART.length)) {
          node.send("stream", id, PART);
          isIdle = false;
        }
      }
      await until("the frames are read", () => node.socket.bufferedAmount < 4 * MIB);
      return open.length <= waiting && isIdle;
    }, 180_000);
    return open.length;
  }

  test("and endless are stopped at the limit, and are never held", async () => {
    const COUNT = 24;
    const node = await joinRawNodeV2({
      gateway: strict,
      owner: attacker,
      models: ["endless"],
      maxParallel: COUNT,
    });
    const outcomes: Promise<string>[] = [];
    const seen = await whileWatched(strict, bystander, async () => {
      for (let i = 0; i < COUNT; i++) {
        const answer = chat(strict, attacker.apiToken, hello("endless"));
        outcomes.push(answer.then(({ text }) => text.slice(-99), () => "cut off"));
      }
      await push(node, await begun(node, COUNT), 0);
    });
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["cut off"]));
    expect(seen.failures).toEqual([]);
    expect(seen.grownMiB).toBeLessThan(192);
    const causes = (await ledgerRows(strict, "endless")).map(({ cause }) => cause);
    expect(new Set(causes)).toEqual(new Set(["answer_too_large"]));
  }, 180_000);

  test("and never read fill their account's budget only", async () => {
    // A window is held for each at least.
    const COUNT = 100;
    const node = await joinRawNodeV2({
      gateway: strict,
      owner: attacker,
      models: ["unread"],
      maxParallel: COUNT,
    });
    const callers: RawHttp[] = [];
    const seen = await whileWatched(strict, bystander, async () => {
      for (let i = 0; i < COUNT; i++) {
        const caller = await dial(strict);
        caller.pause();
        caller.write(wholeCall(attacker.apiToken, hello("unread")));
        callers.push(caller);
      }
      const ids = await begun(node, COUNT);
      await push(node, ids, COUNT - 1);
    });
    expect(seen.failures).toEqual([]);
    expect(seen.grownMiB).toBeLessThan(192);
    const { text } = await ask(`${strict.url}/metrics`);
    expect(text).toMatch(
      /^colink_budget_refusals_total\{budget="answer_bytes_per_account"\} [1-9]/m,
    );
    // Who leaves gives the budget back.
    for (const caller of callers) caller.hangUp();
    await until(
      "nothing is held",
      async () =>
        /^colink_budget_used\{budget="answer_bytes_per_account"\} 0$/m
          .test((await ask(`${strict.url}/metrics`)).text),
    );
  }, 180_000);
});

test(
  "a node whose callers read slowly is not silent, and is not penalised for the wait",
  async () => {
    const hurried = await startGateway({ env: { COLINK_IDLE_SECONDS: "3" } });
    const account = await createAccount(hurried);
    const node = await joinRawNodeV2({ gateway: hurried, owner: account, models: ["patient"] });
    const caller = await dial(hurried);
    caller.write(wholeCall(account.apiToken, hello("patient", { stream: true })));
    const { stream: id } = await node.nextCall();
    node.head(id);
    const event = `data: ${JSON.stringify(piece(PADDING))}\n\n`;
    node.data(id, event);
    await until("the caller has the beginning", () => caller.received.includes("data: "));
    caller.pause();
    let sent = event.length;
    await settled("the caller's end", () => {
      for (; sent + event.length <= WINDOW_BYTES + node.granted(id); sent += event.length) {
        node.data(id, event);
      }
      return sent;
    });
    // Longer than the limit of a node's silence.
    await Bun.sleep(4_000);
    caller.resume();
    node.finish(id);
    await until("the stream is complete", () => caller.received.includes("[DONE]"));
    expect((await listNodes(hurried))[0]?.penalized).toBe(false);
  },
  180_000,
);
