/** How much a key may use: calls a minute, models, and what becomes of it while Redis is away. */

import { beforeAll, describe, expect, test } from "bun:test";
import { Redis } from "ioredis";
import { startRedis } from "../../scripts/testing/redis.ts";
import type { Service } from "../../scripts/testing/service.ts";
import { type Account, createAccount, login, rotateToken } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { createDatabase } from "../harness/database.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { until } from "../harness/wait.ts";

const UNLIMITED = "1000000";

/** A gateway with this limit, an account on it, and a node that answers at once. */
async function start(rpm: string) {
  const gateway = await startGateway({ env: { COLINK_DEFAULT_RPM: rpm } });
  const account = await createAccount(gateway);
  await serve(gateway, account, ["pro-model", "other/model"]);
  return { gateway, account };
}

type Started = Awaited<ReturnType<typeof start>>;

async function serve(gateway: Gateway, owner: Account, models: string[]): Promise<void> {
  answerEveryCall(await joinNode({ gateway, owner, models, maxParallel: 1000 }));
}

const call = (gateway: Gateway, { apiToken }: Account, model = "pro-model") =>
  chat(gateway, apiToken, hello(model));

async function limitKey({ dataDir }: Gateway, { email }: Account, ...limits: string[]) {
  const done = await runGateway(["admin", "limits", "--email", email, ...limits], { dataDir });
  expect(done.code).toBe(0);
}

