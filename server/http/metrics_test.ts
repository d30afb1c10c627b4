import { expect, test } from "bun:test";
import { Budgets } from "../base/budgets.ts";
import type { LedgerEntry } from "../store/store.ts";
import { Metrics } from "./metrics.ts";

function entry(more: Partial<LedgerEntry>): LedgerEntry {
  const known = { endpoint: "/v1/chat/completions", outcome: "ok", status: 200, attempts: 1 };
  return {
    ...known,
    promptTokens: 2,
    completionTokens: 3,
    firstByteMs: 70,
    ...more,
  } as LedgerEntry;
}

test("calls are counted by outcome, with their tokens and attempts, before, between and after scrapes", async () => {
  const metrics = new Metrics(
    { colink_nodes: { help: "Connected nodes", read: () => 4 } },
    new Budgets(),
  );
  metrics.callEnded(entry({}));
  metrics.callEnded(entry({ attempts: 3 }));
  await metrics.scrape();
  metrics.callEnded(
    entry({ outcome: "cancelled", status: 499, promptTokens: null, firstByteMs: null }),
  );
  // A value equal to a limit is within it; one above all limits counts as well.
  metrics.callEnded(entry({ attempts: 0, firstByteMs: 100, promptTokens: 0, completionTokens: 0 }));
  metrics.callEnded(
    entry({ attempts: 0, firstByteMs: 400_000, promptTokens: 0, completionTokens: 0 }),
  );
  const lines = (await metrics.scrape()).text.split("\n");
  const where = `endpoint="/v1/chat/completions"`;
  for (
    const line of [
      `colink_calls_total{${where},outcome="ok",status="200"} 4`,
      `colink_calls_total{${where},outcome="cancelled",status="499"} 1`,
      `colink_tokens_total{kind="prompt"} 4`,
      `colink_tokens_total{kind="completion"} 9`,
      "colink_attempts_total 5",
      "colink_nodes 4",
      `colink_first_byte_seconds_bucket{le="0.05"} 0`,
      `colink_first_byte_seconds_bucket{le="0.1"} 3`,
      `colink_first_byte_seconds_bucket{le="300"} 3`,
      `colink_first_byte_seconds_bucket{le="+Inf"} 4`,
      "colink_first_byte_seconds_sum 400.24",
      "colink_first_byte_seconds_count 4",
    ]
  ) expect(lines).toContain(line);
});

test("each family says what it is, and a label's value cannot end its line or its quotes", async () => {
  const metrics = new Metrics({}, new Budgets());
  metrics.callEnded(entry({ endpoint: 'a"b\\c\nd' }));
  const { text, contentType } = await metrics.scrape();
  expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(text).toContain(
    "# HELP colink_calls_total Calls that have ended, by outcome\n" +
      "# TYPE colink_calls_total counter\n" +
      'colink_calls_total{endpoint="a\\"b\\\\c\\nd",outcome="ok",status="200"} 1\n',
  );
});

test("two scrapes at once are answered alike", async () => {
  const metrics = new Metrics({ colink_nodes: { help: "Nodes", read: () => 4 } }, new Budgets());
  const [one, other] = await Promise.all([metrics.scrape(), metrics.scrape()]);
  expect(one).toEqual(other);
  expect(one.text).toEndWith("colink_nodes 4\n");
});

test("budgets show what is used, their size, and what they refused", async () => {
  const budgets = new Budgets();
  const bytes = budgets.add("bytes", { limit: 9, used: () => 7 });
  budgets.add("names", { limit: 3 });
  bytes.refused();
  bytes.refused();
  const lines = (await new Metrics({}, budgets).scrape()).text.split("\n");
  expect(lines.filter((line) => line.startsWith("colink_budget"))).toEqual([
    'colink_budget_used{budget="bytes"} 7',
    'colink_budget_limit{budget="bytes"} 9',
    'colink_budget_limit{budget="names"} 3',
    'colink_budget_refusals_total{budget="bytes"} 2',
    'colink_budget_refusals_total{budget="names"} 0',
  ]);
});
