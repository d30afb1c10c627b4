/// <reference types="bun" />
import { expect, test } from "bun:test";
import { liveModels, obstacles } from "./node_state.ts";
import { aNode } from "../../testing/node.ts";

const nowMs = 1_000_000;

function penalty(model: string | null, leftMs: number) {
  return { model, code: "node_silent", reason: "timeout", until: nowMs + leftMs };
}

test("nothing stands against a node that was never penalised", () => {
  expect(obstacles(aNode(), nowMs)).toEqual([]);
});

test("a penalised node tells why, and how many seconds are left, never fewer than none", () => {
  const penalised = aNode({ state: "penalized", penalized: true, penalty_reason: "timeout" });
  const told = (leftMs: number) =>
    obstacles({ ...penalised, penalized_until: nowMs + leftMs }, nowMs);
  const why = { model: null, code: null, reason: "timeout" };
  expect(told(4200)).toEqual([{ ...why, secondsLeft: 5 }]);
  expect(told(-9000)).toEqual([{ ...why, secondsLeft: 0 }]);
});

test("a node that is being tried still tells what it was penalised for", () => {
  const tried = aNode({ state: "probing", penalties: [penalty("llama", -1)] });
  expect(obstacles(tried, nowMs)).toEqual([{
    model: null,
    code: "node_silent",
    reason: "timeout",
    secondsLeft: 0,
  }]);
});

test("what stands against some models only is told by model", () => {
  const penalties = [penalty("llama", 4200), penalty("qwen", -1)];
  expect(obstacles(aNode({ state: "busy", penalties }), nowMs)).toEqual([
    { model: "llama", code: "node_silent", reason: "timeout", secondsLeft: 5 },
    { model: "qwen", code: "node_silent", reason: "timeout", secondsLeft: 0 },
  ]);
});

test("nothing is told against a node that drains: it will not come back by waiting", () => {
  expect(obstacles(aNode({ state: "draining", penalties: [penalty(null, 9000)] }), nowMs)).toEqual(
    [],
  );
});

test("live models are those that some node takes calls of, each once, by name", () => {
  expect(liveModels([
    aNode({ supported_models: ["qwen", "llama"] }),
    aNode({ supported_models: ["llama"] }),
    aNode({ supported_models: ["gone"], state: "draining" }),
    aNode({ supported_models: ["failing"], penalized: true }),
    aNode({ supported_models: ["barred", "tried"], penalties: [penalty("barred", 1)] }),
    aNode({ supported_models: ["tried"], penalties: [penalty(null, -1)] }),
  ], nowMs)).toEqual(["llama", "qwen", "tried"]);
});
