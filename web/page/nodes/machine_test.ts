import { expect, test } from "bun:test";
import { installBrowser } from "../../testing/browser.ts";

installBrowser();
const { gpusOf, systemOf } = await import("./machine.ts");

const GIB = 2 ** 30;
const nothing = { os: null, arch: null, gpus: [], policy: null };

test("a machine's system is shown as far as the node tells it", () => {
  expect(systemOf({ ...nothing, os: "macOS 15.1", arch: "arm64" })).toBe("macOS 15.1, arm64");
  expect(systemOf({ ...nothing, arch: "x64" })).toBe("x64");
  expect(systemOf(nothing)).toBeNull();
});

test("equal graphics processors are counted, with the memory of each", () => {
  const gpu = (name: string, memory_bytes: number | null) => ({ name, memory_bytes });
  const gpus = [gpu("NVIDIA L4", 24 * GIB), gpu("Radeon", null), gpu("NVIDIA L4", 24 * GIB)];
  expect(gpusOf({ ...nothing, gpus })).toEqual(["2 × NVIDIA L4, 24 GB", "Radeon"]);
  // An RTX 4090 has a little less than its 24 GB.
  expect(gpusOf({ ...nothing, gpus: [gpu("RTX 4090", 25_757_220_864)] }))
    .toEqual(["RTX 4090, 24 GB"]);
  expect(gpusOf(nothing)).toEqual([]);
});
