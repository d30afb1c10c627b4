/** Configuration → Limits: Redis where a URL is set, else memory. */

import type { Log } from "../log.ts";
import type { Limits } from "./limiter.ts";
import { MemoryLimits } from "./memory.ts";
import { RedisLimits } from "./redis.ts";

/** Never fails: a Redis that is not there yet is used as soon as it is. */
export async function createLimiter(
  { redisUrl, log }: { redisUrl: string | null; log: Log },
): Promise<Limits> {
  if (redisUrl === null) return new MemoryLimits();
  const limits = new RedisLimits(redisUrl, log);
  await limits.connect();
  return limits;
}
