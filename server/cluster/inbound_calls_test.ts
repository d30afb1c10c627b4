/** A peer's calls on nodes here: bodies that arrive in pieces, their bounds, and the slots they lease. */

import { beforeEach, describe, expect, test } from "bun:test";
import { decodeV2, Endpoint, type FrameV2 } from "../../protocol/mod.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import { Hub } from "../node/hub.ts";
import { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import { Lease } from "../schedule/lease.ts";
import { InboundCalls } from "./inbound_calls.ts";
import type { PeerCallHead } from "./outbound_calls.ts";

const MAX_BODY_BYTES = 100_000_000;
const MAX_ARRIVING_BYTES = 256 * 1024 * 1024;
const CANCEL_GRACE_MS = 1_000;

let clock: FakeClock;
let node: Node;
let frames: FrameV2[];
/** What the node was sent. */
let started: { order: Order; sink: AttemptSink; cancelled: number; consumed: number }[];
let leased: { nodeId: string; service: Service & { accountId: string }; grant: number | null }[];
let freed: number;
let hasSlot: boolean;
let calls: InboundCalls;

beforeEach(() => {
  clock = new FakeClock();
  [frames, started, leased] = [[], [], []];
  [freed, hasSlot] = [0, true];
  const connection = {
    start(order: Order, sink: AttemptSink): RunningAttempt {
      const attempt = { order, sink, cancelled: 0, consumed: 0 };
      started.push(attempt);
      return {
        tally: () => ({ promptTokens: 1, completionTokens: 2, estimated: false, chunks: 1 }),
        consumed: (bytes) => void (attempt.consumed += bytes),
        cancel: () => void attempt.cancelled++,
        forget() {},
      };
    },
    close() {},
  };
  const who = { publicId: "n", nodeKey: "key/n", accountId: "owner", keyId: "key" };
  node = new Node(who, { name: "n", agent: null, maxParallel: 9, models: ["m"] }, connection, 0);
  const hub = new Hub();
  calls = new InboundCalls({
    clock,
    send(frame) {
      const decoded = decodeV2(frame);
      if (decoded.kind === "frame") frames.push(decoded.frame);
    },
    lease(nodeId, service, grant) {
      leased.push({ nodeId, service, grant });
      if (!hasSlot) return null;
      hub.use(node, 1);
      return new Lease(node, service, () => hub.use(node, -1));
    },
    onFreed: (lease) => {
      expect(lease.node).toBe(node);
      freed++;
    },
  }, {
    maxBodyBytes: MAX_BODY_BYTES,
    maxFrameBytes: 1_000,
    maxBufferedBytes: 1_000,
    cancelGraceMs: CANCEL_GRACE_MS,
  });
});

const head: PeerCallHead = {
  id: "try",
  endpoint: Endpoint.chat,
  model: "m",
  stream: true,
  hide_usage: false,
  body_bytes: 0,
  node: "n",
  window_bytes: 1_000,
};

function call(stream: number, bodyBytes: number, first = "", more: Partial<PeerCallHead> = {}) {
  const data = { ...head, body_bytes: bodyBytes, ...more };
  calls.read({ type: "call", stream, data, bytes: Buffer.from(first) });
}

function body(stream: number, text: string): void {
  calls.read({ type: "body", stream, bytes: Buffer.from(text) });
}

function cancel(stream: number): void {
  calls.read({ type: "cancel", stream });
}

/** The errors sent, by stream and code. */
function errors(): string[] {
  return frames.flatMap((frame) =>
    frame.type === "error" ? [`${frame.stream} ${frame.data.code} ${frame.data.busy ?? false}`] : []
  );
}

describe("a peer's call", () => {
  test("starts when its body has arrived whole, in whatever pieces", () => {
    call(1, 7, "abc");
    body(1, "de");
    expect([started.length, leased.length, calls.size]).toEqual([0, 0, 1]);
    body(1, "fg");
    expect(started.map(({ order }) => order.body.text)).toEqual(["abcdefg"]);
    expect(calls.size).toBe(1);
    call(2, 3, "xyz");
    call(3, 0);
    expect(started.map(({ order }) => order.body.text)).toEqual(["abcdefg", "xyz", ""]);
    expect(Buffer.from(started[0]!.order.body.bytes).toString()).toBe("abcdefg");
  });

  test("reaches the node as the caller has sent it", () => {
    const headers = { "anthropic-version": "1" };
    const stream_options = { include_usage: true };
    call(1, 0, "", { id: "a", headers, stream_options, hide_usage: true, stream: false });
    call(2, 0, "", { id: "b", endpoint: Endpoint.messages, model: "x", grant: 7, account: "ann" });
    expect(started[0]?.order).toMatchObject({
      attemptId: "a",
      endpoint: Endpoint.chat,
      headers,
      model: "m",
      stream: false,
      wantsUsage: false,
      streamOptions: stream_options,
    });
    expect(started[1]?.order).toMatchObject({
      attemptId: "b",
      headers: null,
      stream: true,
      wantsUsage: true,
      streamOptions: null,
    });
    expect(leased).toEqual([
      { nodeId: "n", service: { model: "m", endpoint: Endpoint.chat, accountId: "" }, grant: null },
      {
        nodeId: "n",
        service: { model: "x", endpoint: Endpoint.messages, accountId: "ann" },
        grant: 7,
      },
    ]);
  });

  test("is answered as busy where no slot is free", () => {
    hasSlot = false;
    call(5, 0);
    expect(errors()).toEqual(["5 503 true"]);
    expect([calls.size, freed]).toEqual([0, 0]);
  });

  test("is answered, and its slot is released once", () => {
    call(1, 0);
    expect(node.active).toBe(1);
    started[0]?.sink.data("hello");
    started[0]?.sink.finish();
    expect(frames.map(({ type }) => type)).toEqual(["head", "stream", "finish"]);
    expect([node.active, freed, calls.size]).toEqual([0, 1, 0]);
    cancel(1);
    calls.cancelAll();
    expect([freed, started[0]?.cancelled]).toEqual([1, 0]);
  });

  test("sends no more than it was granted until it gets more", () => {
    call(1, 0, "", { window_bytes: 3 });
    started[0]?.sink.data("hello");
    started[0]?.sink.finish();
    expect(frames.map(({ type }) => type)).toEqual(["head", "stream"]);
    expect(calls.size).toBe(1);
    calls.read({ type: "credit", stream: 9, bytes: 5 });
    calls.read({ type: "credit", stream: 1, bytes: 5 });
    expect(frames.map(({ type }) => type)).toEqual(["head", "stream", "stream", "finish"]);
    expect(calls.size).toBe(0);
  });

  test("passes credit on to the node", () => {
    call(1, 0);
    calls.read({ type: "credit", stream: 1, bytes: 50 });
    expect(started[0]?.consumed).toBe(50);
  });
});

describe("a call that the peer cancels", () => {
  test("is stopped at its node, and its slot is held until the node confirms", () => {
    call(1, 0);
    cancel(1);
    expect([started[0]?.cancelled, node.active]).toEqual([1, 1]);
    started[0]?.sink.fail({ kind: "refused", error: { code: 499, message: "Stopped" } });
    expect([node.active, freed, calls.size]).toEqual([0, 1, 0]);
    expect(errors()).toEqual(["1 499 false"]);
  });

  test("while its body arrives is confirmed at once, and its pieces that still come are dropped", () => {
    call(1, 6, "abc");
    cancel(1);
    expect(errors()).toEqual(["1 499 false"]);
    body(1, "def");
    cancel(1);
    expect([started.length, leased.length, calls.size]).toEqual([0, 0, 0]);
    expect(frames).toHaveLength(1);
  });

  test("because the link has ended stops all of them, also those that still arrive", async () => {
    call(1, 0);
    call(2, 0);
    call(3, 6, "abc");
    calls.cancelAll();
    expect(started.map(({ cancelled }) => cancelled)).toEqual([1, 1]);
    expect(calls.size).toBe(2);
    await clock.pass(CANCEL_GRACE_MS);
    expect([node.active, freed, calls.size]).toEqual([0, 2, 0]);
  });
});

describe("the bodies of a peer", () => {
  test("may be as long as this gateway takes, and no longer", () => {
    call(1, MAX_BODY_BYTES, "a");
    expect(frames).toEqual([]);
    call(2, MAX_BODY_BYTES + 1, "a");
    expect(errors()).toEqual(["2 413 false"]);
    body(2, "b");
    expect(calls.size).toBe(1);
  });

  test("that arrive at the same time may be 256 MiB together, and no more", () => {
    const rest = MAX_ARRIVING_BYTES - 2 * MAX_BODY_BYTES;
    call(1, MAX_BODY_BYTES, "a");
    call(2, MAX_BODY_BYTES, "a");
    call(3, rest + 1, "a");
    expect(errors()).toEqual(["3 503 true"]);
    call(4, rest, "a");
    expect(errors()).toHaveLength(1);
    call(5, 1);
    expect(errors()).toEqual(["3 503 true", "5 503 true"]);
  });

  test("count no longer once they have arrived, or were cancelled, however often", () => {
    for (let stream = 1; stream <= 10_000; stream++) {
      call(stream, MAX_BODY_BYTES, "a");
      cancel(stream);
      call(stream + 20_000, 3, "ab");
      body(stream + 20_000, "c");
    }
    call(50_000, MAX_BODY_BYTES, "a");
    call(50_001, MAX_BODY_BYTES, "a");
    call(50_002, MAX_ARRIVING_BYTES - 2 * MAX_BODY_BYTES, "a");
    expect(errors().filter((error) => error.endsWith("true"))).toEqual([]);
    expect(started).toHaveLength(10_000);
    call(50_003, 1);
    expect(errors().at(-1)).toBe("50003 503 true");
  });

  test("that are refused do not count", () => {
    for (let stream = 1; stream <= 10; stream++) call(stream, MAX_BODY_BYTES + 1);
    hasSlot = false;
    for (let stream = 11; stream <= 20; stream++) call(stream, 0);
    call(30, MAX_BODY_BYTES, "a");
    call(31, MAX_BODY_BYTES, "a");
    expect(errors()).toHaveLength(20);
  });
});
