import { expect, test } from "bun:test";
import { factsOf, unknownModel } from "./model_facts.ts";
import { ModelList } from "./model_list.ts";

const signal = new AbortController().signal;
const yes = { supported: true };
const no = { supported: false };

function listOver(answers: unknown[]) {
  const clock = { ms: 0 };
  const asked: string[] = [];
  const list = new ModelList((model) => {
    asked.push(model);
    return Promise.resolve(answers.shift() ?? null);
  }, { nowMs: () => clock.ms });
  return { list, asked, clock };
}

test("of a model in the table the provider is not asked", async () => {
  const { list, asked } = listOver([]);
  expect(await list.factsOf("claude-opus-5", signal)).toBe(factsOf("claude-opus-5")!);
  expect(asked).toEqual([]);
});

test("of an unknown model the provider's word counts, and is asked for once", async () => {
  const { list, asked, clock } = listOver([{
    max_tokens: 256_000,
    capabilities: {
      structured_outputs: yes,
      thinking: { types: { adaptive: yes, enabled: no, disabled: true } },
      effort: { low: yes, high: yes, max: no },
    },
  }]);
  const facts = {
    ...unknownModel,
    maxOutputTokens: 256_000,
    thinkingOff: "disabled" as const,
    efforts: ["low", "high"],
  };
  expect(await list.factsOf("claude-next", signal)).toEqual(facts);
  clock.ms = 60_000;
  expect(await list.factsOf("claude-next", signal)).toEqual(facts);
  expect(asked).toEqual(["claude-next"]);
});

test("what the provider leaves open stays careful", async () => {
  const { list } = listOver([{ max_tokens: null, capabilities: { thinking: null } }]);
  expect(await list.factsOf("claude-next", signal)).toEqual(unknownModel);
});

test("a provider that gave no answer is asked again after ten minutes, not at every call", async () => {
  const { list, asked, clock } = listOver([null, { max_tokens: 5 }]);
  expect(await list.factsOf("claude-next", signal)).toBe(unknownModel);
  await list.factsOf("claude-next", signal);
  expect(asked).toHaveLength(1);
  clock.ms = 10 * 60_000;
  expect((await list.factsOf("claude-next", signal)).maxOutputTokens).toBe(5);
});
