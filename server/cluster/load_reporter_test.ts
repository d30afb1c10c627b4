/** Reports of nodes' loads to peers: changes only, without the peer's own calls. */

import { beforeEach, describe, expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { Hub } from "../node/hub.ts";
import { Node } from "../node/node.ts";
import { LoadReporter } from "./load_reporter.ts";

const REPORT_MS = 20;

const hub = new Hub();

let clock: FakeClock;
let peers: string[];
let sent: string[];
let earned: string[];
let messages: number;
let looks: number;
let connected: Set<Node>;
let reporter: LoadReporter;

beforeEach(() => {
  clock = new FakeClock();
  [peers, sent, messages] = [["gw-1", "gw-2"], [], 0];
  [looks, earned] = [0, []];
  connected = new Set();
  reporter = new LoadReporter({
    clock,
    peers: () => peers,
    isConnected(node) {
      looks++;
      return connected.has(node);
    },
    send(peer, message) {
      if (message.is !== "loads") throw new Error(`${message.is} is no report`);
      messages++;
      for (const [node, others, slots] of message.loads) {
        sent.push(`${peer} ${node} ${others}`);
        earned.push(`${peer} ${node} ${slots}`);
      }
    },
  });
  for (const peer of peers) reporter.peerLinked(peer, []);
});

function join(id: string): Node {
  const who = { publicId: id, nodeKey: `key/${id}`, accountId: "a", keyId: "k" };
  const offer = { name: id, agent: null, maxParallel: 9, models: ["m"] };
  const node = new Node(who, offer, { start: () => null, close() {} }, 0);
  connected.add(node);
  return node;
}

function use(node: Node, by: number): void {
  hub.load(node, by);
  reporter.changed(node);
}

/** What was sent since the last time. */
async function reports(): Promise<string[]> {
  await clock.pass(REPORT_MS);
  return sent.splice(0);
}

describe("a node's load", () => {
  test("is reported to every peer when it has changed, and to none when it has not", async () => {
    const node = join("n");
    use(node, 2);
    expect(await reports()).toEqual(["gw-1 n 2", "gw-2 n 2"]);
    reporter.changed(node);
    expect(await reports()).toEqual([]);
    use(node, -2);
    expect(await reports()).toEqual(["gw-1 n 0", "gw-2 n 0"]);
    reporter.changed(node);
    expect(await reports()).toEqual([]);
    reporter.nodeLeft(node);
    expect(await reports()).toEqual([]);
  });

  test("is reported with the slots that it has earned, without those of a new node", async () => {
    const node = join("n");
    reporter.changed(node);
    expect(await reports()).toEqual([]);
    Object.assign(node, { earned: 4 });
    reporter.changed(node);
    await clock.pass(REPORT_MS);
    Object.assign(node, { earned: 2 });
    reporter.changed(node);
    await clock.pass(REPORT_MS);
    expect(earned).toEqual(["gw-1 n 4", "gw-2 n 4", "gw-1 n 2", "gw-2 n 2"]);
  });

  test("is looked at only where it may have changed", async () => {
    const [one, other] = [join("n"), join("o")];
    use(one, 1);
    await reports();
    looks = 0;
    use(other, 1);
    await reports();
    expect(looks).toBe(peers.length);
  });

  test("is reported once for all changes within a moment, and again for later ones", async () => {
    const [one, other] = [join("n"), join("o")];
    use(one, 1);
    use(other, 1);
    use(one, 1);
    await clock.pass(REPORT_MS - 1);
    expect(sent).toEqual([]);
    await clock.pass(1);
    expect(messages).toBe(2);
    expect(sent.splice(0)).toEqual(["gw-1 n 2", "gw-1 o 1", "gw-2 n 2", "gw-2 o 1"]);
    use(one, 1);
    expect(await reports()).toEqual(["gw-1 n 3", "gw-2 n 3"]);
  });

  test("is without the slots that the peer itself holds, also after it has released some", async () => {
    const node = join("n");
    hub.load(node, 3);
    reporter.countHeld("gw-1", node, 1);
    reporter.countHeld("gw-1", node, 1);
    expect(await reports()).toEqual(["gw-1 n 1", "gw-2 n 3"]);
    hub.load(node, -1);
    reporter.countHeld("gw-1", node, -1);
    expect(await reports()).toEqual(["gw-2 n 2"]);
    hub.load(node, -1);
    reporter.countHeld("gw-1", node, -1);
    expect(await reports()).toEqual(["gw-2 n 1"]);
    reporter.changed(node);
    expect(await reports()).toEqual([]);
  });

  test("is not counted below nothing when a slot is released twice", async () => {
    const node = join("n");
    hub.load(node, 1);
    reporter.countHeld("gw-1", node, -1);
    reporter.countHeld("gw-1", node, 1);
    expect(await reports()).toEqual(["gw-2 n 1"]);
  });

  test("of an earlier connection is not reported as that of its present one", async () => {
    const old = join("n");
    use(old, 2);
    await reports();
    connected.delete(old);
    reporter.nodeLeft(old);
    expect(await reports()).toEqual(["gw-1 n 0", "gw-2 n 0"]);
    use(join("n"), 3);
    use(old, -1);
    reporter.countHeld("gw-1", old, -1);
    expect(await reports()).toEqual(["gw-1 n 3", "gw-2 n 3"]);
  });
});

describe("a node that leaves", () => {
  test("is reported as idle to those who know it otherwise", async () => {
    const node = join("n");
    hub.load(node, 1);
    reporter.countHeld("gw-1", node, 1);
    await reports();
    reporter.nodeLeft(node);
    expect(sent.splice(0)).toEqual(["gw-2 n 0"]);
    reporter.nodeLeft(node);
    expect(sent).toEqual([]);
  });

  test("is not reported by a change of the moment before", async () => {
    const node = join("n");
    use(node, 1);
    reporter.nodeLeft(node);
    expect(await reports()).toEqual([]);
  });
});

describe("a peer", () => {
  test("learns the loads of all busy nodes when it is linked", async () => {
    const [busy, idle] = [join("n"), join("o")];
    use(busy, 2);
    await reports();
    reporter.peerLinked("gw-3", [busy, idle]);
    expect(sent.splice(0)).toEqual(["gw-3 n 2"]);
    // What it knew before it was lost does not count.
    reporter.peerLinked("gw-1", [busy, idle]);
    expect(sent.splice(0)).toEqual(["gw-1 n 2"]);
  });

  test("that is lost, or not linked yet, gets no reports", async () => {
    reporter.peerLost("gw-1");
    peers = ["gw-1", "gw-2", "gw-3"];
    const node = join("n");
    use(node, 1);
    expect(await reports()).toEqual(["gw-2 n 1"]);
    reporter.nodeLeft(node);
    expect(sent.splice(0)).toEqual(["gw-2 n 0"]);
  });

  test("gets the loads of very many nodes in several messages", () => {
    const nodes = Array.from({ length: 10_001 }, (_, i) => join(`n${i}`));
    for (const node of nodes) hub.load(node, 1);
    reporter.peerLinked("gw-1", nodes);
    expect([messages, sent.length]).toEqual([3, 10_001]);
    messages = sent.length = 0;
    reporter.peerLinked("gw-2", nodes.slice(0, 10_000));
    expect([messages, sent.length]).toEqual([2, 10_000]);
  });
});
