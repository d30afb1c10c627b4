/** A Redis server for tests, which keeps nothing on disk. */

import { freePort } from "../free_port.ts";
import { requirements } from "./requirement.ts";
import { type Service, startService, temporaryFolder } from "./service.ts";

export async function startRedis(port: number = freePort()): Promise<Service> {
  const program = requirements.redis.find();
  if (program === null) throw new Error("Cannot start Redis: not found");
  const folder = temporaryFolder("redis");
  return await startService({
    name: "Redis",
    url: `redis://127.0.0.1:${port}`,
    command: [
      program,
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder],
      ...["--save", "", "--appendonly", "no"],
    ],
    ready: /Ready to accept connections/,
    folder,
  });
}
