import { expect, test } from "bun:test";
import { factsOf, unknownModel } from "./model_facts.ts";
import { ModelList } from "./model_list.ts";

const signal = new AbortController().signal;
const yes = { supported: true };
const no = { supported: false };

function listOver(answers: unknown[]) {
  const clock = { ms: 0 };
  const requested: string[] = [];
  const list = new ModelList((model) => {
    requested.push(model);
    return Promise.resolve(answers.shift() ?? null);
  }, { nowMs: () => clock.ms });
  return { list, requested, clock };
}

test("a call for a model in the table does not wait; later calls use the provider's description", async () => {
  const { list, requested } = listOver([{
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
  expect(requested).toEqual(["claude-opus-5"]);
});

test("a description is valid for a day, then refreshed without a wait", async () => {
  const { list, requested, clock } = listOver([{ max_tokens: 1 }, { max_tokens: 2 }]);
  const limit = async () => (await list.factsOf("claude-next", signal)).maxOutputTokens;
  expect(await limit()).toBe(1);
  clock.ms = 24 * 60 * 60_000;
  expect(await limit()).toBe(1);
  await Promise.resolve();
  expect(await limit()).toBe(2);
  expect(requested).toHaveLength(2);
});

test("a description is fetched once at a time, and a failure changes nothing", async () => {
  const requested: string[] = [];
  const silent = Promise.withResolvers<never>();
  const list = new ModelList((model) => {
    requested.push(model);
    return silent.promise;
  }, { nowMs: () => 0 });
  const known = factsOf("claude-opus-5")!;
  expect(await list.factsOf("claude-opus-5", signal)).toBe(known);
  expect(await list.factsOf("claude-opus-5", signal)).toBe(known);
  expect(requested).toHaveLength(1);
  silent.reject(new Error("gone"));
  await Bun.sleep(0);
  expect(await list.factsOf("claude-opus-5", signal)).toBe(known);
});

test("an unknown model's description is fetched once and used", async () => {
  const { list, requested, clock } = listOver([{
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
  expect(requested).toEqual(["claude-next"]);
});

test("facts missing from a description keep their safe defaults", async () => {
  const { list } = listOver([{ max_tokens: null, capabilities: { thinking: null } }]);
  expect(await list.factsOf("claude-next", signal)).toEqual(unknownModel);
});

test("a failed description is fetched again after ten minutes, not at every call", async () => {
  const { list, requested, clock } = listOver([null, { max_tokens: 5 }]);
  expect(await list.factsOf("claude-next", signal)).toBe(unknownModel);
  await list.factsOf("claude-next", signal);
  expect(requested).toHaveLength(1);
  clock.ms = 10 * 60_000;
  await list.factsOf("claude-next", signal);
  await Promise.resolve();
  expect((await list.factsOf("claude-next", signal)).maxOutputTokens).toBe(5);
});
