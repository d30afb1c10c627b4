/** A peer's call on a node here: the frames that the peer gets, and when the slot is free. */

import { beforeEach, describe, expect, test } from "bun:test";
import { decodeV2, Endpoint, type FrameV2, MAX_FRAME_BYTES } from "../../protocol/mod.ts";
import { Lease } from "../schedule/lease.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import { ReceivedBody } from "../node/body.ts";
import { Hub } from "../node/hub.ts";
import { Node } from "../node/node.ts";
import { InboundCall } from "./inbound_call.ts";
import { decodePeerMessage, isPeerMessage, type PeerMessage } from "./peer_message.ts";

const order: Order = {
  attemptId: "try",
  endpoint: Endpoint.chat,
  model: "m",
  body: new ReceivedBody(new Uint8Array()),
  stream: true,
  wantsUsage: true,
  streamOptions: null,
  choices: 1,
  headers: null,
};

const CREDIT = 4;
const CANCEL_GRACE_MS = 1000;
const MAX_KEPT_BYTES = 1000;

let clock: FakeClock;
let node: Node;
let sink: AttemptSink;
let frames: FrameV2[];
let messages: PeerMessage[];
/** What happened outside of the frames, in order. */
let events: string[];
let call: InboundCall;

function start(credit = CREDIT, takesCalls = true): InboundCall {
  const running: RunningAttempt = {
    tally: () => ({ promptTokens: 3, completionTokens: 4, estimated: true, chunks: 1 }),
    consumed: (bytes) => void events.push(`consumed ${bytes}`),
    cancel: () => void events.push("cancelled"),
    forget: () => void events.push("forgotten"),
  };
  const connection = {
    start: (_order: Order, attemptSink: AttemptSink) => {
      sink = attemptSink;
      return takesCalls ? running : null;
    },
    close: () => {},
  };
  const who = { publicId: "n", nodeKey: "key/n", accountId: "owner", keyId: "key" };
  const offer = { name: "n", agent: null, maxParallel: 1, models: ["m"] };
  const hub = new Hub();
  node = new Node(who, offer, connection, 0);
  hub.use(node, 1);
  const lease = new Lease(node, { model: "m", endpoint: Endpoint.chat }, () => hub.use(node, -1));
  const parts = {
    clock,
    send: (frame: Uint8Array) => {
      if (isPeerMessage(frame)) messages.push(decodePeerMessage(frame));
      const decoded = decodeV2(frame);
      if (decoded.kind === "frame") frames.push(decoded.frame);
    },
    onFree: () => void events.push("freed"),
    onEnd: () => void events.push("ended"),
  };
  const times = { cancelGraceMs: CANCEL_GRACE_MS, maxFrameBytes: MAX_KEPT_BYTES };
  const made = new InboundCall(7, lease, credit, parts, times);
  made.start(order);
  return made;
}

beforeEach(() => {
  [frames, messages, events, clock] = [[], [], [], new FakeClock()];
  call = start();
});

const types = () => frames.map(({ type }) => type);
const refused = (error: { code: number; message: string }): AttemptFailure => ({
  kind: "refused",
  error,
});

