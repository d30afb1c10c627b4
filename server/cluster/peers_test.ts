/** The links to other gateways: who dials, who is let in, and when a link is given up. */

import { beforeEach, describe, expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Presence } from "./bus.ts";
import { Handshake, PEER_HEADER } from "./handshake.ts";
import { encodePeerMessage, type PeerMessage } from "./peer_message.ts";
import { type DialListener, Peers } from "./peers.ts";
import { TestSocket } from "./testing/test_socket.ts";

const SECRET = "s".repeat(32);
/** Frames on it are not sealed. */
const URL_OF_PEER = "http://localhost:8080";

interface Dialled {
  url: string;
  header: string;
  listener: DialListener;
  socket: TestSocket;
}

let clock: FakeClock;
let others: Map<string, Presence>;
let dialled: Dialled[];
let linkedLogs: number;
let warnings: { fields: Record<string, unknown>; text: string }[];
let events: string[];
let received: PeerMessage[];
let peers: Peers;

beforeEach(() => {
  clock = new FakeClock();
  others = new Map();
  [dialled, warnings, events, received, linkedLogs] = [[], [], [], [], 0];
  const warn = (fields: Record<string, unknown>, text: string) =>
    void warnings.push({ fields, text });
  const log = { ...silentLog, warn, info: () => void linkedLogs++ } as Log;
  peers = new Peers({
    clock,
    log,
    id: "gw-2",
    handshake: new Handshake(SECRET, "gw-2", () => "http://gw-2:8080"),
    dial(url, headers, listener) {
      // Throws for an address that is none, as a WebSocket does.
      const { href } = new URL(url);
      const socket = new TestSocket();
      dialled.push({ url: href, header: headers[PEER_HEADER] ?? "", listener, socket });
      return socket;
    },
    others: () => others,
    onLinked: (peer) => void events.push(`linked ${peer}`),
    onLost: (peer) => void events.push(`lost ${peer} ${peers.find(peer) === undefined}`),
    lease: () => null,
    onFreed: () => {},
    onTunnelFrame() {},
    onMessage: (_peer, message) => void received.push(message),
  }, { maxBodyBytes: 1, maxFrameBytes: 1, maxBufferedBytes: 1, cancelGraceMs: 1 });
  peers.start();
});

function join(id: string, url = URL_OF_PEER): void {
  others.set(id, { id, url, version: "1", seq: 0, isDraining: false, nodes: 0 });
}

/** The message that proves the dialled gateway. */
function helloTo({ header, url }: Dialled): Uint8Array {
  const { proof } = new Handshake(
    SECRET,
    "gw-1",
    () => url.replace(/^ws/, "http").replace(/\/cluster$/, ""),
  ).admit(header)!;
  return encodePeerMessage({ is: "hello", ...proof });
}

/** Links gw-1, which this gateway dials. */
async function link(): Promise<Dialled> {
  join("gw-1");
  await clock.pass(1_000);
  const one = dialled.at(-1)!;
  one.listener.message(helloTo(one));
  return one;
}

const ids = () => [...peers.ids()];

