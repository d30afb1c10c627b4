import { expect, test } from "bun:test";
import type { ModelView } from "../../api/mod.ts";
import { chatModels, chatModelsByState, firstChoice, withModels } from "./chat_models.ts";

function model(id: string, change: {
  endpoint?: string;
  loaded?: boolean | null;
  state?: ModelView["state"];
} = {}): ModelView {
  const { endpoint = "/v1/chat/completions", loaded = null, state = "ready" } = change;
  return {
    id,
    state,
    slots: 1,
    free_slots: 1,
    waiting: 0,
    capabilities: {
      endpoints: [endpoint],
      context_length: null,
      max_output_tokens: null,
      tools: null,
      vision: null,
      thinking: null,
      loaded,
    },
    first_token_p50_ms: null,
    tokens_per_second: null,
    nodes: [],
  };
}

const embedder = model("a-embedder", { endpoint: "/v1/embeddings" });

test("a conversation is offered the models that can chat and that a node takes calls for", () => {
  const models = [model("b"), embedder, model("a"), model("c", { state: "unavailable" })];
  expect(chatModels(models)).toEqual(["a", "b"]);
});

test("the first choice is the preferred model, if it can chat", () => {
  const models = [embedder, model("b"), model("c")];
  expect(firstChoice(models, [null, "c"])).toBe("c");
  expect(firstChoice(models, ["a-embedder", "gone"])).toBe("b");
});

test("else it is the one that answers soonest: with a free slot, and in memory", () => {
  const busy = model("a", { state: "busy" });
  const cold = model("b", { loaded: false });
  const warm = model("c", { loaded: true });
  expect(firstChoice([busy, cold, warm], [])).toBe("c");
  expect(firstChoice([busy, cold], [])).toBe("b");
  expect(firstChoice([embedder], [])).toBe("");
});

test("models are grouped by whether they would take a call at once", () => {
  const busy = model("c", { state: "busy" });
  const models = [model("b"), busy, model("a"), model("d", { state: "unavailable" })];
  expect(chatModelsByState(models)).toEqual([
    { state: "ready", names: ["a", "b"] },
    { state: "busy", names: ["c"] },
  ]);
  expect(chatModelsByState([busy])).toEqual([{ state: "busy", names: ["c"] }]);
});

test("a column that was opened before models were known gets one, the second another than the first", () => {
  expect(withModels(["", ""], "qwen", ["llama", "qwen"])).toEqual(["qwen", "llama"]);
  expect(withModels(["llama", ""], "qwen", ["llama", "qwen"])).toEqual(["llama", "qwen"]);
  expect(withModels(["", ""], "qwen", ["qwen"])).toEqual(["qwen", "qwen"]);
  expect(withModels(["gone"], "qwen", ["qwen"])).toEqual(["gone"]);
});
