/** One link to another gateway: what it reads, and what ends it. */

import { beforeEach, describe, expect, test } from "bun:test";
import {
  encodeCallStart,
  encodeCancel,
  encodeCredit,
  encodeJson,
  encodeStreamV2,
  Endpoint,
} from "../../protocol/mod.ts";
import { type Log, silentLog } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { AttemptFailure, Order } from "../node/attempt.ts";
import { ReceivedBody } from "../node/body.ts";
import { PeerLink } from "./peer_link.ts";
import { encodePeerMessage, type PeerMessage } from "./peer_message.ts";
import { TestSocket } from "./testing/test_socket.ts";

let clock: FakeClock;
let socket: TestSocket;
let received: { peer: string; message: PeerMessage }[];
let leased: string[];
let errors: Record<string, unknown>[];
let link: PeerLink;

beforeEach(() => {
  clock = new FakeClock();
  socket = new TestSocket();
  [received, leased, errors] = [[], [], []];
  const log = {
    ...silentLog,
    error: (fields: Record<string, unknown>) => void errors.push(fields),
  } as Log;
  link = new PeerLink("gw-1", socket, {
    clock,
    log,
    lease(peer, nodeId) {
      leased.push(`${peer} ${nodeId}`);
      return null;
    },
    onFreed() {},
    onTunnelFrame() {},
    onMessage(peer, message) {
      if (message.is === "decline" && message.grant === 13) throw new Error("a fault of ours");
      received.push({ peer, message });
    },
  }, { maxBodyBytes: 100, maxFrameBytes: 100, maxBufferedBytes: 100, cancelGraceMs: 1 });
});

const call = {
  id: "try",
  endpoint: Endpoint.chat,
  model: "m",
  stream: true,
  hide_usage: false,
  node: "n",
  window_bytes: 100,
};

function frameOfCall(stream: number, bodyBytes: number): Uint8Array {
  const room = (bytes: number) => new Uint8Array(bytes);
  return encodeCallStart(stream, { ...call, body_bytes: bodyBytes }, new Uint8Array(), room);
}

function start(bodyBytes = 0) {
  const failures: AttemptFailure[] = [];
  const ofLink: string[] = [];
  let text = "";
  const order: Order = {
    attemptId: "try",
    endpoint: Endpoint.chat,
    model: "m",
    body: new ReceivedBody(new Uint8Array(bodyBytes)),
    stream: true,
    wantsUsage: true,
    streamOptions: null,
    choices: 1,
    headers: null,
  };
  link.calls.startOn("n", null, order, {
    head() {},
    data: (piece) => void (text += Buffer.from(piece as string).toString()),
    finish() {},
    fail: (failure) => void failures.push(failure),
    suspended: () => void ofLink.push("suspended"),
    resumed: () => void ofLink.push("resumed"),
  });
  return { failures, ofLink, text: () => text };
}

const decline = (grant: number) => encodePeerMessage({ is: "decline", grant });

describe("a link", () => {
  test("passes messages on with the peer's name", () => {
    link.receive(decline(5));
    expect(received).toEqual([{ peer: "gw-1", message: { is: "decline", grant: 5 } }]);
  });

  test("takes the peer's calls, and the answers to this gateway's calls", () => {
    const { text } = start();
    link.receive(frameOfCall(1, 0));
    link.receive(encodeJson("head", 1, { status: 200, headers: {} }));
    link.receive(encodeStreamV2(1, Buffer.from("hello")));
    expect(leased).toEqual(["gw-1 n"]);
    expect(socket.frames().map(({ type }) => type)).toEqual(["call", "error"]);
    expect(text()).toBe("hello");
  });

  test("reports to a call of this gateway that its node's link is lost or back, and to no other call", () => {
    const [first, second] = [start(), start()];
    const report = (is: "suspended" | "resumed", stream: number) =>
      link.receive(encodePeerMessage({ is, stream }));
    report("suspended", 2);
    report("resumed", 2);
    for (const stream of [0, 3, -1, null, "2"]) report("suspended", stream as number);
    expect([first.ofLink, second.ofLink]).toEqual([[], ["suspended", "resumed"]]);
    link.receive(encodeJson("error", 2, { code: 500, message: "no" }));
    report("suspended", 2);
    expect(second.ofLink).toHaveLength(2);
    expect([received, errors]).toEqual([[], []]);
  });

  test("counts the peer's calls that run or arrive, and cancels them with a frame", () => {
    link.receive(frameOfCall(1, 10));
    expect(link.inboundCalls).toBe(1);
    link.receive(encodeCredit(1, 5));
    link.receive(encodeCancel(1));
    expect(link.inboundCalls).toBe(0);
    expect(socket.frames()).toMatchObject([{ type: "error", stream: 1, data: { code: 499 } }]);
  });

  test("ends where the peer breaks the protocol, which is logged", () => {
    const breaches: (string | Uint8Array)[] = [
      "text",
      frameOfCall(1, 0).subarray(0, 9),
      encodePeerMessage({ is: "decline" } as never).subarray(0, 12),
      encodeJson("register", 0, { max_parallel: 1, models: [] } as never),
      decline(13),
    ];
    for (const [i, breach] of breaches.entries()) {
      link.receive(breach);
      expect([i, socket.terminated, errors.length]).toEqual([i, i + 1, i + 1]);
    }
    expect(errors[0]).toMatchObject({ peer: "gw-1" });
    expect(received).toEqual([]);
  });

  test("ends where a frame could not be sent", () => {
    link.send({ is: "decline", grant: 1 });
    expect(socket.terminated).toBe(0);
    socket.dropsFrames = true;
    link.send({ is: "decline", grant: 2 });
    expect(socket.terminated).toBe(1);
  });

  test("is alive while anything arrives", async () => {
    const startedMs = clock.monotonic();
    expect(link.lastSeenMs).toBe(startedMs);
    const signs = [() => link.receive(decline(1)), () => link.ponged("x"), () => link.markAlive()];
    for (const [i, sign] of signs.entries()) {
      await clock.pass(100);
      expect(link.lastSeenMs).toBe(startedMs + 100 * i);
      sign();
      expect(link.lastSeenMs).toBe(startedMs + 100 * (i + 1));
    }
  });

  test("knows when it was pinged", async () => {
    await clock.pass(500);
    link.ping();
    expect([link.pingedMs, socket.pings.length]).toEqual([clock.monotonic(), 1]);
  });

  test("sends more of a long body with every pong", () => {
    start(20 * 1024 * 1024);
    const before = socket.sent.length;
    link.ponged(socket.pings.at(-1)!);
    expect(socket.sent.length).toBeGreaterThan(before);
  });

  test("closes as a gateway that is leaving", () => {
    link.close();
    expect([socket.closed, socket.terminated]).toEqual([1, 0]);
  });
});

describe("a link that has closed", () => {
  test("loses the calls of both directions, once", () => {
    const { failures } = start();
    link.receive(frameOfCall(1, 10));
    link.closed("gone");
    link.closed("again");
    expect(failures).toEqual([{ kind: "gateway lost", reason: "gone" }]);
    expect(link.inboundCalls).toBe(0);
  });

  test("neither sends nor reads any more", () => {
    start();
    link.closed("gone");
    const sent = socket.sent.length;
    link.send({ is: "decline", grant: 1 });
    link.receive(decline(5));
    link.receive(frameOfCall(1, 0));
    link.ponged("0");
    expect([socket.sent.length, received, leased, errors]).toEqual([sent, [], [], []]);
    const { failures } = start();
    expect(failures).toEqual([]);
    expect(socket.sent).toHaveLength(sent);
  });
});
