/**
 * fast-check, with which each run of the tests tries the same values: none fails by chance. Another
 * seed and more runs come from outside, as in `bun run soak simulate`.
 */

import fc from "fast-check";

const { COLINK_TEST_PROPERTY_RUNS: runs = "100", COLINK_TEST_FIRST_SEED: seed = "1" } = process.env;

fc.configureGlobal({ numRuns: Number(runs), seed: Number(seed) });

export default fc;
