import { expect, test } from "bun:test";
import { replaced } from "./document.ts";
import { atLeast, atMost, isMet, type Row } from "./row.ts";
import { textTable } from "./table.ts";

const conditions = {
  rounds: 5,
  dropped: 1,
  disturbed: 0,
  foreignCores: { median: 0.02, min: 0, max: 0.05 },
};
const at = (median: number) => ({ median, min: median, max: median });
const row = (more: Partial<Row>): Row => ({ figure: "CPU", unit: "µs", conditions, ...more });

test("a goal is about the comparison where there is one, else about the gateway's value", () => {
  const goal = atMost(2, "× nginx");
  expect(isMet(row({ gateway: at(50), compared: at(1.9), goal }))).toBe(true);
  expect(isMet(row({ gateway: at(50), goal }))).toBe(false);
  expect(isMet(row({ gateway: at(50) }))).toBe(null);
});

test("a missed goal says by how much, in either direction", () => {
  const text = textTable([
    row({ compared: at(3), goal: atMost(2, "× nginx") }),
    row({ gateway: at(500), goal: atLeast(2000, "streams") }),
    row({ gateway: at(50), goal: atMost(60, "MiB") }),
  ]);
  expect(text).toContain("missed by 50 %");
  expect(text).toContain("missed by 75 %");
  expect(text).toMatch(/≤ 60 MiB +met/);
});

test("a result from rounds that others disturbed says so", () => {
  const disturbed = { ...conditions, disturbed: 2 };
  const text = textTable([
    row({ gateway: at(50), goal: atMost(60, "MiB"), conditions: disturbed }),
  ]);
  expect(text).toContain("met, but disturbed");
  expect(text).toContain("2 of 5 disturbed");
});

test("a row shows the middle value with its spread, and how quiet it was", () => {
  const text = textTable([row({ nginx: { median: 20.44, min: 19.8, max: 1234.5 } })]);
  expect(text).toContain("20.4 (19.8–1,235)");
  expect(text).toContain("0.02–0.05, 1 dropped");
});

test("a document without its marks is left alone, with the reason", () => {
  expect(() => replaced("# Benchmarks", "bench", "table")).toThrow("lacks");
});