describe("the answer to a peer", () => {
  test("begins when the node's does, with its headers, and carries its tally", async () => {
    sink.head({ "x-ratelimit-limit-tokens": "5" });
    expect(frames).toMatchObject([
      { type: "head", data: { status: 200, headers: { "x-ratelimit-limit-tokens": "5" } } },
    ]);
    await clock.pass(20);
    sink.data("ab");
    sink.finish();
    expect(frames.slice(1)).toMatchObject([
      { type: "stream", stream: 7 },
      {
        type: "finish",
        stream: 7,
        data: { prompt_tokens: 3, completion_tokens: 4, estimated: true, total_ms: 20 },
      },
    ]);
    expect(events).toEqual(["ended", "freed"]);
    expect(node.active).toBe(0);
  });

  test("waits for more credit where it exceeds it, while the slot is free already", () => {
    sink.data("abcdef");
    sink.finish();
    expect(types()).toEqual(["head", "stream"]);
    expect(node.active).toBe(0);
    call.grant(2);
    expect(types()).toEqual(["head", "stream", "stream", "finish"]);
    expect(events).toEqual(["freed", "ended"]);
  });

  test("is asked of the node as the peer's caller reads it", () => {
    call.grant(2);
    expect(events).toEqual(["consumed 2"]);
  });

  test("is split into frames of the size that every gateway takes", () => {
    call = start(3 * MAX_FRAME_BYTES);
    sink.data(new Uint8Array(2 * MAX_FRAME_BYTES));
    expect(types()).toEqual(["head", "stream", "stream", "stream"]);
  });

  test("is given up where more of it waits than may be kept, which only wire v1 makes happen", () => {
    sink.data(new Uint8Array(CREDIT));
    sink.data(new Uint8Array(MAX_KEPT_BYTES));
    expect(types()).toEqual(["head", "stream"]);
    sink.data(new Uint8Array(1));
    expect(types()).toEqual(["head", "stream", "error"]);
    expect(frames.at(-1)).toMatchObject({ data: { code: 502, fault: "gateway" } });
    sink.data(new Uint8Array(1));
    expect(events).toEqual(["ended", "cancelled"]);
    expect(node.active).toBe(1);
    sink.fail(refused({ code: 499, message: "Stopped" }));
    expect(types()).toHaveLength(3);
    expect(node.active).toBe(0);
  });
});

test("answers of one node that wait for callers who do not read are bounded together", () => {
  // As much as its other calls may keep.
  const others = 2 * MAX_KEPT_BYTES - 10;
  node.keep(others);
  sink.data(new Uint8Array(CREDIT));
  sink.data(new Uint8Array(CREDIT + 10));
  expect(node.keptBytes).toBe(others + 10);
  call.grant(CREDIT);
  expect(node.keptBytes).toBe(others + 6);
  sink.data(new Uint8Array(4));
  expect(types()).not.toContain("error");
  sink.data(new Uint8Array(1));
  expect(frames.at(-1)).toMatchObject({ type: "error", data: { code: 502, fault: "gateway" } });
  // What waited was discarded, and counts no longer.
  expect(node.keptBytes).toBe(others);
});

describe("a refusal for a peer", () => {
  test("with the upstream's own body is an answer with its status", () => {
    sink.fail({ kind: "answered", status: 400, headers: { a: "b" }, body: "no" });
    expect(types()).toEqual(["head", "stream", "finish"]);
    expect(frames[0]).toMatchObject({ data: { status: 400, headers: { a: "b" } } });
    expect(node.active).toBe(0);
  });

  test("without a body is head and end alone", () => {
    sink.fail({ kind: "answered", status: 400, headers: {}, body: "" });
    expect(types()).toEqual(["head", "finish"]);
  });

  test("in the middle of an answer is an error: a second head would break the protocol", () => {
    sink.data("a");
    sink.fail({ kind: "answered", status: 429, headers: {}, body: "later" });
    expect(types()).toEqual(["head", "stream", "error"]);
    expect(frames.at(-1)).toMatchObject({ data: { code: 429 } });
  });

  test("with an error object in wire v1 is an answer, patience and all", () => {
    const error = { code: 429, message: "later", retry_after_ms: 5, error: { message: "slow" } };
    call = start(1000);
    sink.fail({ kind: "refused", error });
    const [head, body, last] = frames;
    expect(head).toMatchObject({
      type: "head",
      data: { status: 429, headers: { "retry-after-ms": "5" } },
    });
    const text = body?.type === "stream" ? new TextDecoder().decode(body.bytes) : "";
    expect(JSON.parse(text)).toEqual({ error: { message: "slow" } });
    expect(last?.type).toBe("finish");
  });

  test.each([399, 499])("with status %d is an error even where it brings an object", (code) => {
    sink.fail({ kind: "refused", error: { code, message: "no", error: { message: "no" } } });
    expect(types()).toEqual(["error"]);
  });

  test.each([400, 498])("with status %d is an answer where it brings an object", (code) => {
    sink.fail({ kind: "refused", error: { code, message: "no", error: { message: "no" } } });
    expect(frames[0]).toMatchObject({ type: "head", data: { status: code } });
  });

  test("passes on the kind that the node has named, and then no answer", () => {
    const error = {
      code: 404,
      message: "no",
      kind: "offer_withdrawn" as const,
      error: { message: "no" },
    };
    sink.fail({ kind: "refused", error });
    expect(frames).toMatchObject([{ type: "error", data: error }]);
  });

  test("says whether the node was busy, and when trying again makes sense", () => {
    sink.fail({ kind: "refused", error: { code: 503, message: "BUSY: full", retry_after_ms: 5 } });
    expect(frames).toMatchObject([
      { data: { code: 503, message: "BUSY: full", busy: true, retry_after_ms: 5 } },
    ]);
  });

  test.each([99, 600, 400.5])("with the code %d is the node's breach of the protocol", (code) => {
    sink.fail(refused({ code, message: "?" }));
    expect(frames).toMatchObject([{ data: { code: 502, fault: "protocol" } }]);
  });

  test.each([100, 599])("with the code %d is the node's own error", (code) => {
    sink.fail(refused({ code, message: "?" }));
    expect(frames).toMatchObject([{ data: { code, message: "?" } }]);
  });

  test("says who failed where the node itself could not", () => {
    for (
      const [kind, fault] of [["lost", "lost"], ["protocol", "protocol"], [
        "gateway lost",
        "gateway",
      ]] as const
    ) {
      call = start();
      sink.fail({ kind, reason: "gone" });
      expect(frames.at(-1)).toMatchObject({ data: { code: 502, message: "gone", fault } });
    }
  });

  test("that the node takes no call now is busy, and leaves the slot free", () => {
    call = start(CREDIT, false);
    expect(frames).toMatchObject([{ type: "error", data: { code: 503, busy: true } }]);
    expect(node.active).toBe(0);
  });
});