describe("calls a minute", () => {
  let started: Started;
  beforeAll(async () => void (started = await start("3")), 180_000);

  test("are counted by key, reported on every answer, and refused with 429 beyond the limit", async () => {
    const { gateway, account } = started;
    const neighbour = await createAccount(gateway);
    for (const left of ["2", "1", "0"]) {
      const answer = await call(gateway, account);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-ratelimit-limit-requests")).toBe("3");
      expect(answer.headers.get("x-ratelimit-remaining-requests")).toBe(left);
      expect(answer.headers.get("x-ratelimit-reset-requests")).toMatch(/^(\d+s|1m0s)$/);
    }
    const refused = await call(gateway, account);
    expect(refused.status).toBe(429);
    expect(refused.json.error).toMatchObject({ type: "requests", code: "rate_limit_exceeded" });
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    const retryAfter = Number(refused.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(Math.ceil(Number(refused.headers.get("retry-after-ms")) / 1000)).toBe(retryAfter);

    expect((await call(gateway, neighbour)).status).toBe(200);
    expect((await ask(`${gateway.url}/v1/models`, { token: account.apiToken })).status).toBe(200);
  });

  test("are sixty by default, and a call that is refused for its own fault counts too", async () => {
    const { gateway, account } = await start("");
    const wrong = await chat(gateway, account.apiToken, "nonsense");
    expect(wrong.status).toBe(400);
    expect(wrong.headers.get("x-ratelimit-limit-requests")).toBe("60");
    const streamed = await chat(gateway, account.apiToken, hello("pro-model", { stream: true }));
    expect(streamed.headers.get("x-ratelimit-remaining-requests")).toBe("58");
  });

  test("of 0 block every key that has no limit of its own", async () => {
    const { gateway, account } = await start("0");
    const refused = await call(gateway, account);
    expect(refused.status).toBe(403);
    expect(refused.json.error.code).toBe("key_blocked");
    expect(refused.headers.get("x-ratelimit-limit-requests")).toBe("0");

    const privileged = await createAccount(gateway);
    await limitKey(gateway, privileged, "--rpm", "2");
    const answers = [await call(gateway, privileged), await call(gateway, privileged)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await call(gateway, privileged)).status).toBe(429);
  });

  test("are not exceeded when all arrive at once, nor reset by a new token", async () => {
    const { gateway } = started;
    const account = await createAccount(gateway);
    const answers = await Promise.all(Array.from({ length: 40 }, () => call(gateway, account)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(37);
    const fresh = await rotateToken(gateway, account, "api");
    expect((await call(gateway, fresh)).status).toBe(429);
  });
});

describe("without a limit of calls", () => {
  let started: Started;
  beforeAll(async () => void (started = await start(UNLIMITED)), 180_000);

  test("a key that may use some models sees and calls those, and no other", async () => {
    const { gateway, account } = started;
    const guest = await createAccount(gateway);
    await limitKey(gateway, guest, "--models", "pro-model");

    expect((await call(gateway, guest, "pro-model")).status).toBe(200);
    const refused = await call(gateway, guest, "other/model");
    expect(refused.status).toBe(403);
    expect(refused.json.error).toMatchObject({ code: "model_not_allowed", param: "model" });
    const { json } = await ask<{ data: { id: string }[] }>(`${gateway.url}/v1/models`, {
      token: guest.apiToken,
    });
    expect(json.data.map(({ id }) => id)).toEqual(["pro-model"]);
    const other = `${gateway.url}/v1/models/other/model`;
    expect((await ask(other, { token: guest.apiToken })).status).toBe(404);
    expect((await ask(other, { token: account.apiToken })).status).toBe(200);
  });

  test("an account can replace its tokens at most ten times a minute", async () => {
    const { gateway, account: neighbour } = started;
    let account = await createAccount(gateway);
    for (let i = 0; i < 10; i++) account = await rotateToken(gateway, account, "client");
    await expect(rotateToken(gateway, account, "api")).rejects.toThrow("Refused with 429");
    expect((await ask(`${gateway.url}/v1/models`, { token: account.apiToken })).status).toBe(200);
    await rotateToken(gateway, neighbour, "api");
  });

  test("an address that dials with invalid tokens is refused, and one with a valid token is accepted", async () => {
    const { gateway, account } = started;
    const dial = (clientToken: string) =>
      ask(`${gateway.url}/ws`, { headers: { "client-token": clientToken } });
    const bad = await Promise.all(Array.from({ length: 60 }, () => dial("client-nonsense")));
    expect(new Set(bad.map(({ status }) => status))).toEqual(new Set([401]));
    const throttled = await dial("client-nonsense");
    expect(throttled.status).toBe(429);
    expect(Number(throttled.headers.get("retry-after"))).toBeGreaterThan(0);
    // 426: the token was taken, and only the upgrade was missing.
    expect((await dial(account.clientToken)).status).toBe(426);
  });
});

describe("with Redis", () => {
  const JWT_SECRET = "0123456789abcdef".repeat(4);

  let redis: Service;
  let gateways: readonly [Gateway, Gateway];
  /** Has a node at either gateway. */
  let provider: Account;

  beforeAll(async () => {
    redis = await startRedis();
    endAfterTests(redis.stop);
    const env = {
      DATABASE_URL: await createDatabase(),
      REDIS_URL: redis.url,
      JWT_SECRET,
      COLINK_DEFAULT_RPM: "10",
    };
    gateways = [await startGateway({ env }), await startGateway({ env })];
    for (const { url } of gateways) {
      await until("they know of each other", async () => {
        return /^colink_cluster_gateways 2$/m.test((await ask(`${url}/metrics`)).text);
      });
    }
    provider = await createAccount(gateways[0]);
    for (const gateway of gateways) await serve(gateway, provider, ["pro-model"]);
  }, 180_000);

  const logged = (words: string) => gateways[0].log.filter((line) => line.includes(words)).length;

  test("two gateways count together: of 200 calls at once exactly the limit gets through", async () => {
    await countedTogether(200);
  });

  test("two gateways count wrong passwords together", async () => {
    const { email, password } = await createAccount(gateways[0]);
    for (let i = 0; i < 5; i++) {
      expect((await login(gateways[i % 2]!, email, "wrong password")).status).toBe(401);
    }
    for (const gateway of gateways) {
      expect((await login(gateway, email, password)).status).toBe(429);
    }
  });

  test("that answers but takes no writes, each gateway counts its share, and says so", async () => {
    const [gateway] = gateways;
    const account = await createAccount(gateway);
    const client = new Redis(redis.url);
    endAfterTests(() => client.disconnect());
    const ready = async () => (await ask<Ready>(`${gateway.url}/readyz`)).json;
    await client.call("config", "set", "maxmemory", "1");
    const answers: number[] = [];
    // Five of the ten are this gateway's.
    for (let i = 0; i < 7; i++) answers.push((await call(gateway, account)).status);
    expect(answers).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const { status, checks } = await ready();
    expect(status).toBe("degraded");
    expect(checks.limiter).toContain("it refuses writes: OOM");
    expect((await ask(`${gateway.url}/metrics`)).text).toMatch(/^colink_limits_shared 0$/m);
    // The other gateway, which receives no calls, notices it by itself.
    await until("the other knows", async () => {
      const { json } = await ask<Ready>(`${gateways[1].url}/readyz`);
      return json.checks.limiter.includes("OOM");
    }, 180_000);
    await client.call("config", "set", "maxmemory", "0");
    await until("Redis is used again", async () => (await ready()).status === "ok");
    await until("it is logged", () => logged("limits: Redis is back") === 1);
    expect(logged("limits: Redis is away")).toBe(1);
  }, 180_000);

  test("that dies, each gateway counts its own share of the limit, and the common count is used again once Redis is back", async () => {
    const [gateway] = gateways;
    const account = await createAccount(gateway);
    const ready = async () => (await ask<Ready>(`${gateway.url}/readyz`)).json;
    const [away, back] = [logged("limits: Redis is away"), logged("limits: Redis is back")];
    expect((await ready()).status).toBe("ok");

    await redis.program.kill();
    const answers: number[] = [];
    // Five of the ten are this gateway's.
    for (let i = 0; i < 7; i++) answers.push((await call(gateway, account)).status);
    expect(answers).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(
      await until("it is said", async () => {
        const { status, checks } = await ready();
        return status === "degraded" && checks.limiter;
      }),
    ).toStartWith("redis unavailable");
    expect((await ask(`${gateway.url}/readyz`)).status).toBe(200);
    await until("it is logged", () => logged("limits: Redis is away") === away + 1);

    const again = await startRedis(Number(new URL(redis.url).port));
    endAfterTests(again.stop);
    await until("Redis is used again", async () => (await ready()).status === "ok");
    await until("it is logged", () => logged("limits: Redis is back") === back + 1);
    expect(logged("limits: Redis is away")).toBe(away + 1);
    await until("the other uses it too", async () => {
      const { json } = await ask<Ready>(`${gateways[1].url}/readyz`);
      return json.status === "ok";
    });
    await countedTogether(20);
  });

  /**
   * Resolves once exactly ten of so many calls at once get through. A gateway that waits too long for
   * an answer of Redis', as it may on a busy machine, counts its own share, and so this is tried again.
   */
  async function countedTogether(count: number): Promise<void> {
    await until("exactly the limit gets through", async () => {
      const account = await createAccount(gateways[0]);
      const calls = Array.from({ length: count }, (_, i) => call(gateways[i % 2]!, account));
      const statuses = (await Promise.all(calls)).map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set([200, 429]));
      const served = statuses.filter((status) => status === 200).length;
      if (served === 10) return true;
      throw new Error(`${served} of ${count} got through`);
    });
  }
});

interface Ready {
  status: string;
  checks: { store: string; limiter: string };
}
