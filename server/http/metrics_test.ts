import { expect, test } from "bun:test";
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

test("calls are counted by outcome, with their tokens and attempts, and reading changes nothing", () => {
  const metrics = new Metrics({ colink_nodes: { help: "Connected nodes", read: () => 4 } });
  metrics.callEnded(entry({}));
  metrics.callEnded(entry({ attempts: 3 }));
  metrics.text();
  metrics.callEnded(
    entry({ outcome: "cancelled", status: 499, promptTokens: null, firstByteMs: null }),
  );
  // A value at a limit is in its bucket; values above all limits are counted, too.
  metrics.callEnded(entry({ attempts: 0, firstByteMs: 100, promptTokens: 0, completionTokens: 0 }));
  metrics.callEnded(
    entry({ attempts: 0, firstByteMs: 400_000, promptTokens: 0, completionTokens: 0 }),
  );
  const lines = metrics.text().split("\n");
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
