/** Preloaded by `bun test`: properties that do not say themselves how often they are tried are tried this often. */

import fc from "fast-check";

const { COLINK_TEST_PROPERTY_RUNS: runs, COLINK_TEST_FIRST_SEED: seed } = process.env;

fc.configureGlobal({ numRuns: Number(runs ?? 100), seed: Number(seed ?? Date.now()) });
