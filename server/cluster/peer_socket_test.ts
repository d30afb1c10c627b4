/** Links between gateways over real sockets: dialled, accepted, watched, closed. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { silentLog } from "../base/log.ts";
import { systemClock } from "../base/clock.ts";
import { Handshake, PEER_HEADER } from "./handshake.ts";
import type { PeerMessage } from "./peer_message.ts";
import { dialPeer, peerHandlers, type PeerSocketData } from "./peer_socket.ts";
import { type DialListener, Peers } from "./peers.ts";

const SECRET = "s".repeat(32);
const URL_OF_PEER = "http://localhost:8080";
const MANY_BYTES = 200_000;

/** Of the gateway that is dialled. */
let received: PeerMessage[];
let linked: string[];
let lost: string[];
let changed: () => void;
let peers: Peers;
let server: ReturnType<typeof serve>;

function serve() {
  const handshake = new Handshake(SECRET, "gw-1", () => URL_OF_PEER);
  return Bun.serve<PeerSocketData, never>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
      const admitted = handshake.admit(request.headers.get(PEER_HEADER) ?? "");
      if (admitted === null) return new Response("no", { status: 404 });
      server.upgrade(request, { data: { admitted, peerLink: null } });
      return undefined;
    },
    websocket: peerHandlers(peers, (peer) => void linked.push(peer)) as never,
  });
}

beforeAll(() => {
  peers = new Peers({
    clock: systemClock,
    log: silentLog,
    id: "gw-1",
    handshake: new Handshake(SECRET, "gw-1", () => URL_OF_PEER),
    dial: dialPeer,
    others: () => new Map(),
    onLinked() {},
    onLost(peer) {
      lost.push(peer);
      changed();
    },
    lease: () => null,
    onFreed() {},
    onTunnelFrame() {},
    onMessage(_peer, message) {
      received.push(message);
      changed();
    },
  }, { maxBodyBytes: 1, maxFrameBytes: 1, maxBufferedBytes: 1, cancelGraceMs: 1 });
  server = serve();
});

afterAll(() => server.stop(true));

beforeEach(() => {
  [received, linked, lost] = [[], [], []];
  changed = () => {};
});

/** Resolves when the condition holds, which is looked at whenever something has happened. */
function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => condition() && resolve();
    changed = look;
    look();
  });
}

function attempt(id: string) {
  return new Handshake(SECRET, id, () => "").dial("gw-1", URL_OF_PEER);
}

function dial(header = attempt("gw-2").header) {
  const events: (string | Uint8Array)[] = [];
  const happened = (event: string | Uint8Array) => {
    events.push(event);
    changed();
  };
  const listener: DialListener = {
    message: happened,
    ping: () => happened("ping"),
    pong: (text) => happened(`pong ${text}`),
    closed: (reason) => happened(reason),
  };
  const url = `ws://127.0.0.1:${server.port}/cluster`;
  return { events, socket: dialPeer(url, { [PEER_HEADER]: header }, listener) };
}

let dials = 0;

/** A link of a gateway of its own. */
async function link() {
  const peer = `gw-${100 + dials++}`;
  const { header, meet } = attempt(peer);
  const made = dial(header);
  await until(() => made.events.length > 0);
  return { ...made, peer, meet };
}

function frameOf(text: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0), Buffer.from(text)]);
}

describe("a gateway that dials another", () => {
  test("gets its proof as the first message, and is linked there", async () => {
    const { events, socket, peer, meet } = await link();
    const hello = Buffer.from((events[0] as Uint8Array).subarray(8)).toString();
    expect(meet(JSON.parse(hello))).toEqual({ cipher: null });
    expect(linked).toEqual([peer]);
    expect(peers.find(peer)).toBeDefined();
    socket.terminate();
    await until(() => lost.includes(peer));
    expect(peers.find(peer)).toBeUndefined();
  });

  test("is notified that the socket is closed where it is refused", async () => {
    const { events, socket } = dial("gw-9 gw-1 1 wrong");
    await until(() => events.length > 0);
    expect(events[0]).toStartWith("connection closed (");
    expect(linked).toEqual([]);
    expect(socket.send(frameOf("{}"))).toBe(0);
  });

  test("sends nothing before the socket is open", () => {
    const { socket } = dial();
    expect(socket.send(frameOf("{}"))).toBe(0);
    socket.ping("early");
    socket.terminate();
  });

  test("exchanges messages of any size with it", async () => {
    const { events, socket, peer } = await link();
    const data = "x".repeat(MANY_BYTES);
    const frame = frameOf(JSON.stringify({ is: "live", account: "a", name: "n", data }));
    expect(socket.send(frame)).toBe(frame.byteLength);
    await until(() => received.length === 1);
    expect(received).toEqual([{ is: "live", account: "a", name: "n", data }]);
    peers.find(peer)?.send(received[0]!);
    await until(() => events.length === 2);
    expect(Buffer.from(events[1] as Uint8Array)).toEqual(Buffer.from(frame));
    expect(socket.getBufferedAmount()).toBe(0);
    socket.terminate();
  });

  test("pings it, and is pinged by it: both know that the other is alive", async () => {
    const { events, socket, peer } = await link();
    const far = peers.find(peer)!;
    const before = far.lastSeenMs;
    socket.ping("mark");
    await until(() => events.includes("pong mark"));
    expect(far.lastSeenMs).toBeGreaterThan(before);
    far.ping();
    await until(() => events.includes("ping"));
    socket.terminate();
  });

  test("is notified why the link closes, and so is the other", async () => {
    const { events, socket, peer } = await link();
    peers.find(peer)?.close();
    await until(() => events.includes("connection closed (1000)"));
    await until(() => lost.includes(peer));
    expect(socket.send(frameOf("{}"))).toBe(0);
    const second = await link();
    second.socket.close(4_000, "bye");
    await until(() => lost.includes(second.peer));
  });
});
