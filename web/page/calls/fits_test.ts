import { expect, test } from "bun:test";
import type { CallFilter, CallView } from "../../../api/mod.ts";
import { fits } from "./fits.ts";

const call: CallView = {
  id: "req-1",
  side: "made",
  started_at: 1_000,
  endpoint: "/v1/chat/completions",
  alias: null,
  model: "llama",
  stream: true,
  outcome: "node_lost",
  status: 502,
  cause: "node_lost",
  key_id: "k1",
  key_name: "laptop",
  node: "n1",
  node_name: "studio",
  route: "any",
  prompt_tokens: null,
  completion_tokens: null,
  estimated: false,
  delivered_bytes: 0,
  queued_ms: 0,
  first_byte_ms: null,
  duration_ms: 10,
  attempts: [],
  replays: null,
};

test("a call that has just ended is listed when it matches every part of the filter", () => {
  const good: CallFilter[] = [{}, { model: "llama", key: "k1" }, { outcome: "failed" }, {
    status: 502,
    node: "n1",
  }, { from: 1_000, to: 1_001 }];
  const bad: CallFilter[] = [
    { side: "provided" },
    { model: "qwen" },
    { outcome: "ok" },
    {
      key: "k1",
      status: 200,
    },
    { from: 1_001 },
    { to: 1_000 },
  ];
  for (const filter of good) expect(fits(call, filter)).toBe(true);
  for (const filter of bad) expect(fits(call, filter)).toBe(false);
});

test("a call that its caller cancelled is no failure", () => {
  expect(fits({ ...call, outcome: "cancelled", status: 499 }, { outcome: "failed" })).toBe(false);
});