test("a peer learns that the link of its call's node is lost, and that it is back", () => {
  sink.data("ab");
  sink.suspended?.();
  sink.resumed?.();
  expect(messages).toEqual([{ is: "suspended", stream: 7 }, { is: "resumed", stream: 7 }]);
  expect(types()).toEqual(["head", "stream"]);
  expect(events).toEqual([]);
});

describe("a peer's call that is cancelled", () => {
  test("ends without credit, whatever the node still sends", () => {
    sink.data("abcdef");
    call.cancel();
    sink.data("ghi");
    sink.fail(refused({ code: 499, message: "Stopped" }));
    expect(types()).toEqual(["head", "stream", "error"]);
    expect(events).toEqual(["cancelled", "ended", "freed"]);
    expect(node.active).toBe(0);
  });

  test("still reports what a node produced that finishes all the same", () => {
    call.cancel();
    sink.data("whole");
    sink.finish();
    expect(types()).toEqual(["head", "finish"]);
    expect(frames.at(-1)).toMatchObject({ data: { completion_tokens: 4 } });
  });

  test("keeps its slot until the node confirms, or until the grace period is over", async () => {
    call.cancel();
    await clock.pass(CANCEL_GRACE_MS - 1);
    expect([node.active, types()]).toEqual([1, []]);
    await clock.pass(1);
    expect(frames).toMatchObject([{ type: "error", data: { code: 499 } }]);
    expect(events).toEqual(["cancelled", "forgotten", "ended", "freed"]);
    expect(node.active).toBe(0);
  });

  test("twice is given the grace period once, from the second time on", async () => {
    call.cancel();
    await clock.pass(CANCEL_GRACE_MS - 1);
    call.cancel();
    await clock.pass(CANCEL_GRACE_MS - 1);
    expect(node.active).toBe(1);
    await clock.pass(1);
    expect(events.filter((event) => event === "freed")).toHaveLength(1);
  });

  test("that has confirmed is not given up again when the grace period ends", async () => {
    call.cancel();
    sink.fail(refused({ code: 499, message: "Stopped" }));
    await clock.pass(CANCEL_GRACE_MS);
    expect(events).toEqual(["cancelled", "ended", "freed"]);
  });

  test("after its end lets the frames go that waited for credit", () => {
    sink.data("abcdef");
    sink.finish();
    call.cancel();
    expect(types()).toEqual(["head", "stream", "finish"]);
    expect(events).toEqual(["freed", "ended"]);
  });
});
