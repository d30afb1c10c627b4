/** Rolling restarts of three gateways under load, again and again. */

import { startPostgres } from "../testing/postgres.ts";
import { startRedis } from "../testing/redis.ts";
import { run } from "../program.ts";
import { root } from "../root.ts";
import type { Campaign } from "./campaign.ts";

const ROUNDS = 3;
const ROUND_MINUTES = 2;

export const rolling: Campaign = {
  name: "rolling",
  about: "3 rolling restarts (--runs N: N) of three gateways under load: no call may fail",
  async run({ runs: rounds = ROUNDS, progress }) {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    progress(`${rounds} rounds`);
    try {
      const timeoutMs = (rounds + 1) * ROUND_MINUTES * 60_000;
      const command = [process.execPath, "test", `--timeout=${timeoutMs}`];
      const { code, output } = await run([...command, "tests/slow/cluster_upgrade_test.ts"], {
        cwd: root,
        env: {
          ...process.env,
          TEST_DATABASE_URL: postgres.url,
          TEST_REDIS_URL: redis.url,
          COLINK_TEST_ROLLING_ROUNDS: String(rounds),
        },
      });
      if (code !== 0) throw new Error(output);
      return `${rounds * 3} gateways replaced, every call answered whole`;
    } finally {
      await Promise.all([postgres.stop(), redis.stop()]);
    }
  },
};
