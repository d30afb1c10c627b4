import { expect, test } from "bun:test";
import { machineProblem, MAX_MACHINE_GPUS } from "../../protocol/mod.ts";
import { machineFacts } from "./machine_facts.ts";
import { FakeMachine } from "./testing/fake_machine.ts";

test("a machine is told by its system, architecture and graphics processors", async () => {
  expect(await machineFacts(new FakeMachine(), "x64")).toEqual({
    os: "Ubuntu 24.04.1 LTS",
    arch: "x64",
    gpus: [{ name: "NVIDIA GeForce RTX 4090", memory_bytes: 24 * 2 ** 30 }],
  });
});

test("what the machine cannot tell is left out, and a probe that fails is no fault", async () => {
  const machine = {
    system: () => Promise.reject(new Error("no such tool")),
    gpus: () => Promise.resolve(null),
  };
  expect(await machineFacts(machine, "arm64")).toEqual({ arch: "arm64" });
});

test("what tools print is told as the wire takes it, whatever they print", async () => {
  const machine = new FakeMachine();
  machine.systemName = "x".repeat(500);
  machine.processors = [
    { name: "bell \u0007", memoryBytes: 1 },
    ...Array.from({ length: 40 }, (_, i) => ({ name: ` GPU ${i} `, memoryBytes: i - 0.5 })),
  ];
  const facts = await machineFacts(machine, "x64");
  expect(machineProblem(facts)).toBeNull();
  expect(facts.gpus).toHaveLength(MAX_MACHINE_GPUS);
  expect(facts.gpus![0]).toEqual({ name: "GPU 0" });
});
