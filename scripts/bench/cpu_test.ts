import { expect, test } from "bun:test";
import { machineCpu, parseProcess, tree, treeCpuMs } from "./cpu.ts";

test("a process's times are found whatever its name holds", () => {
  const line = "42 (a) b (c) S 7 42 42 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 1 0 5 1 1";
  expect(parseProcess(line)).toEqual({ pid: 42, parent: 7, cpuMs: 1100 });
});

test("a tree is the root and all that descend from it, and nothing else", () => {
  const all = [
    { pid: 4, parent: 3, cpuMs: 8 },
    { pid: 1, parent: 0, cpuMs: 1 },
    { pid: 3, parent: 2, cpuMs: 4 },
    { pid: 2, parent: 1, cpuMs: 2 },
    { pid: 5, parent: 1, cpuMs: 16 },
  ];
  expect(tree(2, all).map(({ pid }) => pid)).toEqual([2, 3, 4]);
  expect(treeCpuMs(2, all)).toBe(14);
});

test("the machine's time is busy without idle, and stolen apart", () => {
  const stat = "cpu  10 1 20 1000 500 2 3 7 0 0\ncpu0 1 1 1 1\n";
  expect(machineCpu(stat)).toEqual({ busyMs: 360, stolenMs: 70 });
});
