import { describe, expect, test } from "bun:test";
import { machineProblem, MAX_MACHINE_GPUS, MAX_MACHINE_TEXT_CHARS } from "./machine_facts.ts";

const longest = "x".repeat(MAX_MACHINE_TEXT_CHARS);
const gpu = { name: "NVIDIA GeForce RTX 4090", memory_bytes: 25_757_220_864 };

describe("machine", () => {
  const right: [string, unknown][] = [
    ["is optional", undefined],
    ["may tell nothing", {}],
    ["may tell a part", { os: "macOS 15.1" }],
    ["tells system, architecture and processors", { os: longest, arch: "arm64", gpus: [gpu] }],
    ["tells its terms", { policy: { hours: "mon-fri 19:00-07:00", power: "mains" } }],
    ["tells that it has no terms", { policy: {} }],
    ["may know no memory", { gpus: [{ name: "Apple M2" }] }],
    ["may have members of later versions", { cores: 12, gpus: [{ ...gpu, watts: 450 }] }],
  ];
  for (const [name, machine] of right) {
    test(name, () => expect(machineProblem(machine)).toBeNull());
  }

  const wrong: [string, unknown][] = [
    ["is no object", "Linux"],
    ["is null", null],
    ["has a system that is no text", { os: 7 }],
    ["has a system that is too long", { os: longest + "x" }],
    ["has an empty system", { os: "" }],
    ["has an invisible character", { os: "Ubuntu\u202e 24.04" }],
    ["has a line break", { arch: "x64\n" }],
    ["has processors that are no list", { gpus: gpu }],
    ["has too many processors", { gpus: Array(MAX_MACHINE_GPUS + 1).fill(gpu) }],
    ["has a processor that is no object", { gpus: [null] }],
    ["has a processor without a name", { gpus: [{ memory_bytes: 1 }] }],
    ["has a processor with an invisible name", { gpus: [{ name: "\u2800" }] }],
    ["has terms that are no object", { policy: ["mains"] }],
    ["has a term that is no text", { policy: { idle: 7 } }],
    ["has a term with an invisible name", { policy: { "\u200b": "x" } }],
    ["has too many terms", {
      policy: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`t${i}`, "x"])),
    }],
    ["has a memory that is no count", { gpus: [{ name: "A", memory_bytes: -1 }] }],
  ];
  for (const [name, machine] of wrong) {
    test(`is refused where it ${name}`, () => {
      expect(machineProblem(machine)).toContain("machine");
    });
  }
});
