/** A run's report is read whole: what passed, what did not, and what never ran. */

import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTally, type Tally } from "./tally.ts";

async function tallyOf(cases: string, exitCode: number): Promise<Tally> {
  const file = join(mkdtempSync(join(tmpdir(), "tally-")), "report.xml");
  await Bun.write(file, `<testsuites><testsuite>${cases}</testsuite></testsuites>`);
  return readTally(file, exitCode);
}

const passed = `<testcase name="a &gt; b" file="a_test.ts" assertions="1" />`;
const failed =
  `<testcase name="a &lt;c&gt; d" file="a_test.ts"><failure type="E">x</failure></testcase>`;
const skipped = `<testcase name="e" file="b_test.ts"><skipped message="TODO" /></testcase>`;

test("passed tests are counted, failed and skipped ones are named", async () => {
  expect(await tallyOf(passed + failed + passed + skipped, 1)).toEqual({
    passed: 2,
    failed: ["a_test.ts: a <c> d"],
    skipped: ["b_test.ts: e"],
  });
});

test("a run that ends badly without a failed test is a failure", async () => {
  const tally = await tallyOf(passed, 1);
  expect(tally.passed).toBe(1);
  expect(tally.failed).toHaveLength(1);
});

test("a run without a report is a failure", () => {
  expect(readTally("/nonexistent/report.xml", 139).failed).toHaveLength(1);
});
