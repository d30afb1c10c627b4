/** Rate limits in Redis: shared by gateways, and through a Redis that dies, hangs and comes back. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { systemClock } from "../base/clock.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Meter, Verdict } from "./limiter.ts";
import { RedisLimits } from "./redis.ts";

const key = () => crypto.randomUUID();
const secret: string = crypto.randomUUID();

describe("two gateways on one Redis", () => {
  let one: RedisLimits;
  let other: RedisLimits;

  beforeAll(async () => {
    const redisUrl = process.env.TEST_REDIS_URL;
    if (!redisUrl) {
      throw new Error(
        "Cannot test against Redis: TEST_REDIS_URL is not set; `bun run test` starts one",
      );
    }
    one = await connected(redisUrl);
    other = await connected(redisUrl);
  });
  afterAll(() => Promise.all([one?.close(), other?.close()]));

  test("of 200 calls at once exactly the limit is allowed, together", async () => {
    const id = key();
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, (_, i) => (i % 2 ? one : other).take(id, 37)),
    );
    expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(37);
    const refused = verdicts.find((verdict) => !verdict.allowed);
    expect(refused).toMatchObject({ limit: 37, remaining: 0 });
    expect(refused?.retryAfterMs).toBeWithin(1, 60_001);
    expect(one.trouble ?? other.trouble).toBeNull();
  });

  test("a call that one gives back can be made at the other", async () => {
    const id = key();
    expect(await one.take(id, 1)).toMatchObject({ allowed: true });
    one.giveBack(id, 1);
    // Commands of one connection are answered in order.
    await one.take(key(), 1);
    expect(await other.take(id, 1)).toMatchObject({ allowed: true });
    expect(await one.take(id, 1)).toMatchObject({ allowed: false });
  });

  test("an installation with another secret counts for itself, also for the same network", async () => {
    const url = process.env.TEST_REDIS_URL!;
    const stranger = await connected(url, silentLog, "of another installation");
    const network = key();
    await one.failures("signins", 60_000).add(network);
    await one.take(network, 1);
    expect((await stranger.failures("signins", 60_000).add(network)).failures).toBe(1);
    expect(await stranger.take(network, 1)).toMatchObject({ allowed: true });
    await stranger.close();
  });

  test("failures counted by one are seen and cleared by the other", async () => {
    const id = key();
    await one.failures("login", 900_000).add(id);
    expect((await other.failures("login", 900_000).add(id)).failures).toBe(2);
    await other.failures("login", 900_000).clear(id);
    expect((await one.failures("login", 900_000).add(id)).failures).toBe(1);
  });

  test("of 200 calls at once exactly as many are opened as a budget allows, together", async () => {
    const endsAt = Date.now() + 60_000;
    const meters = [
      { name: key(), kind: "requests", limit: 50, endsAt },
      { name: key(), kind: "calls", limit: 20, endsAt },
      { name: key(), kind: "tokens", limit: 10, endsAt },
    ] as const;
    const ids = Array.from({ length: 200 }, key);
    const openings = await Promise.all(
      ids.map((id, i) => (i % 2 ? one : other).meters.open(meters, id)),
    );
    const opened = ids.filter((_, i) => openings[i]!.full === null);
    expect(opened).toHaveLength(20);
    expect(new Set(openings.map(({ full }) => full))).toEqual(new Set([null, 1]));
    one.meters.close(meters, opened[0]!, { tokens: 4, isFree: false });
    one.meters.close(meters, opened[1]!, { tokens: 4, isFree: true });
    await one.take(key(), 1);
    expect(await other.meters.read(meters)).toEqual([19, 18, 4]);
    expect(await other.meters.open(meters, key())).toEqual({ full: null, used: [20, 19, 4] });
    one.meters.close(meters, opened[2]!, { tokens: 6, isFree: false });
    await one.take(key(), 1);
    expect(await other.meters.open(meters, key())).toMatchObject({ full: 2 });
  });

  test("a key with no calls a minute is never allowed any", () => {
    const id = key();
    for (let i = 0; i < 2; i++) {
      // Without asking Redis.
      expect(one.take(id, 0)).toEqual({
        allowed: false,
        limit: 0,
        remaining: 0,
        resetMs: 60_000,
        retryAfterMs: 60_000,
      });
    }
  });

  test("every counter in Redis ends by itself", async () => {
    const id = key();
    await one.take(id, 5);
    const redis = new Redis(process.env.TEST_REDIS_URL ?? "");
    const [name] = await redis.keys(`*${id}*`);
    expect(await redis.pttl(name ?? "")).toBeWithin(1, 60_001);
    redis.disconnect();
  });
});

describe("a Redis that goes away", () => {
  let redis: PrivateRedis;
  beforeAll(async () => redis = await PrivateRedis.start());
  afterAll(() => redis.remove());

  test(
    "is done without while it is dead, is reported once, and is used again when it is back",
    async () => {
      const { log, lines, logged } = recordingLog();
      const limits = await connected(redis.url, log);
      const id = key();
      await limits.take(id, 3);
      expect(limits.trouble).toBeNull();

      await redis.kill();
      await logged("warn");
      expect(limits.trouble).not.toBeNull();
      const verdicts = await Promise.all(Array.from({ length: 10 }, () => limits.take(id, 3)));
      expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(3);
      const ofThree = someLimits(redis.url, silentLog, 3);
      const shares = Array.from({ length: 10 }, () => ofThree.take(id, 9) as Verdict);
      expect(shares.filter((verdict) => verdict.allowed)).toHaveLength(3);
      expect(await ofThree.take(key(), 1)).toMatchObject({ allowed: true });
      await ofThree.close();
      const failures = limits.failures("login", 900_000);
      expect((await failures.add("eve")).failures).toBe(1);
      await failures.clear("eve");
      expect((await failures.add("eve")).failures).toBe(1);

      await redis.restart();
      await logged("info");
      expect(limits.trouble).toBeNull();
      expect(await limits.take(id, 3)).toMatchObject({ allowed: true, remaining: 2 });
      expect(lines).toEqual(["warn", "info"]);
      await limits.close();
    },
    20_000,
  );

  test("that hangs costs one command's time, then nothing, until it answers again", async () => {
    const { log, lines, logged } = recordingLog();
    const limits = await connected(redis.url, log);
    const id = key();
    const endsAt = Date.now() + 600_000;
    const calls: Meter = { name: `${id}:calls`, kind: "calls", limit: 1, endsAt };
    const tokens: Meter = { name: `${id}:tokens`, kind: "tokens", limit: 100, endsAt };
    expect(await limits.meters.open([calls, tokens], "first")).toMatchObject({ full: null });
    redis.signal("SIGSTOP");
    const verdicts = await Promise.all(Array.from({ length: 10 }, () => limits.take(id, 3)));
    expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(3);
    await logged("warn");
    expect(limits.trouble).not.toBeNull();
    limits.meters.close([calls, tokens], "first", { tokens: 30, isFree: false });
    redis.signal("SIGCONT");
    await logged("info");
    expect(limits.trouble).toBeNull();
    // What ended meanwhile is known: its slot is free, and its tokens count.
    expect(await limits.meters.open([calls, tokens], "second")).toEqual({
      full: null,
      used: [1, 30],
    });
    expect(lines).toEqual(["warn", "info"]);
    await limits.close();
  }, 20_000);

  test("that was never there is used as soon as it is", async () => {
    await redis.kill();
    const { log, logged } = recordingLog();
    const limits = someLimits(redis.url, log);
    expect(limits.trouble).not.toBeNull();
    expect(await limits.take(key(), 1)).toMatchObject({ allowed: true });
    await redis.restart();
    await logged("info");
    expect(limits.trouble).toBeNull();
    await limits.close();
  }, 20_000);
});

test("closing ends the connection, and is no failure to report", async () => {
  const { log, lines } = recordingLog();
  const clock = new FakeClock();
  const url = process.env.TEST_REDIS_URL ?? "";
  const limits = new RedisLimits({ url, secret, gateways: () => 1, clock, log });
  while (limits.trouble !== null) await Bun.sleep(1);
  await limits.close();
  while (limits.trouble === null) await Bun.sleep(1);
  expect([lines, clock.pending]).toEqual([[], 0]);
});

test("a Redis that asks for a password is given that of the URL, for its user", async () => {
  const redis = await PrivateRedis.start();
  try {
    await redis.command("acl", "setuser", "colink", "on", ">of-colink", "~*", "+@all");
    await redis.command("config", "set", "requirepass", "of-all");
    const { port } = new URL(redis.url);
    for (const account of [":of-all", "colink:of-colink"]) {
      const limits = await connected(`redis://${account}@127.0.0.1:${port}`);
      expect(await limits.take(key(), 3)).toMatchObject({ allowed: true, remaining: 2 });
      await limits.close();
    }
  } finally {
    await redis.remove();
  }
});

test("a Redis that accepts a connection and never speaks is tried again", async () => {
  const again = Promise.withResolvers<void>();
  let connections = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (++connections === 2) again.resolve();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const limits = someLimits(`redis://127.0.0.1:${port}`, silentLog);
  try {
    await again.promise;
  } finally {
    await limits.close();
    server.close();
  }
});

describe("a Redis that answers but takes no writes", () => {
  const refusals: [what: string, begin: Command, end: Command, word: string][] = [
    ["has no memory left", ["config", "set", "maxmemory", "1"], [
      "config",
      "set",
      "maxmemory",
      "0",
    ], "OOM"],
    ["follows another", ["replicaof", "127.0.0.1", "1"], ["replicaof", "no", "one"], "READONLY"],
  ];
  let redis: PrivateRedis;
  beforeAll(async () => redis = await PrivateRedis.start());
  afterAll(() => redis.remove());

  for (const [what, begin, end, word] of refusals) {
    test(
      `because it ${what} is reported once and done without, and used again afterwards`,
      async () => {
        const { log, lines, logged } = recordingLog();
        const limits = await connected(redis.url, log);
        await redis.command(...begin);
        const id = key();
        const verdicts = await Promise.all(Array.from({ length: 10 }, () => limits.take(id, 3)));
        expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(3);
        expect(limits.trouble).toBe(`it refuses writes: ${word}`);
        // Counted in memory from now on, without asking Redis.
        expect(limits.take(id, 3)).toMatchObject({ allowed: false });
        await redis.command(...end);
        await logged("info");
        expect(limits.trouble).toBeNull();
        expect(await limits.take(id, 3)).toMatchObject({ allowed: true, remaining: 2 });
        expect(lines).toEqual(["warn", "info"]);
        await limits.close();
      },
      20_000,
    );

    test(`because it ${what} is noticed when the gateway connects to it`, async () => {
      await redis.command(...begin);
      const { log, logged } = recordingLog();
      const limits = someLimits(redis.url, log);
      await logged("warn");
      expect(limits.trouble).toBe(`it refuses writes: ${word}`);
      await redis.command(...end);
      await logged("info");
      await limits.close();
    }, 20_000);
  }

  test("is noticed without a call, by a write now and then, and reported each time", async () => {
    const clock = new FakeClock();
    const { log, lines, logged } = recordingLog();
    const limits = new RedisLimits({ url: redis.url, secret, gateways: () => 1, clock, log });
    while (limits.trouble !== null) await Bun.sleep(1);
    await redis.command("config", "set", "maxmemory", "1");
    await clock.pass(9_999);
    expect(clock.pending).toBe(1);
    await clock.pass(1);
    await logged("warn");
    await redis.command("config", "set", "maxmemory", "0");
    await clock.pass(1000);
    await logged("info");
    expect(lines).toEqual(["warn", "info"]);
    await redis.command("config", "set", "maxmemory", "1");
    await clock.pass(10_000);
    while (limits.trouble === null) await Bun.sleep(1);
    expect(lines).toEqual(["warn", "info", "warn"]);
    await redis.command("config", "set", "maxmemory", "0");
    await limits.close();
    expect(clock.pending).toBe(0);
  });
});

test("why Redis cannot be reached or refuses the password outlasts the closing of the connection", async () => {
  const wrong = Object.assign(new URL(process.env.TEST_REDIS_URL!), {
    username: "nobody",
    password: "wrong",
  });
  for (
    const [url, trouble] of [[wrong.href, "WRONGPASS"], ["redis://127.0.0.1:1", "ECONNREFUSED"]]
  ) {
    const { log, logged } = recordingLog();
    const limits = someLimits(url!, log);
    await logged("warn");
    // The connection has closed once it is tried again.
    await Bun.sleep(50);
    expect(limits.trouble).toBe(trouble!);
    await limits.close();
  }
});

function someLimits(url: string, log: Log, gateways = 1, of = secret): RedisLimits {
  return new RedisLimits({ url, secret: of, gateways: () => gateways, clock: systemClock, log });
}

async function connected(
  url: string,
  log: Log = silentLog,
  of = secret,
): Promise<RedisLimits> {
  const limits = someLimits(url, log, 1, of);
  while (limits.trouble !== null) await Bun.sleep(1);
  return limits;
}

/** Records the levels that were logged; `logged` resolves when a level is. */
function recordingLog() {
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  const write = (level: string) => () => {
    lines.push(level);
    waiting.get(level)?.();
  };
  const log = { debug() {}, info: write("info"), warn: write("warn"), error: write("error") };
  const logged = (level: string) =>
    new Promise<void>((resolve) => {
      if (lines.includes(level)) resolve();
      else waiting.set(level, resolve);
    });
  return { log: log as unknown as Log, lines, logged };
}

type Command = [name: string, ...args: string[]];

/** A redis-server of this test's own, which it may kill. */
class PrivateRedis {
  #process: Bun.Subprocess | null = null;
  readonly #folder = mkdtempSync(join(tmpdir(), "colink-redis-"));

  private constructor(private readonly port: number) {}

  static async start(): Promise<PrivateRedis> {
    const redis = new PrivateRedis(await freePort());
    await redis.restart();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    const options = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", ""];
    this.#process = Bun.spawn(["redis-server", ...options, "--dir", this.#folder], {
      stdout: "ignore",
    });
    const probe = new Redis(this.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    probe.on("error", () => {});
    await probe.ping();
    probe.disconnect();
  }

  async command(...[name, ...args]: Command): Promise<void> {
    const redis = new Redis(this.url);
    await redis.call(name, ...args);
    redis.disconnect();
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#process?.exited;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