describe("dialling", () => {
  test("is the part of the gateway with the higher id", async () => {
    join("gw-3");
    await clock.pass(5_000);
    expect(dialled).toEqual([]);
    join("gw-1");
    await clock.pass(1_000);
    expect(dialled.map(({ url }) => url)).toEqual(["ws://localhost:8080/cluster"]);
  });

  test("happens once until the attempt has ended, and not to those that are linked", async () => {
    join("gw-1");
    peers.dialMissing();
    peers.dialMissing();
    await clock.pass(1_000);
    expect(dialled).toHaveLength(1);
    dialled[0]!.listener.message(helloTo(dialled[0]!));
    peers.dialMissing();
    await clock.pass(1_000);
    expect(dialled).toHaveLength(1);
  });

  test("uses the secure protocol where the address does", () => {
    join("gw-1", "https://gw-1/");
    peers.dialMissing();
    expect(dialled[0]?.url.startsWith("wss://gw-1/")).toBe(true);
  });

  test("is tried again every second, and a person is warned once after twenty failures", async () => {
    join("gw-1", "http://gw 1:8080");
    await clock.pass(19_000);
    expect(peers.wasTried("gw-1")).toBe(true);
    expect(warnings).toEqual([]);
    await clock.pass(30_000);
    expect(dialled).toEqual([]);
    expect(warnings.map(({ fields }) => fields)).toMatchObject([
      { peer: "gw-1", url: "http://gw 1:8080", tries: 20 },
    ]);
    join("gw-1");
    await clock.pass(1_000);
    dialled[0]!.listener.message(helloTo(dialled[0]!));
    expect(ids()).toEqual(["gw-1"]);
  });

  test("counts failures again after a link, and forgets those of a gateway that is gone", async () => {
    join("gw-1", "http://gw 1:8080");
    await clock.pass(15_000);
    const { listener } = await link();
    listener.closed("gone");
    join("gw-1", "http://gw 1:8080");
    await clock.pass(15_000);
    expect(warnings.map(({ text }) => text)).toEqual(["cluster: a gateway is lost"]);
    others.clear();
    peers.dialMissing();
    expect(peers.wasTried("gw-1")).toBe(false);
  });
});

describe("a dialled gateway", () => {
  test("is linked when it has proved that it knows the secret", async () => {
    const { listener } = await link();
    expect([ids(), events, peers.size]).toEqual([["gw-1"], ["linked gw-1"], 1]);
    expect(linkedLogs).toBe(1);
    expect(peers.find("gw-1")?.peer).toBe("gw-1");
    listener.message(encodePeerMessage({ is: "decline", grant: 5 }));
    expect(received).toEqual([{ is: "decline", grant: 5 }]);
    // A link is not given up for the time limit of the attempt.
    await clock.pass(3_000);
    expect(ids()).toEqual(["gw-1"]);
  });

  test("is refused with any other first message, and is sent nothing", () => {
    const firsts: (string | Uint8Array)[] = [
      encodePeerMessage({ is: "hello", answer: "wrong", nonce: "n" }),
      encodePeerMessage({ is: "hello" } as never),
      encodePeerMessage({ is: "decline", grant: 1 }),
      Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3),
      Uint8Array.of(1, 0, 0, 0),
      "hello",
    ];
    for (const first of firsts) {
      join("gw-1");
      peers.dialMissing();
      const { listener, socket } = dialled.at(-1)!;
      listener.message(first);
      expect(socket.terminated).toBe(1);
      expect(socket.sent).toEqual([]);
      listener.closed("terminated");
    }
    expect(dialled).toHaveLength(firsts.length);
    expect([ids(), events, received]).toEqual([[], [], []]);
    expect(peers.wasTried("gw-1")).toBe(true);
  });

  test("that answers for another gateway is refused", () => {
    join("gw-1");
    peers.dialMissing();
    const one = dialled[0]!;
    const { header } = new Handshake(SECRET, "gw-2", () => "").dial("gw-0", URL_OF_PEER);
    const { proof } = new Handshake(SECRET, "gw-0", () => URL_OF_PEER).admit(header)!;
    one.listener.message(encodePeerMessage({ is: "hello", ...proof }));
    expect(one.socket.terminated).toBe(1);
  });

  test("that takes the connection and says no hello is given up after three seconds, for good", async () => {
    join("gw-1");
    peers.dialMissing();
    const one = dialled[0]!;
    await clock.pass(2_999);
    expect([one.socket.terminated, peers.wasTried("gw-1")]).toEqual([0, false]);
    others.clear();
    await clock.pass(1);
    expect(one.socket.terminated).toBe(1);
    one.listener.message(helloTo(one));
    one.listener.closed("terminated");
    expect([ids(), events]).toEqual([[], []]);
  });

  test("that closes the connection is left alone until it is dialled again", async () => {
    join("gw-1");
    peers.dialMissing();
    others.clear();
    const { listener, socket } = dialled[0]!;
    listener.closed("refused");
    await clock.pass(3_000);
    expect(socket.terminated).toBe(0);
  });

  test("that says no hello is one failure for each attempt, and is dialled again", async () => {
    join("gw-1");
    peers.dialMissing();
    await clock.pass(3_000);
    dialled[0]!.listener.closed("terminated");
    await clock.pass(1_000);
    expect(dialled).toHaveLength(2);
    await clock.pass(100_000);
    expect(warnings.map(({ fields }) => fields.tries)).toEqual([20]);
  });

  test("is not linked by a hello that comes after this gateway has stopped", () => {
    join("gw-1");
    peers.dialMissing();
    const one = dialled[0]!;
    peers.stop();
    one.listener.message(helloTo(one));
    expect([ids(), one.socket.terminated]).toEqual([[], 1]);
  });
});

