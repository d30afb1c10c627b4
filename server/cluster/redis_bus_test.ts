/** The bus on every form of Redis, and on the one in memory that other tests use: leases, fencing tokens, records, messages. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Redis } from "ioredis";
import { networkTo } from "../../tests/harness/network.ts";
import { systemClock } from "../base/clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Bus, BusListener, Message, Presence } from "./bus.ts";
import { keysOf, RedisBus } from "./redis_bus.ts";
import { MemoryRedis } from "./testing/memory_redis.ts";
import { record } from "./testing/record.ts";
import { startRedisCluster, startSentinel, type TestRedis } from "./testing/redis.ts";
import { slowNetworkTo } from "./testing/slow_network.ts";

const LEASE_MS = 60_000;
const whole = { isWhole: true, keepMs: 60_000 };
const part = { isWhole: false, keepMs: 60_000 };

/** Opens a bus for the gateways of one secret. */
type Open = (secret: string, listener: BusListener) => Bus;

interface Form {
  open: Open;
  stop(): Promise<void>;
}

function redisUrl(): string {
  const url = process.env.TEST_REDIS_URL;
  if (!url) throw new Error("TEST_REDIS_URL is not set; `bun run test` starts a Redis");
  return url;
}

function overRedis({ url, stop }: TestRedis): Form {
  const open: Open = (secret, listener) => new RedisBus(url, secret, silentLog, listener);
  return { open, stop };
}

function inMemory(): Form {
  const bySecret = new Map<string, MemoryRedis>();
  const open: Open = (secret, listener) => {
    const redis = bySecret.get(secret) ?? new MemoryRedis(systemClock);
    bySecret.set(secret, redis);
    return redis.openBus(listener);
  };
  return { open, stop: () => Promise.resolve() };
}

const forms: Record<string, () => Promise<Form>> = {
  "one Redis": () => Promise.resolve(overRedis({ url: redisUrl(), stop: () => Promise.resolve() })),
  "a Redis under Sentinel": async () => overRedis(await startSentinel()),
  "a Redis Cluster of three servers": async () => overRedis(await startRedisCluster()),
  "the Redis in memory": () => Promise.resolve(inMemory()),
};

function presence(id: string): Presence {
  return { id, url: `http://${id}`, version: "1", seq: 0, isDraining: false, nodes: 0 };
}

const penalty = {
  identity: "key/n",
  model: "m",
  code: "upstream_error",
  reason: "it failed",
  until: 2_000,
  faults: 1,
  at: 1,
} as const;

function change(seq: number, put: string[], gone: string[] = []) {
  return { seq, put: put.map((id) => record(id)), gone };
}

