/** The bus on every form of Redis: leases, fences, records, and what gateways tell each other. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { silentLog } from "../base/log.ts";
import type { Message, Presence } from "./bus.ts";
import { RedisBus } from "./redis_bus.ts";
import { record } from "./testing/record.ts";
import { startRedisCluster, startSentinel, type TestRedis } from "./testing/redis.ts";

const LEASE_MS = 60_000;
const whole = { isWhole: true, keepMs: 60_000 };
const part = { isWhole: false, keepMs: 60_000 };

const forms: Record<string, () => Promise<TestRedis>> = {
  "one Redis": () => {
    const url = process.env.TEST_REDIS_URL;
    if (!url) throw new Error("TEST_REDIS_URL is not set; `bun run test` starts a Redis");
    return Promise.resolve({ url, stop: () => Promise.resolve() });
  },
  "a Redis under Sentinel": startSentinel,
  "a Redis Cluster of three": startRedisCluster,
};

function presence(id: string): Presence {
  return { id, url: `http://${id}`, version: "1", seq: 0, isDraining: false, nodes: 0 };
}

for (const [form, start] of Object.entries(forms)) {
  describe(`on ${form}`, () => {
    let redis: TestRedis;
    const buses: RedisBus[] = [];
    const secret = crypto.randomUUID();
    const opened = async (
      its: string = secret,
      received: (message: Message) => void = () => {},
    ): Promise<RedisBus> => {
      const { promise, resolve: subscribed } = Promise.withResolvers<void>();
      const bus = new RedisBus(redis.url, its, silentLog, { received, subscribed });
      buses.push(bus);
      await bus.opened();
      await promise;
      return bus;
    };
    beforeAll(async () => redis = await start(), 20_000);
    afterAll(async () => {
      for (const bus of buses) bus.close();
      await redis?.stop();
    });

    test("gateways see each other for as long as their leases last, by Redis' clock", async () => {
      const [one, other, stranger] = [await opened(), await opened(), await opened("else")];
      const first = await one.beat(presence("gw-1"), 0, LEASE_MS);
      expect(first.gateways).toEqual([presence("gw-1")]);
      expect(Math.abs(first.nowMs - Date.now())).toBeLessThan(60_000);
      const both = await other.beat(presence("gw-2"), 0, LEASE_MS);
      expect(both.gateways.map(({ id }) => id).sort()).toEqual(["gw-1", "gw-2"]);
      expect(both.fence).toBeGreaterThan(first.fence);
      // Another installation on the same Redis has another secret.
      expect((await stranger.beat(presence("gw-3"), 0, LEASE_MS)).gateways).toHaveLength(1);

      expect((await one.beat(presence("gw-1"), first.fence, LEASE_MS)).fence).toBe(first.fence);
      await other.beat(presence("gw-2"), both.fence, 1);
      const { gateways } = await waitedFor(async () => {
        const roll = await one.beat(presence("gw-1"), first.fence, LEASE_MS);
        return roll.gateways.length === 1 && roll;
      });
      expect(gateways).toEqual([presence("gw-1")]);
      // Taken for dead, it comes back under a higher number.
      const again = await other.beat(presence("gw-2"), both.fence, LEASE_MS);
      expect(again.fence).toBeGreaterThan(both.fence);
      await one.leave("gw-1");
      expect((await other.beat(presence("gw-2"), again.fence, LEASE_MS)).gateways).toHaveLength(1);
    });

    test("records are kept whole, and not changed under a number that is outdated", async () => {
      const bus = await opened();
      const id = `gw-${crypto.randomUUID()}`;
      const change = (seq: number, put: string[], gone: string[] = []) => ({
        seq,
        put: put.map((id) => record(id)),
        gone,
      });
      // Nothing is there that could be changed.
      expect(await bus.write(id, 5, change(1, ["a"]), part)).toBe(false);
      expect(await bus.write(id, 5, change(1, ["a", "b"]), whole)).toBe(true);
      expect(await bus.write(id, 5, change(2, ["c"], ["a"]), part)).toBe(true);
      const { seq, nodes } = await bus.read(id);
      expect(seq).toBe(2);
      expect(nodes.map(({ who }) => who.id).sort()).toEqual(["b", "c"]);
      expect(await bus.write(id, 4, change(3, []), whole)).toBe(false);
      expect(await bus.write(id, 6, change(3, ["d"]), part)).toBe(false);
      expect(await bus.write(id, 6, change(3, ["d"]), whole)).toBe(true);
      expect(await bus.write(id, 5, change(4, ["e"]), part)).toBe(false);
      expect((await bus.read(id)).nodes).toEqual([record("d")]);
      await bus.leave(id);
      expect(await bus.read(id)).toEqual({ seq: 0, nodes: [] });
    });

    test("what one tells all others hear, and penalties are found by those who come later", async () => {
      const heard: Message[] = [];
      const one = await opened();
      const other = await opened(secret, (message) => void heard.push(message));
      const pardon = { is: "pardon", from: "gw-1", identity: "key/n", model: null } as const;
      await one.publish(pardon);
      await waitedFor(() => Promise.resolve(heard.length > 0));
      expect(heard).toEqual([pardon]);

      const penalty = {
        identity: "key/n",
        model: "m",
        code: "upstream_error",
        reason: "it failed",
        until: 2_000,
        faults: 1,
      } as const;
      await one.writePenalty(penalty);
      await one.writePenalty({ ...penalty, model: null, until: 500 });
      expect(await other.readPenalties(1_000)).toEqual([penalty]);
      await one.erasePenalty("key/n", "m");
      expect(await other.readPenalties(1_000)).toEqual([]);
    });

    test("a gateway's record of a node with a few models takes less than a KiB", () => {
      const one = record("node-0123456789abcdef01234567");
      one.who.identity = `${crypto.randomUUID()}/${crypto.randomUUID()}`;
      one.offer.models = ["llama-3.3-70b", "qwen-3-32b", "gpt-oss-120b"];
      one.offer.facts = one.offer.models.map((model) => [model, {
        endpoints: ["/v1/chat/completions", "/v1/completions", "/v1/messages"],
        contextLength: 131_072,
        tools: true,
        vision: false,
      }]);
      expect(JSON.stringify(one).length).toBeLessThan(900);
    });
  });
}

async function waitedFor<T>(probe: () => Promise<T | false>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== false) return found;
    await Bun.sleep(2);
  }
}
