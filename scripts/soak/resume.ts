/** A node's link that is cut anywhere and comes back, with many more seeds. */

import type { Campaign, CampaignOptions } from "./campaign.ts";
import { runTests } from "./simulate.ts";

const SEEDS = 10_000;

export const resume: Campaign = {
  name: "resume",
  about: "10,000 seeds (--runs N: N seeds) of a node's link that is cut anywhere and comes back",
  run: cutAnywhere,
};

async function cutAnywhere({ seed, runs: seeds = SEEDS }: CampaignOptions): Promise<string> {
  const { checks } = await runTests(["./tests/resume_simulation_test.ts"], {
    COLINK_TEST_SEEDS: String(seeds),
    COLINK_TEST_FIRST_SEED: String(seed),
  });
  return `seeds ${seed} to ${
    seed + seeds - 1
  }, ${checks} checks: no byte lost, doubled or out of order`;
}
