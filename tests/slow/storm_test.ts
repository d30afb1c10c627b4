/** Many nodes lose their gateway at once: all come back by themselves, and streams go on meanwhile. */

import { beforeAll, describe, expect, test } from "bun:test";
import { StormStage, STREAMS } from "../../scripts/soak/storm/stage.ts";

/** `bun run soak storm` takes 10,000. */
const NODES = 500;

describe(`${NODES} nodes whose gateway is restarted`, () => {
  let stage: StormStage;

  beforeAll(async () => {
    stage = await StormStage.start();
    await stage.startCrowd(NODES);
  }, 180_000);

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(
      `all come back after ${signal}, and no stream that runs meanwhile loses a chunk`,
      async () => {
        const { gaps } = await stage.restart(signal);
        expect(gaps.problems).toEqual([]);
        expect(gaps.streams).toBeGreaterThanOrEqual(STREAMS);
      },
      180_000,
    );
  }
});
