/// <reference types="bun" />
import { expect, test } from "bun:test";
import { liveModels, obstacles } from "./node_state.ts";
import { aNode } from "../../testing/node.ts";

const nowMs = 1_000_000;

function penalty(model: string | null, leftMs: number) {
  return { model, code: "node_silent", reason: "timeout", until: nowMs + leftMs };
}

test("a node without penalties has no obstacles", () => {
  expect(obstacles(aNode(), nowMs)).toEqual([]);
});

test("a penalized node has one obstacle with its reason and the seconds left, never below zero", () => {
  const penalised = aNode({ state: "penalized", penalized: true, penalty_reason: "timeout" });
  const told = (leftMs: number) =>
    obstacles({ ...penalised, penalized_until: nowMs + leftMs }, nowMs);
  const why = { model: null, code: null, reason: "timeout" };
  expect(told(4200)).toEqual([{ ...why, secondsLeft: 5 }]);
  expect(told(-9000)).toEqual([{ ...why, secondsLeft: 0 }]);
});

test("a probing node keeps the reason of its penalty", () => {
  const tried = aNode({ state: "probing", penalties: [penalty("llama", -1)] });
  expect(obstacles(tried, nowMs)).toEqual([{
    model: null,
    code: "node_silent",
    reason: "timeout",
    secondsLeft: 0,
  }]);
});

test("penalties of single models are listed by model", () => {
  const penalties = [penalty("llama", 4200), penalty("qwen", -1)];
  expect(obstacles(aNode({ state: "busy", penalties }), nowMs)).toEqual([
    { model: "llama", code: "node_silent", reason: "timeout", secondsLeft: 5 },
    { model: "qwen", code: "node_silent", reason: "timeout", secondsLeft: 0 },
  ]);
});

test("a draining node has no obstacles, because waiting does not bring it back", () => {
  expect(obstacles(aNode({ state: "draining", penalties: [penalty(null, 9000)] }), nowMs)).toEqual(
    [],
  );
});

test("live models are those that some node takes calls for, each once, sorted by name", () => {
  expect(liveModels([
    aNode({ supported_models: ["qwen", "llama"] }),
    aNode({ supported_models: ["llama"] }),
    aNode({ supported_models: ["gone"], state: "draining" }),
    aNode({ supported_models: ["failing"], penalized: true }),
    aNode({ supported_models: ["barred", "tried"], penalties: [penalty("barred", 1)] }),
    aNode({ supported_models: ["tried"], penalties: [penalty(null, -1)] }),
  ], nowMs)).toEqual(["llama", "qwen", "tried"]);
});
