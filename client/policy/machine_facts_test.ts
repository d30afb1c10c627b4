import { expect, test } from "bun:test";
import { machineProblem, MAX_MACHINE_GPUS } from "../../protocol/mod.ts";
import { machineFacts, policyFacts } from "./machine_facts.ts";
import { FakeMachine } from "./testing/fake_machine.ts";

test("a machine is described by its system, architecture and graphics processors", async () => {
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

test("what tools print is reported as the wire takes it, whatever they print", async () => {
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

test("a policy is described by its conditions, without the names of the owner's programs", () => {
  const facts = policyFacts({
    hours: ["mon-fri 19:00-07:00", "sat-sun"],
    busy_programs: ["steam", "secret-game"],
    tokens_per_day: "2M",
    calls_per_hour: 200,
    yield: "move",
    hold: "10s",
    pause_file: "/home/ann/pause",
  });
  expect(facts).toEqual({
    hours: "mon-fri 19:00-07:00; sat-sun",
    busy_programs: "2",
    tokens_per_day: "2M",
    calls_per_hour: "200",
    yield: "move",
  });
  expect(machineProblem({ policy: facts })).toBeNull();
  expect(policyFacts({})).toEqual({});
});
