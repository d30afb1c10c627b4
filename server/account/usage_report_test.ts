/** The dashboard's figures, over sums that the test makes up. */

import { expect, test } from "bun:test";
import { DAY_MS, HOUR_MS } from "../base/clock.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { BUCKETS } from "../store/histogram.ts";
import type { UsageSum } from "../store/usage.ts";
import type { UsageQuery } from "../store/usage_query.ts";
import { type ReportStore, UsageReport } from "./usage_report.ts";

const clock = new FakeClock();

const sum = (times: number): UsageSum => ({
  calls: 10 * times,
  errors: times,
  promptTokens: 100 * times,
  completionTokens: 50 * times,
  streamTokens: 40 * times,
  streamMs: 500 * times,
  histogram: Array.from({ length: BUCKETS }, (_, at) => at === times ? 4 : 0),
});

/** A report over these sums, and what it asked for. */
function reportOf(series: (UsageSum & { at: number })[] = [], minutesMs = 0) {
  const asked: UsageQuery[] = [];
  const ofModels = ["a", "b", "c", "d", "e", "f"].map((id) => ({ id, ...sum(1) }));
  const store = {
    usage: {
      series: (query: UsageQuery) => Promise.resolve((asked.push(query), series)),
      total: (query: UsageQuery) => Promise.resolve((asked.push(query), sum(0))),
      shares: (_: UsageQuery, dimension: string) =>
        Promise.resolve(
          dimension === "model" ? ofModels : [{ id: `${dimension}-1`, ...sum(1) }],
        ),
      modelSeries: (_: UsageQuery, models: string[]) =>
        Promise.resolve(models.map((model) => ({ model, at: 0, calls: 1, completionTokens: 2 }))),
    },
    keys: { names: () => Promise.resolve(new Map([["key-1", "laptop"]])) },
    nodes: { known: () => Promise.resolve([{ id: "node-1", name: "n", label: null }]) },
  };
  const groups = { groupsOf: () => [], list: () => [] };
  const report = new UsageReport({
    store: store as unknown as ReportStore,
    groups,
    minutesMs,
    clock,
  });
  return { report, asked };
}

test("the total adds up every figure of the series", async () => {
  const { report } = reportOf([{ at: 0, ...sum(1) }, { at: 1, ...sum(2) }]);
  const { total, before, series } = await report.view("acc", {});
  expect(total).toEqual({
    calls: 30,
    errors: 3,
    prompt_tokens: 300,
    completion_tokens: 150,
    first_token_p50_ms: 19,
    first_token_p95_ms: 29,
    tokens_per_second: 80,
  });
  expect(series.map(({ at, calls }) => [at, calls])).toEqual([[0, 10], [1, 20]]);
  expect(before).toMatchObject({ calls: 0, tokens_per_second: null });
});

test("without a range it is the last day, compared with the day before", async () => {
  const { report, asked } = reportOf();
  const { side, step, from, to } = await report.view("acc", {});
  expect([side, step, to - from]).toEqual(["made", "hour", 25 * HOUR_MS]);
  expect(to).toBeWithin(clock.now(), clock.now() + HOUR_MS);
  expect(asked.map(({ from, to }) => [from, to]))
    .toEqual([[from, to], [from - (to - from), from]]);
});

test("the step follows the range, and minutes need rollups that are still kept", async () => {
  const stepOf = async (rangeMs: number, { minutesMs = 0, agoMs = 0 } = {}) => {
    const to = clock.now() - agoMs;
    const { report } = reportOf([], minutesMs);
    return (await report.view("acc", { from: to - rangeMs, to })).step;
  };
  expect(await stepOf(6 * HOUR_MS)).toBe("minute");
  expect(await stepOf(6 * HOUR_MS + 1)).toBe("hour");
  expect(await stepOf(14 * DAY_MS)).toBe("hour");
  expect(await stepOf(14 * DAY_MS + 1)).toBe("day");
  expect(await stepOf(HOUR_MS, { minutesMs: DAY_MS, agoMs: 23 * HOUR_MS })).toBe("minute");
  expect(await stepOf(HOUR_MS, { minutesMs: DAY_MS, agoMs: 23 * HOUR_MS + 1 })).toBe("hour");
});

