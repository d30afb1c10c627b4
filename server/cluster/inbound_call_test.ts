/** A peer's call on a node here: what the peer hears of it, and when the slot is free. */

import { beforeEach, expect, test } from "bun:test";
import { decodeV2, Endpoint, type FrameV2 } from "../../protocol/mod.ts";
import { Lease } from "../schedule/lease.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import { Node } from "../node/node.ts";
import { InboundCall } from "./inbound_call.ts";

const order: Order = {
  attemptId: "try",
  endpoint: Endpoint.chat,
  model: "m",
  body: { bytes: new Uint8Array(), text: "" },
  stream: true,
  wantsUsage: true,
  streamOptions: null,
  headers: null,
};

const CREDIT = 4;

let node: Node;
let sink: AttemptSink;
let said: FrameV2[];
let ends: number;
let guest: InboundCall;

beforeEach(() => {
  said = [];
  ends = 0;
  const running: RunningAttempt = {
    tally: () => ({ promptTokens: null, completionTokens: null, estimated: false, chunks: 0 }),
    consumed: () => {},
    cancel: () => {},
    forget: () => {},
  };
  const connection = {
    start: (_order: Order, heard: AttemptSink) => {
      sink = heard;
      return running;
    },
    close: () => {},
  };
  const who = { publicId: "n", nodeKey: "key/n", accountId: "owner", keyId: "key" };
  const offer = { name: "n", agent: null, maxParallel: 1, models: ["m"] };
  node = new Node(who, offer, connection, 0);
  const lease = new Lease(node, { model: "m", endpoint: Endpoint.chat }, () => {});
  const parts = {
    clock: new FakeClock(),
    say: (frame: Uint8Array) => {
      const decoded = decodeV2(frame);
      if (decoded.kind === "frame") said.push(decoded.frame);
    },
    onFree: () => {},
    onEnd: () => ends++,
  };
  guest = new InboundCall(7, lease, CREDIT, parts, { cancelGraceMs: 1000, maxFrameBytes: 1000 });
  guest.start(order);
});

const types = () => said.map(({ type }) => type);

test("what exceeds the credit waits for more of it", () => {
  sink.data("abcdef");
  sink.finish();
  expect(types()).toEqual(["head", "stream"]);
  expect(node.active).toBe(0);
  guest.grant(2);
  expect(types()).toEqual(["head", "stream", "stream", "finish"]);
  expect(ends).toBe(1);
});

test("a call that was cancelled without credit ends all the same, whatever the node still sends", () => {
  sink.data("abcdef");
  guest.cancel();
  sink.data("ghi");
  sink.fail({ kind: "refused", error: { code: 499, message: "Stopped" } });
  expect(types()).toEqual(["head", "stream", "error"]);
  expect(ends).toBe(1);
  expect(node.active).toBe(0);
});