for (const [name, start] of Object.entries(forms)) {
  describe(`on ${name}`, () => {
    let form: Form;
    const buses: Bus[] = [];
    const secret = crypto.randomUUID();
    const opened = async (
      its: string = secret,
      received: (message: Message) => void = () => {},
    ): Promise<Bus> => {
      const { promise, resolve: subscribed } = Promise.withResolvers<void>();
      const bus = form.open(its, { received, subscribed });
      buses.push(bus);
      await bus.opened();
      await promise;
      return bus;
    };
    beforeAll(async () => form = await start(), 20_000);
    afterAll(async () => {
      for (const bus of buses) bus.close();
      await form?.stop();
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
        const reply = await one.beat(presence("gw-1"), first.fence, LEASE_MS);
        return reply.gateways.length === 1 && reply;
      });
      expect(gateways).toEqual([presence("gw-1")]);
      // The gateway's lease has expired: it gets a higher token.
      const again = await other.beat(presence("gw-2"), both.fence, LEASE_MS);
      expect(again.fence).toBeGreaterThan(both.fence);
      await one.leave("gw-1");
      expect((await other.beat(presence("gw-2"), again.fence, LEASE_MS)).gateways).toHaveLength(1);
    });

    test("a heartbeat replaces what is known of its gateway", async () => {
      const bus = await opened(crypto.randomUUID());
      const { fence } = await bus.beat(presence("gw-1"), 0, LEASE_MS);
      const later = { ...presence("gw-1"), isDraining: true, seq: 7 };
      expect((await bus.beat(later, fence, LEASE_MS)).gateways).toEqual([later]);
      // A gateway that has forgotten its token gets a new one.
      expect((await bus.beat(later, 0, LEASE_MS)).fence).toBeGreaterThan(fence);
    });

    test("records are kept whole, and not changed under an outdated token", async () => {
      const bus = await opened();
      const id = `gw-${crypto.randomUUID()}`;
      // There is nothing to change.
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

    test("a record of thousands of nodes is read as a whole", async () => {
      const bus = await opened();
      const id = `gw-${crypto.randomUUID()}`;
      const ids = Array.from({ length: 2_500 }, (_, i) => `n${i}`);
      await bus.write(id, 5, { ...change(1, ids.slice(0, 500)), hasMore: true }, whole);
      expect(await bus.read(id)).toMatchObject({ seq: 1, hasMore: true });
      for (let at = 500; at < ids.length; at += 500) {
        await bus.write(id, 5, change(at, ids.slice(at, at + 500), [`n${at - 1}`]), part);
      }
      const { seq, nodes, hasMore } = await bus.read(id);
      expect(hasMore).toBeUndefined();
      const gone = ["n499", "n999", "n1499", "n1999"];
      expect(seq).toBe(2_000);
      expect(nodes.map(({ who }) => who.id).sort())
        .toEqual(ids.filter((one) => !gone.includes(one)).sort());
    });

    test("a record expires when nothing is written any more, and every write renews it", async () => {
      const bus = await opened();
      const [kept, dying] = [`gw-${crypto.randomUUID()}`, `gw-${crypto.randomUUID()}`];
      for (const id of [kept, dying]) {
        await bus.write(id, 5, change(1, ["a"]), { isWhole: true, keepMs: 5 });
      }
      await bus.write(kept, 5, change(1, ["a"]), whole);
      await bus.write(kept, 5, change(1, []), part);
      await waitedFor(async () => (await bus.read(dying)).nodes.length === 0);
      expect(await bus.read(dying)).toEqual({ seq: 0, nodes: [] });
      expect(await bus.write(dying, 5, change(2, ["b"]), part)).toBe(false);
      expect((await bus.read(kept)).nodes).toHaveLength(1);
    });

    test("a message reaches all gateways that listen, the sender included", async () => {
      const received: Message[] = [];
      const keep = (message: Message) => void received.push(message);
      const one = await opened(secret, keep);
      await opened(secret, keep);
      await opened("else", keep);
      const pardon = { is: "pardon", from: "gw-1", identity: "key/n", model: null, at: 1 } as const;
      await one.publish(pardon);
      await waitedFor(() => Promise.resolve(received.length > 1));
      expect(received).toEqual([pardon, pardon]);
    });

    test("penalties are found by gateways that come later, until they end or are erased", async () => {
      const [one, other] = [await opened(), await opened()];
      await one.writePenalty(penalty);
      await one.writePenalty({ ...penalty, model: null, until: 1_000 });
      await one.writePenalty({ ...penalty, identity: "key/o", until: 1_001 });
      const found = await other.readPenalties(1_000);
      expect(found.map(({ identity }) => identity).sort()).toEqual(["key/n", "key/o"]);
      expect(found.find(({ identity }) => identity === "key/n")).toEqual(penalty);
      // What has ended is gone, also for a clock that goes back.
      expect(await other.readPenalties(0)).toHaveLength(2);
      await one.writePenalty({ ...penalty, until: 3_000 });
      await one.erasePenalty("key/o", null);
      await one.erasePenalty("key/o", "m");
      expect(await other.readPenalties(1_000)).toEqual([{ ...penalty, until: 3_000 }]);
      await one.erasePenalty("key/n", "m");
      expect(await other.readPenalties(1_000)).toEqual([]);
    });

    test("an answer belongs to the gateway that says so first, until its record expires or is erased", async () => {
      const [one, two] = await Promise.all([opened(), opened()]);
      const owners = [one, two].map((_, i) => ({ gateway: `gw-${i}`, callId: `req-${i}` }));
      const place = `acc key ${crypto.randomUUID()}`;
      const claims = await Promise.all([
        one.claimAnswer(place, owners[0]!, 60_000),
        two.claimAnswer(place, owners[1]!, 60_000),
      ]);
      expect(claims[0]).toEqual(claims[1]!);
      const winner = claims[0]!;
      expect(await one.claimAnswer(place, winner, 60_000)).toEqual(winner);
      expect(await two.readAnswer(place)).toEqual(winner);
      await one.eraseAnswer(winner.gateway, place);
      expect(await two.readAnswer(place)).toBeNull();
      await two.claimAnswer(place, owners[1]!, 60_000);
      await two.renewAnswer(place, owners[1]!, 1);
      while (await one.readAnswer(place) !== null) await Bun.sleep(1);
    });

    test("an answer is moved, renewed and erased only by the gateway that its record names", async () => {
      const [one, two] = await Promise.all([opened(), opened()]);
      const place = `acc key ${crypto.randomUUID()}`;
      const [own, next] = ["gw-1", "gw-2"].map((gateway) => ({ gateway, callId: "req" }));
      await one.claimAnswer(place, own!, 60_000);
      await two.moveAnswer("gw-3", place, next!, 60_000);
      await two.renewAnswer(place, { ...own!, gateway: "gw-3" }, 1);
      await one.renewAnswer(place, { ...own!, callId: "req of before" }, 1);
      await two.eraseAnswer("gw-3", place);
      // Longer than the millisecond for which a stranger renewed it.
      await Bun.sleep(5);
      expect(await one.readAnswer(place)).toEqual(own!);
      await one.moveAnswer("gw-1", place, next!, 60_000);
      // The gateway that gave it away ends its copy.
      await one.eraseAnswer("gw-1", place);
      await one.moveAnswer("gw-1", place, own!, 60_000);
      expect(await two.readAnswer(place)).toEqual(next!);
      expect(await one.claimAnswer(place, own!, 60_000)).toEqual(next!);
      await two.eraseAnswer("gw-2", place);
      // A record that has expired is written anew.
      await one.moveAnswer("gw-1", place, next!, 60_000);
      expect(await one.readAnswer(place)).toEqual(next!);
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

describe("somebody who writes to Redis without the secret", () => {
  let raw: Redis;
  let warnings: string[];
  let received: Message[];
  let bus: RedisBus;
  let reader: RedisBus;
  let keys: ReturnType<typeof keysOf>;
  const id = `gw-${crypto.randomUUID()}`;

  // For each test, because a bus warns once a minute.
  beforeEach(async () => {
    raw = new Redis(redisUrl());
    [warnings, received] = [[], []];
    const warn = ((_fields: unknown, text: string) => void warnings.push(text)) as never;
    const log = { ...silentLog, warn } as Log;
    const { promise, resolve: subscribed } = Promise.withResolvers<void>();
    const listener = { received: (message: Message) => void received.push(message), subscribed };
    const secret = crypto.randomUUID();
    bus = new RedisBus(redisUrl(), secret, log, listener);
    reader = new RedisBus(redisUrl(), secret, silentLog, { received() {}, subscribed() {} });
    await Promise.all([bus.opened(), reader.opened(), promise]);
    await bus.beat(presence(id), 0, LEASE_MS);
    keys = keysOf(secret);
  });

  afterEach(async () => {
    await bus.leave(id);
    for (const one of [bus, reader]) one.close();
    raw.disconnect();
  });

  /** Something that the bus publishes itself, after all that was published before. */
  async function afterAllMessages(): Promise<void> {
    await bus.publish({ is: "roll", from: "last" });
    await waitedFor(() => Promise.resolve(received.some(({ from }) => from === "last")));
  }

  test("cannot rewrite a gateway's address, nor add a gateway, nor bring an earlier state back", async () => {
    const gateways = keys.presences;
    const seen = async () => (await reader.beat(presence("reader"), 0, LEASE_MS)).gateways;
    const signed = (await raw.hget(gateways, id))!;
    const elsewhere = { ...presence(id), url: "http://10.6.6.6:1" };
    for (
      const forged of [
        signed.replace(`http://${id}`, "http://10.6.6.6:1"),
        JSON.stringify(elsewhere),
        JSON.stringify({ at: Date.now(), n: 1e9, value: elsewhere }),
        "",
        " ",
      ]
    ) {
      await raw.hset(gateways, id, forged);
      expect(await seen()).toEqual([presence("reader")]);
    }
    expect(warnings).toEqual([]);
    await bus.beat(presence(id), 0, LEASE_MS);
    expect(await seen()).toContainEqual(presence(id));
    const later = { ...presence(id), seq: 9 };
    await bus.beat(later, 0, LEASE_MS);
    expect(await seen()).toContainEqual(later);
    // Of its own records the newest counts, wherever the earlier one is put.
    await raw.hset(gateways, id, signed, "gw-copy", signed);
    for (const one of await seen()) expect(one).not.toEqual(presence(id));
    await raw.hdel(gateways, "gw-copy");
  });

  test("cannot publish a penalty of a year, for all that ask later or listen now", async () => {
    const year = { ...penalty, until: Date.now() + 365 * 86_400_000 };
    const field = JSON.stringify([penalty.identity, penalty.model]);
    await raw.hset(keys.penalties, field, JSON.stringify(year));
    expect(await bus.readPenalties(0)).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("signed");
    const message = { is: "penalty", from: "gw-6", penalty: year };
    await raw.publish(keys.channel, JSON.stringify(message));
    await raw.publish(keys.channel, JSON.stringify({ at: Date.now(), n: 1e9, value: message }));
    // A true one, made longer, and put in another node's place.
    await bus.writePenalty({ ...penalty, until: 2_000 });
    const signed = (await raw.hget(keys.penalties, field))!;
    await raw.hset(
      keys.penalties,
      field,
      signed.replace('"until":2000', '"until":9999999999999'),
    );
    await raw.hset(keys.penalties, JSON.stringify(["key/o", "m"]), signed);
    expect(await bus.readPenalties(0)).toEqual([]);
    received.length = 0;
    await afterAllMessages();
    expect(received).toEqual([{ is: "roll", from: "last" }]);
  });

  test("cannot repeat a message, however often", async () => {
    const heard: string[] = [];
    const spy = new Redis(redisUrl());
    await spy.subscribe(keys.channel);
    spy.on("message", (_channel, text) => void heard.push(text));
    received.length = 0;
    await bus.publish({ is: "roll", from: "gw-1" });
    await bus.publish({ is: "roll", from: "gw-2" });
    await waitedFor(() => Promise.resolve(heard.length === 2));
    for (const text of [...heard, ...heard]) await raw.publish(keys.channel, text);
    await afterAllMessages();
    expect(received.map(({ from }) => from)).toEqual(["gw-1", "gw-2", "last"]);
    spy.disconnect();
  });

  test("cannot change a gateway's nodes, nor give it those of another", async () => {
    const other = `gw-${crypto.randomUUID()}`;
    await bus.write(id, 5, change(7, ["a", "b"]), whole);
    await bus.write(other, 5, change(9, ["c"]), whole);
    const { nodes } = keys;
    const signed = (await raw.hget(nodes(id), "a"))!;
    await raw.hset(nodes(id), {
      a: signed.replace('"maxParallel":1', '"maxParallel":9999'),
      x: signed,
      c: (await raw.hget(nodes(other), "c"))!,
      y: JSON.stringify(record("y")),
      "#seq": (await raw.hget(nodes(other), "#seq"))!,
    });
    const found = await bus.read(id);
    expect(found.nodes.map(({ who }) => who.id)).toEqual(["b"]);
    // Behind what is known already: the list does not count.
    expect(found.seq).toBe(0);
    await Promise.all([bus.leave(id), bus.leave(other)]);
  });
});

describe("a gateway's connection to Redis", () => {
  function open(url: string, more: Partial<BusListener> = {}, log: Partial<Log> = {}) {
    const events: string[] = [];
    const secret = crypto.randomUUID();
    const bus = new RedisBus(url, secret, { ...silentLog, ...log } as Log, {
      received: ({ from }) => void events.push(`received ${from}`),
      subscribed: () => void events.push("subscribed"),
      ...more,
    });
    return { bus, events, secret };
  }

  test("renews an answer's record with one command", async () => {
    const { bus } = open(redisUrl());
    await bus.opened();
    const monitor = await new Redis(redisUrl()).monitor();
    const commands: string[][] = [];
    monitor.on("monitor", (_time, command: string[], source: string) => {
      if (source !== "lua") commands.push(command);
    });
    const raw = new Redis(redisUrl());
    const [place, callId, end] = Array.from({ length: 3 }, () => crypto.randomUUID()) as [
      string,
      string,
      string,
    ];
    const owner = { gateway: "gw-1", callId };
    await bus.claimAnswer(place, owner, 60_000);
    // The first script is sent whole, where Redis does not know it yet.
    for (let i = 0; i < 3; i++) await bus.renewAnswer(place, owner, 60_000 + i);
    await raw.echo(end);
    await waitedFor(() => Promise.resolve(commands.some((command) => command.includes(end))));
    const [key] = commands.find((command) => command.some((part) => part.includes(callId)))!
      .slice(1);
    const sent = commands.filter((command) => command.includes(key!)).slice(-3);
    expect(sent.map((command) => command.at(-1))).toEqual(["60000", "60001", "60002"]);
    for (const client of [raw, monitor]) client.disconnect();
    bus.close();
  });

  test("is used while Redis answers slowly, as from far away", async () => {
    const network = await slowNetworkTo(redisUrl(), 200);
    const { bus, events } = open(network.url);
    await bus.opened();
    const { gateways } = await bus.beat(presence("gw-1"), 0, LEASE_MS);
    expect(gateways).toEqual([presence("gw-1")]);
    await waitedFor(() => Promise.resolve(events.length > 0));
    bus.close();
    network.stop();
  }, 20_000);

  test("that cannot be opened does not hold up a gateway that starts", async () => {
    const { bus, events } = open("redis://127.0.0.1:1");
    await bus.opened();
    expect(await bus.beat(presence("gw-1"), 0, LEASE_MS).catch(() => "away")).toBe("away");
    expect(events).toEqual([]);
    bus.close();
  }, 20_000);

  test(
    "that receives no messages any more is opened again, and the gateway is notified",
    async () => {
      const network = await networkTo(redisUrl());
      const warnings: string[] = [];
      const warn = (_fields: unknown, text: string) => void warnings.push(text);
      const { bus, events } = open(network.url, {}, { warn: warn as never });
      await bus.opened();
      await waitedFor(() => Promise.resolve(events.length > 0));
      const beat = () => bus.beat(presence("gw-1"), 0, LEASE_MS);
      // Echoes arrive: nothing is opened again, however many heartbeats there are.
      for (let i = 0; i < 5; i++) {
        await beat();
        await bus.publish({ is: "roll", from: String(i) });
        await waitedFor(() => Promise.resolve(events.includes(`received ${i}`)));
      }
      expect(events.filter((event) => event === "subscribed")).toHaveLength(1);
      network.freezeThose("subscribe");
      for (let i = 0; i < 3; i++) await beat();
      expect(warnings).toEqual([]);
      await waitedFor(async () => {
        await beat();
        return warnings.length > 0;
      });
      expect(warnings).toHaveLength(1);
      await waitedFor(() =>
        Promise.resolve(events.filter((event) => event === "subscribed").length === 2)
      );
      await bus.publish({ is: "roll", from: "again" });
      await waitedFor(() => Promise.resolve(events.includes("received again")));
      bus.close();
    },
    20_000,
  );

  test("survives a message that cannot be read, and one that cannot be handled", async () => {
    const errors: unknown[] = [];
    const received: string[] = [];
    const { bus, secret } = open(redisUrl(), {
      received({ from }) {
        received.push(from);
        if (from === "bad") throw new Error("a fault of ours");
      },
    }, {
      error: (fields) => void errors.push(fields),
      warn: (fields) => void errors.push(fields),
    });
    const raw = new Redis(redisUrl());
    await bus.opened();
    await waitedFor(async () => {
      await bus.publish({ is: "roll", from: "bad" });
      return received.length > 0;
    });
    await raw.publish(keysOf(secret).channel, "no JSON");
    await bus.publish({ is: "roll", from: "good" });
    await waitedFor(() => Promise.resolve(received.includes("good")));
    expect(errors.length).toBeGreaterThan(1);
    raw.disconnect();
    bus.close();
  }, 20_000);

  test(
    "writes penalties that expire when no gateway is left, and echoes to itself alone",
    async () => {
      const raw = new Redis(redisUrl());
      const { bus, events, secret } = open(redisUrl());
      await bus.opened();
      await waitedFor(() => Promise.resolve(events.length > 0));
      await bus.writePenalty(penalty);
      const { penalties } = keysOf(secret);
      expect(await raw.pttl(penalties)).toBeGreaterThan(3_600_000);
      await bus.beat(presence("gw-1"), 0, LEASE_MS);
      await bus.publish({ is: "roll", from: "gw-1" });
      await waitedFor(() => Promise.resolve(events.length > 1));
      expect(events).toEqual(["subscribed", "received gw-1"]);
      await raw.del(penalties);
      raw.disconnect();
      bus.close();
    },
    20_000,
  );
});

async function waitedFor<T>(probe: () => Promise<T | false>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== false) return found;
    await Bun.sleep(2);
  }
}
