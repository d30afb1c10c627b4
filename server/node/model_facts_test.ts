import { expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { factsByModel, factsIn, type ModelFacts, together } from "./model_facts.ts";

const nothing: ModelFacts = {
  endpoints: [Endpoint.chat],
  contextLength: null,
  maxOutputTokens: null,
  tools: null,
  vision: null,
  thinking: null,
  loaded: null,
};

test("of a model that its node says nothing of, nothing is known but that it chats", () => {
  expect(factsIn(undefined, "m")).toEqual(nothing);
  expect(factsIn(factsByModel({ m: {} }, ["m"]), "m")).toEqual(nothing);
  expect(factsIn(factsByModel({}, ["toString"]), "toString")).toEqual(nothing);
});

test("of a model that several nodes serve, what each of them can do is known", () => {
  const facts = together([
    {
      ...nothing,
      contextLength: 8192,
      maxOutputTokens: 64,
      tools: true,
      vision: true,
      thinking: true,
      loaded: false,
    },
    {
      ...nothing,
      endpoints: [Endpoint.embeddings],
      contextLength: 4096,
      maxOutputTokens: 32,
      tools: true,
      vision: false,
      thinking: true,
      loaded: true,
    },
  ]);
  expect(facts).toEqual({
    endpoints: [Endpoint.chat, Endpoint.embeddings],
    contextLength: 4096,
    maxOutputTokens: 32,
    tools: true,
    vision: false,
    thinking: true,
    loaded: true,
  });
});

test("what one of them says nothing of is unknown, unless another one cannot do it", () => {
  const facts = together([
    { ...nothing, contextLength: 8192, tools: true, vision: false, loaded: false },
    { ...nothing, endpoints: [] },
  ]);
  expect(facts).toEqual({ ...nothing, vision: false });
});
