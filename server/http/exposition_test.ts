import { expect, test } from "bun:test";
import { exposition } from "./exposition.ts";

test("each family begins with its help and type, then lists its samples with their labels", () => {
  const samples = [{ labels: { kind: "a", more: "b" }, value: 2 }, { value: 0.5 }];
  expect(exposition([{ name: "calls_total", type: "counter", help: "Calls", samples }])).toBe(
    "# HELP calls_total Calls\n" +
      "# TYPE calls_total counter\n" +
      'calls_total{kind="a",more="b"} 2\n' +
      "calls_total 0.5\n",
  );
});

test("a label's value cannot end its line or its quotes", () => {
  const samples = [{ labels: { model: 'a"b\\c\nd' }, value: 1 }];
  expect(exposition([{ name: "x", type: "gauge", help: "X", samples }])).toContain(
    'x{model="a\\"b\\\\c\\nd"} 1\n',
  );
});
