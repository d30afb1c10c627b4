import { expect, test } from "bun:test";
import { silentLog } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { createLimits } from "./open.ts";

test("limits are in memory without a URL of Redis, and in Redis with one", async () => {
  for (const [redisUrl, trouble] of [[null, null], ["redis://127.0.0.1:1", expect.any(String)]]) {
    const options = {
      redisUrl,
      secret: "",
      gateways: () => 1,
      clock: new FakeClock(),
      log: silentLog,
    };
    const limits = await createLimits(options);
    expect(limits.limiter.trouble).toEqual(trouble);
    await limits.close();
  }
});

test("each counter has its own window, and none counts for another", async () => {
  const options = {
    redisUrl: null,
    secret: "",
    gateways: () => 1,
    clock: new FakeClock(),
    log: silentLog,
  };
  const limits = await createLimits(options);
  const minutes = { failures: 15, signIns: 1, newAccounts: 60, joins: 60 } as const;
  for (const [name, windowMinutes] of Object.entries(minutes)) {
    const { failures, resetMs } = await limits[name as keyof typeof minutes].add("192.0.2.1");
    expect([name, failures, Math.ceil(resetMs / 60_000)]).toEqual([name, 1, windowMinutes]);
  }
  await limits.close();
});