test("days of a zone begin at its midnights, and are compared with as many days before", async () => {
  const at = (text: string) => Date.parse(text);
  const { report, asked } = reportOf([{ at: at("2026-11-01T00:00Z") / DAY_MS, ...sum(1) }]);
  const range = {
    from: at("2026-10-31T12:00Z"),
    to: at("2026-11-03T01:00Z"),
    step: "day" as const,
  };
  const view = await report.view("acc", { ...range, zone: "America/New_York" });
  const midnights = ["2026-10-31T04:00Z", "2026-11-01T04:00Z", "2026-11-02T05:00Z"].map(at);
  expect(view).toMatchObject({ step: "day", step_ms: DAY_MS, from: midnights[0] });
  expect(view.starts).toEqual(midnights);
  expect(view.to).toBe(at("2026-11-03T05:00Z"));
  expect(view.series.map((point) => point.at)).toEqual([midnights[1]!]);
  expect(asked.map(({ step, from, to }) => [step, from, to])).toEqual([
    ["hour", midnights[0]!, at("2026-11-03T05:00Z")],
    ["hour", at("2026-10-28T04:00Z"), midnights[0]!],
  ]);
  const half = await report.view("acc", { ...range, zone: "Asia/Kolkata" });
  expect(half.starts![0]).toBe(at("2026-10-30T18:30Z"));
  expect(asked.at(-2)).toMatchObject({ from: at("2026-10-30T19:00Z") });
  const hours = await report.view("acc", { zone: "Asia/Kolkata" });
  expect([hours.step, hours.starts]).toEqual(["hour", undefined]);
});

test("an unknown zone is rejected, and more than 400 of its days", async () => {
  const { report } = reportOf();
  const from = clock.now() - 500 * DAY_MS;
  for (const filter of [{ zone: "Mars/Olympus", step: "day" as const }, { zone: "UTC", from }]) {
    await expect(report.view("acc", filter)).rejects.toMatchObject({ code: "invalid_request" });
  }
});

test("an empty range is rejected, and one of more than 2,000 steps", async () => {
  const { report } = reportOf();
  const to = 5000 * HOUR_MS;
  const view = (from: number) => report.view("acc", { from, to, step: "hour" });
  await expect(view(to)).rejects.toMatchObject({ code: "invalid_request", param: "from" });
  expect((await view(to - 2000 * HOUR_MS)).from).toBe(3000 * HOUR_MS);
  await expect(view(to - 2000 * HOUR_MS - 1))
    .rejects.toMatchObject({ code: "invalid_request", param: "step" });
});

test("shares carry names, and the five busiest models a series", async () => {
  const view = await reportOf().report.view("acc", {});
  expect(view.by_key.map(({ id, name }) => [id, name])).toEqual([["key-1", "laptop"]]);
  expect(view.by_node.map(({ id, name }) => [id, name])).toEqual([["node-1", "n"]]);
  expect(view.by_model).toHaveLength(6);
  expect(view.model_series.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "e"]);
  expect(view.model_series[0]!.points).toEqual([{ at: 0, calls: 1, completion_tokens: 2 }]);
});

test("a node's owner learns nothing about keys", async () => {
  const { report, asked } = reportOf();
  const view = await report.view("acc", { side: "provided", key: "key-1" });
  expect(view.by_key).toEqual([]);
  expect(asked.every(({ keyId }) => keyId === undefined)).toBe(true);
  await report.view("acc", { key: "key-1" });
  expect(asked.at(-1)).toMatchObject({ keyId: "key-1" });
});

test("an account's reports are made one after the other, and hold up no other account's", async () => {
  const { report, asked } = reportOf();
  const failed = report.view("acc", { from: 2, to: 1 });
  const reports = [report.view("acc", {}), report.view("acc", {})];
  await report.view("other", {});
  const accounts = () => new Set(asked.map(({ accountId }) => accountId));
  expect(accounts()).toEqual(new Set(["other"]));
  await expect(failed).rejects.toThrow("from must be before to");
  await reports[0];
  expect(asked.filter(({ accountId }) => accountId === "acc")).toHaveLength(2);
  await reports[1];
  expect(asked.filter(({ accountId }) => accountId === "acc")).toHaveLength(4);
});