describe("a link", () => {
  test("that closes is reported as lost once, when it is not offered any more", async () => {
    const { listener } = await link();
    others.clear();
    listener.closed("gone");
    listener.closed("gone");
    expect(events).toEqual(["linked gw-1", "lost gw-1 true"]);
    expect([ids(), warnings.length]).toEqual([[], 1]);
    listener.message(encodePeerMessage({ is: "decline", grant: 5 }));
    expect(received).toEqual([]);
  });

  test("takes the place of an earlier one, whose end does not end it", async () => {
    const { listener, socket } = await link();
    const again = peers.accept("gw-1", new TestSocket(), null);
    expect(socket.terminated).toBe(1);
    expect(events).toEqual(["linked gw-1", "lost gw-1 true"]);
    listener.closed("terminated");
    expect(peers.find("gw-1")).toBe(again);
    expect(events).toHaveLength(2);
    peers.closed(again, "gone");
    expect(events).toHaveLength(3);
    expect(ids()).toEqual([]);
  });

  test("is pinged every second, and stays while anything arrives", async () => {
    const { listener, socket } = await link();
    const alive = [
      () => listener.ping(),
      () => listener.pong(socket.pings.at(-1) ?? ""),
      () => listener.message(encodePeerMessage({ is: "decline", grant: 1 })),
    ];
    for (const sign of alive) {
      await clock.pass(4_900);
      sign();
    }
    expect(ids()).toEqual(["gw-1"]);
    expect(socket.pings.length).toBeGreaterThan(12);
  });

  test("on which nothing arrives for more than five seconds is lost, without waiting for its end", async () => {
    const { listener, socket } = await link();
    await clock.pass(5_000);
    expect(ids()).toEqual(["gw-1"]);
    await clock.pass(1_000);
    expect([ids(), socket.terminated]).toEqual([[], 1]);
    expect(events).toEqual(["linked gw-1", "lost gw-1 true"]);
    await clock.pass(1_000);
    expect(dialled).toHaveLength(2);
    listener.closed("terminated");
    expect(events).toHaveLength(2);
  });
});

describe("a gateway that leaves", () => {
  test("closes its links, and neither dials nor watches any more", async () => {
    const { listener, socket } = await link();
    join("gw-0");
    peers.stop();
    expect(socket.closed).toBe(1);
    listener.closed("closed");
    await clock.pass(10_000);
    expect([dialled.length, socket.pings.length, warnings]).toEqual([1, 0, []]);
    expect(clock.pending).toBe(0);
  });

  test("ends what is left of its links at once", async () => {
    const { socket } = await link();
    const accepted = new TestSocket();
    peers.accept("gw-3", accepted, null);
    peers.dropAll();
    expect([socket.terminated, accepted.terminated]).toEqual([1, 1]);
  });
});
