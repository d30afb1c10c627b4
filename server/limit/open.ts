/** Configuration → limits: Redis where a URL is set, else memory. */

import type { Log } from "../base/log.ts";
import type { FailureCounter, Limiter } from "./limiter.ts";
import { MemoryLimits } from "./memory.ts";

/** Failed sign-ins are forgotten so long after the first. */
const LOGIN_WINDOW_MS = 15 * 60_000;

export interface Limits {
  limiter: Limiter;
  /** Failed sign-ins. */
  failures: FailureCounter;
  close(): Promise<void>;
}

/** Never fails: a Redis that is not there yet is used as soon as it is. */
export async function createLimits(
  { redisUrl, log, gateways }: { redisUrl: string | null; log: Log; gateways?: () => number },
): Promise<Limits> {
  const limiter = redisUrl === null ? new MemoryLimits() : await inRedis(redisUrl, log, gateways);
  return {
    limiter,
    failures: limiter.failures("login", LOGIN_WINDOW_MS),
    close: () => limiter.close(),
  };
}

/** Its client costs megabytes, which a gateway without Redis saves. */
async function inRedis(url: string, log: Log, gateways?: () => number) {
  const { RedisLimits } = await import("./redis.ts");
  return new RedisLimits(url, log, gateways);
}
