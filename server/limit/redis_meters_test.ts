/** What budgets count in Redis, where Redis fails at a certain moment. */

import { expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { Meter } from "./limiter.ts";
import { MemoryMeters } from "./memory_meters.ts";
import type { RedisClient } from "./redis_client.ts";
import { RedisMeters } from "./redis_meters.ts";

test("an ended call that Redis fails to take when it is back gives its slot back the next time", async () => {
  const clock = new FakeClock();
  const slots: Meter = { name: "slots", kind: "calls", limit: 1, endsAt: clock.now() + 60_000 };
  const failures: unknown[] = [];
  const taken: string[] = [];
  let isAway = true;
  let fails = true;
  const redis = {
    eval: (_script: string, _keys: number, _key: string, callId: string) => {
      if (fails) return Promise.reject(new Error("gone again"));
      taken.push(callId);
      return Promise.resolve(null);
    },
  } as unknown as RedisClient;
  const meters = new RedisMeters({
    redis,
    isAway: () => isAway,
    onFailure: (error) => void failures.push(error),
    own: new MemoryMeters(),
    gateways: () => 1,
    clock,
  });
  meters.close([slots], "call", { tokens: 5, isFree: false });
  isAway = false;
  meters.returned();
  await Promise.resolve();
  expect(failures).toHaveLength(1);
  fails = false;
  meters.returned();
  meters.returned();
  expect(taken).toEqual(["call"]);
});
