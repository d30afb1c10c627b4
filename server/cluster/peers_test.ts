/** The links with other gateways: who is dialled, how often, and what people are told of who cannot be reached. */

import { beforeEach, expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Presence } from "./bus.ts";
import { Handshake, PEER_HEADER } from "./handshake.ts";
import { encodePeerMessage } from "./peer_message.ts";
import type { Socket } from "../node/link.ts";
import { type DialListener, Peers } from "./peers.ts";

const SECRET = "s".repeat(32);

let clock: FakeClock;
let others: Map<string, Presence>;
let dialled: { url: string; header: string; listener: DialListener }[];
let warnings: Record<string, unknown>[];
let peers: Peers;

beforeEach(() => {
  clock = new FakeClock();
  others = new Map();
  dialled = [];
  warnings = [];
  const warn = (fields: Record<string, unknown>) => void warnings.push(fields);
  const log = { ...silentLog, warn } as Log;
  peers = new Peers({
    clock,
    log,
    id: "gw-2",
    handshake: new Handshake(SECRET, "gw-2"),
    dial(url, headers, listener) {
      // As a WebSocket does.
      const { href } = new URL(url);
      dialled.push({ url: href, header: headers[PEER_HEADER] ?? "", listener });
      return deafSocket();
    },
    others: () => others,
    onLinked: () => {},
    onLost: () => {},
    lease: () => null,
    onFreed: () => {},
    onMessage: () => {},
  }, { maxBodyBytes: 1, maxFrameBytes: 1, maxBufferedBytes: 1, cancelGraceMs: 1 });
  peers.start();
});

function deafSocket(): Socket {
  return {
    send: (message) => message.length,
    ping: () => {},
    close: () => {},
    terminate: () => {},
    getBufferedAmount: () => 0,
  };
}

function isThere(id: string, url: string): void {
  others.set(id, { id, url, version: "1", seq: 0, isDraining: false, nodes: 0 });
}

test("a gateway with an address that is none is named to people once, and linked when it is mended", async () => {
  isThere("gw-1", "http://gw 1:8080");
  await clock.pass(30_000);
  expect(dialled).toEqual([]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatchObject({ peer: "gw-1", url: "http://gw 1:8080" });
  isThere("gw-1", "http://gw-1:8080");
  await clock.pass(1_000);
  const { header, listener, url } = dialled[0]!;
  expect(url).toBe("ws://gw-1:8080/cluster");
  const { answer } = new Handshake(SECRET, "gw-1").admit(header)!;
  listener.message(encodePeerMessage({ is: "hello", answer }));
  expect([...peers.ids()]).toEqual(["gw-1"]);
});

test("one that takes the connection and says nothing is given up, and dialled again", async () => {
  isThere("gw-1", "http://gw-1:8080");
  await clock.pass(10_000);
  expect(dialled.length).toBeGreaterThan(1);
  expect(peers.wasTried("gw-1")).toBe(true);
  others.clear();
  await clock.pass(5_000);
  expect(peers.wasTried("gw-1")).toBe(false);
});

test("of two gateways, the one with the later name dials", async () => {
  isThere("gw-3", "http://gw-3:8080");
  await clock.pass(5_000);
  expect(dialled).toEqual([]);
});
