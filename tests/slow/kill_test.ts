/** Gateway, nodes and callers are killed, stopped and frozen in the middle of calls: the books stay right, and nothing stays held. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { planOf } from "../../scripts/soak/kill/plan.ts";
import { play } from "../../scripts/soak/kill/run.ts";
import { World } from "../../scripts/soak/kill/world.ts";

/** A busy machine may hold a gateway up before it is killed; `bun run soak kill` is stricter. */
const MAY_COST_MS = 1_000;

const databases = [["sqlite", [1, 2, 3, 4, 5]], ["postgres", [6, 7, 8, 9]]] as const;

for (const [database, seeds] of databases) {
  describe(`on ${database}`, () => {
    let world: World;

    beforeAll(async () => {
      world = await World.start(database);
    }, 60_000);
    afterAll(() => world.end(), 20_000);

    for (const seed of seeds) {
      test(
        `what is killed in story ${seed} costs no call its row, and leaves no slot held`,
        async () => {
          const { rows } = await play(world, planOf(seed), { mayCostMs: MAY_COST_MS });
          expect(rows.length).toBeGreaterThan(0);
        },
        60_000,
      );
    }
  });
}
