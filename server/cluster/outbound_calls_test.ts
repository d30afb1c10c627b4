/** This gateway's calls on a peer's nodes: what the peer is sent, how failures are judged, and how bodies share the link. */

import { beforeEach, describe, expect, test } from "bun:test";
import { encodeJson, encodeStreamV2, Endpoint, WINDOW_BYTES } from "../../protocol/mod.ts";
import type { AttemptFailure, AttemptSink, Order } from "../node/attempt.ts";
import { ReceivedBody } from "../node/body.ts";
import type { LinkOwner } from "../node/link.ts";
import { OutboundCalls, type PeerFailure } from "./outbound_calls.ts";
import { TestSocket } from "./testing/test_socket.ts";

const MIB = 1024 * 1024;

const owner = { noticed() {}, failed() {}, changed() {} } as unknown as LinkOwner;

let socket: TestSocket;
let failures: AttemptFailure[];
let headers: Readonly<Record<string, string>> | null;
let text: string;
let calls: OutboundCalls;

const sink: AttemptSink = {
  head: (got) => void (headers = got),
  data: (piece) => void (text += Buffer.from(piece as string).toString()),
  finish() {},
  fail: (failure) => void failures.push(failure),
};

/** The socket's closing, which a peer never causes by what it sends late. */
let closed: number;

beforeEach(() => {
  socket = new TestSocket();
  socket.close = () => void closed++;
  [failures, headers, text, closed] = [[], null, "", 0];
  calls = new OutboundCalls(socket, owner, () => 0, { maxBufferedBytes: 2 * MIB });
});

const chat: Order = {
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

function start(bodyBytes = 0, grant: number | null = null, order: Partial<Order> = {}) {
  const body = new ReceivedBody(new Uint8Array(bodyBytes));
  return calls.startOn("node", grant, { ...chat, body, ...order }, sink);
}

function sentBytes(): number {
  return socket.frames().reduce((sum, frame) => {
    return frame.type === "call" || frame.type === "body" ? sum + frame.bytes.byteLength : sum;
  }, 0);
}

const answer = (status: number, names: Record<string, string> = {}) =>
  calls.receive(encodeJson("head", 1, { status, headers: names }));
const fail = (failure: PeerFailure) => calls.receive(encodeJson("error", 1, failure));

describe("a call on a peer's node", () => {
  test("names the node, the window, and what only gateways tell each other", () => {
    start();
    start(0, 7, { streamOptions: { include_usage: true }, headers: { a: "b" }, wantsUsage: false });
    const common = { id: "try", endpoint: Endpoint.chat, model: "m", stream: true, node: "node" };
    expect(socket.frames().map((frame) => frame.type === "call" && frame.data)).toEqual([
      { ...common, hide_usage: false, window_bytes: WINDOW_BYTES, body_bytes: 0 },
      {
        ...common,
        hide_usage: true,
        window_bytes: WINDOW_BYTES,
        body_bytes: 0,
        grant: 7,
        stream_options: { include_usage: true },
        headers: { a: "b" },
      },
    ] as never);
  });

  test("has a window no larger than what this gateway keeps for a caller", () => {
    calls = new OutboundCalls(socket, owner, () => 0, { maxBufferedBytes: 1_000 });
    start();
    expect(socket.frames()).toMatchObject([{ data: { window_bytes: 1_000 } }]);
  });

  test("shows headers under the names that the peer has given them", () => {
    start();
    answer(200, { "retry-after": "9", "x-upstream-request-id": "up-1", "x-request-id": "hidden" });
    expect(headers).toEqual({ "retry-after": "9", "x-upstream-request-id": "up-1" });
  });

  test("fails as its node has failed, or as the peer has lost it", () => {
    const cases: [PeerFailure, AttemptFailure][] = [
      [{ code: 502, message: "x", fault: "lost" }, { kind: "lost", reason: "x" }],
      [{ code: 502, message: "x", fault: "restarted" }, { kind: "restarted", reason: "x" }],
      [{ code: 502, message: "x", fault: "protocol" }, { kind: "protocol", reason: "x" }],
      [{ code: 502, message: "x", fault: "gateway" }, { kind: "gateway lost", reason: "x" }],
      [{ code: 500, message: "x" }, { kind: "refused", error: { code: 500, message: "x" } }],
    ];
    for (const [i, [failure, expected]] of cases.entries()) {
      start();
      calls.receive(encodeJson("error", i + 1, failure));
      expect(failures.at(-1)).toEqual(expected);
    }
  });

  test("is busy where the peer says so", () => {
    start();
    fail({ code: 503, message: "No slot of the node is free", busy: true });
    expect(failures).toMatchObject([{ kind: "refused", error: { code: 503 } }]);
    expect(JSON.stringify(failures)).toContain("BUSY: No slot");
  });

  test("is lost with the gateway when the link ends, and no node is blamed", () => {
    start();
    start();
    calls.closed("gone");
    const lost = { kind: "gateway lost", reason: "gone" } as const;
    expect(failures).toEqual([lost, lost]);
    expect(start()).toBeNull();
  });

  test("that has ended may still be answered, by however much, without an end of the link", () => {
    start()?.forget();
    for (let i = 0; i < 100; i++) {
      calls.receive(encodeStreamV2(1, new Uint8Array(WINDOW_BYTES / 10)));
      calls.receive(encodeJson("head", 99, { status: 200, headers: {} }));
    }
    expect(closed).toBe(0);
    start();
    calls.receive(encodeJson("head", 2, { status: 200, headers: {} }));
    calls.receive(encodeStreamV2(2, Buffer.from("hello")));
    expect(text).toBe("hello");
  });
});

test("a long body is sent piece by piece, and later frames do not wait for all of it", () => {
  const running = start(20 * MIB);
  expect(sentBytes()).toBeLessThan(3 * MIB);
  start(10);
  expect(socket.frames().at(-1)).toMatchObject({ type: "call" });
  running?.cancel();
  expect(socket.frames().at(-1)).toMatchObject({ type: "cancel" });
  const before = sentBytes();
  calls.ponged(socket.pings.at(-1)!);
  // The other call is the only one that still has a body.
  expect(sentBytes()).toBe(before + 10);
});

test("a body arrives whole, however many pongs that takes", () => {
  start(20 * MIB);
  for (let pongs = 0; pongs < socket.pings.length; pongs++) {
    calls.ponged(socket.pings[pongs]!);
  }
  expect(sentBytes()).toBe(20 * MIB);
});

test("a peer to which too much waits to be sent gets no further calls", () => {
  let started = 0;
  while (started < 100 && start(10 * MIB) !== null) started++;
  expect(started).toBeLessThan(10);
  expect(started).toBeGreaterThan(5);
});
