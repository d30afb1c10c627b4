/// <reference types="bun" />
import { expect, test } from "bun:test";
import type { NodeView } from "../protocol/api.ts";
import { liveModels, nodeState } from "./node_state.ts";

const nowMs = 1_000_000;

function node(changes: Partial<NodeView> = {}): NodeView {
  return {
    id: "n1",
    name: "studio-pc",
    max_parallel: 2,
    active_tasks: 0,
    supported_models: ["llama"],
    state: "ready",
    penalties: [],
    penalized: false,
    penalty_reason: null,
    penalized_until: null,
    draining: false,
    connected_at: 0,
    agent: null,
    ...changes,
  };
}

test("a node is ready until every slot is in use", () => {
  expect(nodeState(node({ active_tasks: 1 }), nowMs).kind).toBe("ready");
  expect(nodeState(node({ active_tasks: 2 }), nowMs).kind).toBe("busy");
});

test("a penalised node tells why, and how many seconds are left, never fewer than none", () => {
  const penalised = node({ penalized: true, penalty_reason: "timeout", active_tasks: 2 });
  expect(nodeState({ ...penalised, penalized_until: nowMs + 4200 }, nowMs))
    .toEqual({ kind: "penalised", reason: "timeout", secondsLeft: 5 });
  expect(nodeState({ ...penalised, penalized_until: nowMs - 9000 }, nowMs))
    .toEqual({ kind: "penalised", reason: "timeout", secondsLeft: 0 });
});

test("a node that drains says so before anything else: it will not come back by waiting", () => {
  expect(nodeState(node({ draining: true, penalized: true, active_tasks: 2 }), nowMs).kind)
    .toBe("draining");
});

test("live models are those of nodes that take calls, each once, by name", () => {
  expect(liveModels([
    node({ supported_models: ["qwen", "llama"] }),
    node({ supported_models: ["llama"] }),
    node({ supported_models: ["gone"], draining: true }),
    node({ supported_models: ["failing"], penalized: true }),
  ])).toEqual(["llama", "qwen"]);
});
