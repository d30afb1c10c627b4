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

test("a call for a model in the table does not wait, and later ones know what the provider said", async () => {
  const { list, asked } = listOver([{
    max_tokens: 200_000,
    capabilities: { thinking: null, structured_outputs: no, effort: { low: yes } },
  }]);
  const known = factsOf("claude-opus-5")!;
  expect(await list.factsOf("claude-opus-5", signal)).toBe(known);
  await Promise.resolve();
  expect(await list.factsOf("claude-opus-5", signal)).toEqual({
    ...known,
    maxOutputTokens: 200_000,
    structuredOutput: false,
    efforts: ["low"],
  });
  expect(asked).toEqual(["claude-opus-5"]);
});

test("what was learned holds for a day, then it is asked for again without a wait", async () => {
  const { list, asked, clock } = listOver([{ max_tokens: 1 }, { max_tokens: 2 }]);
  const limit = async () => (await list.factsOf("claude-next", signal)).maxOutputTokens;
  expect(await limit()).toBe(1);
  clock.ms = 24 * 60 * 60_000;
  expect(await limit()).toBe(1);
  await Promise.resolve();
  expect(await limit()).toBe(2);
  expect(asked).toHaveLength(2);
});

test("of a model in the table the provider is asked once at a time, and its silence changes nothing", async () => {
  const asked: string[] = [];
  const silent = Promise.withResolvers<never>();
  const list = new ModelList((model) => {
    asked.push(model);
    return silent.promise;
  }, { nowMs: () => 0 });
  const known = factsOf("claude-opus-5")!;
  expect(await list.factsOf("claude-opus-5", signal)).toBe(known);
  expect(await list.factsOf("claude-opus-5", signal)).toBe(known);
  expect(asked).toHaveLength(1);
  silent.reject(new Error("gone"));
  await Bun.sleep(0);
  expect(await list.factsOf("claude-opus-5", signal)).toBe(known);
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
  await list.factsOf("claude-next", signal);
  await Promise.resolve();
  expect((await list.factsOf("claude-next", signal)).maxOutputTokens).toBe(5);
});
