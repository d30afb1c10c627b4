/// <reference types="bun" />
import { expect, test } from "bun:test";
import { namesIn } from "./name_list.ts";

test("names are parted by the commas of either language, and each counts once", () => {
  expect(namesIn("a, b，c、d ,, a ， ")).toEqual(["a", "b", "c", "d"]);
  expect(namesIn(" 、")).toEqual([]);
  expect(namesIn("qwen3:8b/q4 k")).toEqual(["qwen3:8b/q4 k"]);
});
