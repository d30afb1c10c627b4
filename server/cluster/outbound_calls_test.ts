/** This gateway's calls on a peer's nodes: how long bodies travel on the link that they share. */

import { beforeEach, expect, test } from "bun:test";
import { decodeV2, Endpoint, type FrameV2 } from "../../protocol/mod.ts";
import type { AttemptSink, Order } from "../node/attempt.ts";
import type { LinkOwner, Socket } from "../node/link.ts";
import { OutboundCalls } from "./outbound_calls.ts";

const MIB = 1024 * 1024;

const sink: AttemptSink = { head() {}, data() {}, finish() {}, fail() {} };
const owner = { noticed() {}, failed() {}, changed() {} } as unknown as LinkOwner;

let sent: FrameV2[];
let pings: string[];
let calls: OutboundCalls;

beforeEach(() => {
  [sent, pings] = [[], []];
  const socket: Socket = {
    send(message) {
      const decoded = decodeV2(Uint8Array.from(message as Uint8Array));
      if (decoded.kind === "frame") sent.push(decoded.frame);
      return message.length;
    },
    ping: (text = "") => void pings.push(text),
    close() {},
    terminate() {},
    getBufferedAmount: () => 0,
  };
  calls = new OutboundCalls(socket, owner, () => 0, { maxBufferedBytes: MIB });
});

function orderOf(bodyBytes: number): Order {
  return {
    attemptId: "try",
    endpoint: Endpoint.chat,
    model: "m",
    body: { bytes: new Uint8Array(bodyBytes), text: "" },
    stream: true,
    wantsUsage: true,
    streamOptions: null,
    headers: null,
  };
}

function start(bodyBytes: number) {
  return calls.startOn("node", null, orderOf(bodyBytes), sink);
}

function sentBytes(): number {
  return sent.reduce((sum, frame) => {
    return frame.type === "call" || frame.type === "body" ? sum + frame.bytes.byteLength : sum;
  }, 0);
}

test("a long body goes as it arrives, and what comes after it does not wait for all of it", () => {
  const running = start(20 * MIB);
  expect(sentBytes()).toBeLessThan(3 * MIB);
  start(10);
  expect(sent.at(-1)).toMatchObject({ type: "call" });
  running?.cancel();
  expect(sent.at(-1)).toMatchObject({ type: "cancel" });
  const before = sentBytes();
  calls.ponged(pings.at(-1)!);
  // The other call is the only one that still has a body.
  expect(sentBytes()).toBe(before + 10);
});

test("a body arrives whole, however often the link has to say that it goes on", () => {
  start(20 * MIB);
  for (let pongs = 0; pongs < pings.length; pongs++) calls.ponged(pings[pongs]!);
  expect(sentBytes()).toBe(20 * MIB);
});

test("a peer that has far too much still to come gets no further calls", () => {
  let started = 0;
  while (started < 100 && start(10 * MIB) !== null) started++;
  expect(started).toBeLessThan(10);
  expect(started).toBeGreaterThan(5);
});
