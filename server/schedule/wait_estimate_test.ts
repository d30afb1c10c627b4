import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { WaitEstimate } from "./wait_estimate.ts";

const service = { model: "m", endpoint: Endpoint.chat };

function measured(...durationsMs: number[]): WaitEstimate {
  const estimate = new WaitEstimate();
  for (const durationMs of durationsMs) estimate.measured(service, durationMs);
  return estimate;
}

describe("the estimate of a wait", () => {
  test("is five seconds per call until one was measured", () => {
    expect(measured().expectedWaitMs(service, 0, 1)).toBe(5_000);
  });

  test("follows the newest calls by a fifth each, per service", () => {
    const estimate = measured(10_000, 20_000);
    expect(estimate.expectedWaitMs(service, 0, 1)).toBe(12_000);
    expect(estimate.expectedWaitMs({ ...service, endpoint: Endpoint.responses }, 0, 1)).toBe(5_000);
    estimate.measured(service, 2_000);
    expect(estimate.expectedWaitMs(service, 0, 1)).toBe(10_000);
  });

  test("grows with the calls before it and shrinks with the slots", () => {
    const estimate = measured(6_000);
    expect(estimate.expectedWaitMs(service, 3, 1)).toBe(24_000);
    expect(estimate.expectedWaitMs(service, 3, 5)).toBe(4_800);
    expect(estimate.expectedWaitMs(service, 0, 0)).toBe(6_000);
  });

  test("is whole milliseconds, and a second at least", () => {
    expect(measured(10).expectedWaitMs(service, 0, 1)).toBe(1_000);
    expect(measured(10_000).expectedWaitMs(service, 0, 3)).toBe(3_334);
  });

  test("is kept for 10,000 services, which are measured on", () => {
    const estimate = new WaitEstimate();
    const other = (i: number) => ({ model: `model-${i}`, endpoint: Endpoint.chat });
    for (let i = 0; i <= 10_000; i++) estimate.measured(other(i), 9_000);
    expect(estimate.expectedWaitMs(other(9_999), 0, 1)).toBe(9_000);
    expect(estimate.expectedWaitMs(other(10_000), 0, 1)).toBe(5_000);
    estimate.measured(other(0), 4_000);
    expect(estimate.expectedWaitMs(other(0), 0, 1)).toBe(8_000);
  });
});
