/** The other gateways' nodes, also when messages or Redis were lost. */

import { describe, expect, test } from "bun:test";
import { settle } from "../base/testing/fake_clock.ts";
import { silentLog } from "../base/log.ts";
import type { NodeList, Presence } from "./bus.ts";
import { Follower } from "./follower.ts";
import { record } from "./testing/record.ts";

class Following {
  /** What Redis has of each gateway. */
  readonly lists = new Map<string, NodeList>();
  reads = 0;
  isAway = false;
  /** Ids of nodes that were reported as gone. */
  readonly gone: string[] = [];
  readonly follower = new Follower({
    bus: {
      read: (id) => {
        this.reads++;
        if (this.isAway) return Promise.reject(new Error("away"));
        return Promise.resolve(this.lists.get(id) ?? { seq: 0, nodes: [] });
      },
    },
    log: silentLog,
    onNode: () => {},
    onGone: (id) => void this.gone.push(id),
  });

  async roll(seqs: Record<string, number>, kept: string[] = []): Promise<void> {
    const others = Object.entries(seqs).map(([id, seq]): [string, Presence] => [
      id,
      { id, url: "http://x", version: "1", seq, isDraining: false, nodes: 0 },
    ]);
    this.follower.reconcile(new Map(others), (id) => kept.includes(id));
    await settle();
  }

  async hears(from: string, seq: number, put: string[], gone: string[] = []): Promise<void> {
    const change = { seq, put: put.map((id) => record(id)), gone };
    this.follower.receive({ is: "nodes", from, change });
    await settle();
  }

  nodes(gateway: string): string[] {
    return [...this.follower.nodesOf(gateway)].map(({ who }) => who.id).sort();
  }
}

describe("a follower", () => {
  test("reads a gateway that is new to it, and goes by what it tells from then on", async () => {
    const one = new Following();
    one.lists.set("gw", { seq: 4, nodes: [record("a")] });
    await one.roll({ gw: 4 });
    await one.hears("gw", 5, ["b"], ["a"]);
    expect(one.nodes("gw")).toEqual(["b"]);
    // An old message that comes late changes nothing.
    await one.hears("gw", 4, ["z"]);
    await one.roll({ gw: 5 });
    expect(one.nodes("gw")).toEqual(["b"]);
    expect(one.reads).toBe(1);
  });

  test("reads anew when it has missed something, by the next number or by a sign of life", async () => {
    const one = new Following();
    await one.roll({ gw: 0 });
    one.lists.set("gw", { seq: 3, nodes: [record("a"), record("c")] });
    await one.hears("gw", 3, ["c"]);
    expect(one.nodes("gw")).toEqual(["a", "c"]);
    one.lists.set("gw", { seq: 4, nodes: [record("c")] });
    // It may only be on its way.
    await one.roll({ gw: 4 });
    expect(one.nodes("gw")).toEqual(["a", "c"]);
    await one.roll({ gw: 4 });
    expect(one.nodes("gw")).toEqual(["c"]);
  });

  test("keeps what it knows while Redis is away, and of a gateway that it can still reach", async () => {
    const one = new Following();
    one.lists.set("gw", { seq: 1, nodes: [record("a")] });
    await one.roll({ gw: 1 });
    one.isAway = true;
    one.follower.rereadAll();
    await settle();
    expect(one.nodes("gw")).toEqual(["a"]);
    await one.roll({}, ["gw"]);
    expect(one.nodes("gw")).toEqual(["a"]);
    await one.roll({});
    expect(one.gone).toEqual(["a"]);
  });

  test("takes the gateway that has a node last for the one that has it", async () => {
    const one = new Following();
    one.lists.set("old", { seq: 1, nodes: [record("a", 10)] });
    one.lists.set("new", { seq: 1, nodes: [record("a", 20)] });
    await one.roll({ old: 1, new: 1 });
    expect(one.follower.latestHolder("a")?.gateway).toBe("new");
    await one.hears("new", 2, [], ["a"]);
    expect(one.follower.latestHolder("a")?.gateway).toBe("old");
    expect(one.follower.latestHolder("b")).toBeNull();
  });
});
