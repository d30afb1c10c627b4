import { describe, expect, test } from "bun:test";
import { UpstreamFailure } from "../adapter.ts";
import type { AnswerEvent, Ending } from "../bridge/answer_event.ts";
import { splitId } from "./call_extra.ts";
import { ChatAnswerReader, type ChatChunk } from "./answer_reader.ts";

interface Call {
  index?: number;
  id?: string;
  function?: { name?: string; arguments?: string };
  extra_content?: unknown;
}

const chunk = (delta: object, finish_reason: string | null = null): ChatChunk => ({
  id: "chatcmpl-1",
  choices: [{ index: 0, delta, finish_reason }],
});
const calls = (...tool_calls: Call[]) => chunk({ tool_calls });
const named = (index: number, id: string, name: string, text = ""): Call => ({
  index,
  id,
  function: { name, arguments: text },
});
const more = (index: number, text: string): Call => ({ index, function: { arguments: text } });

/** The events of each chunk, and of the end; the start and the end themselves left out. */
function read(chunks: ChatChunk[], customNames: string[] = []): AnswerEvent[][] {
  const reader = new ChatAnswerReader({ stops: ["END"], customNames: new Set(customNames) });
  const events = [...chunks.map((each) => reader.read(each)), reader.end()];
  return events.map((some) => some.filter(({ type }) => type !== "start" && type !== "end"));
}

const begun = (call: number, id: string, name: string, isCustom = false) => ({
  type: "call" as const,
  call,
  id,
  name,
  isCustom,
});
const args = (call: number, text: string) => ({ type: "arguments" as const, call, text });

describe("a call begins once its id and its name are known:", () => {
  const f = begun(0, "a", "f");
  const cases: [name: string, chunks: ChatChunk[], expected: AnswerEvent[][]][] = [
    ["both at once", [calls(named(0, "a", "f", "{")), calls(more(0, "}"))], [
      [f, args(0, "{")],
      [args(0, "}")],
      [],
    ]],
    ["the id later, with its arguments so far", [
      calls({ index: 0, function: { name: "f", arguments: "{" } }),
      calls({ index: 0, id: "a", function: { arguments: "}" } }),
    ], [[], [f, args(0, "{}")], []]],
    ["the name later", [
      calls({ index: 0, id: "a" }),
      calls({ index: 0, function: { arguments: "{" } }),
      calls({ index: 0, function: { name: "f", arguments: "}" } }),
    ], [[], [], [f, args(0, "{}")], []]],
    ["both after an empty delta", [
      calls({ index: 0, function: { arguments: "" } }),
      calls(named(0, "a", "f", "{}")),
    ], [[], [f, args(0, "{}")], []]],
    ["no id at all, with the second delta", [
      calls({ index: 0, function: { name: "f" } }),
      calls(more(0, "{}")),
    ], [[], [begun(0, "", "f"), args(0, "{}")], []]],
    ["no id at all, at the end", [calls({ index: 0, function: { name: "f", arguments: "{}" } })], [
      [],
      [begun(0, "", "f"), args(0, "{}")],
    ]],
    ["before the next one, though its id is unknown", [
      calls({ index: 0, function: { name: "f", arguments: "{}" } }, named(1, "b", "g")),
    ], [[begun(0, "", "f"), args(0, "{}"), begun(1, "b", "g")], [args(1, "{}")]]],
  ];
  for (const [name, chunks, expected] of cases) {
    test(name, () => expect(read(chunks)).toEqual(expected));
  }
});

test("a call that never gets a name is a failure, an empty one is none", () => {
  expect(read([calls({ index: 0, function: { arguments: " " } })])).toEqual([[], []]);
  for (const call of [{ index: 0, id: "a" }, more(0, "{}")]) {
    expect(() => read([calls(call)])).toThrow(UpstreamFailure);
  }
});

test("an answer whose id is a number begins without one", () => {
  const reader = new ChatAnswerReader({ stops: [], customNames: new Set() });
  expect(reader.read({ id: 7, choices: [] })).toEqual([{ type: "start", id: null }]);
});

test("a call without arguments has an empty object as arguments, unless it was cut off", () => {
  const ended = (finish_reason: string) => ({ choices: [{ delta: {}, finish_reason }] });
  const last = (finish: string) => read([calls(named(0, "a", "f", "")), ended(finish)]).at(-1);
  expect(last("tool_calls")).toEqual([args(0, "{}")]);
  expect(last("length")).toEqual([]);
});

test("a free-text tool's input is unwrapped, whole, at the end", () => {
  const chunks = [calls(named(0, "a", "patch", '{"input":"*** ')), calls(more(0, 'Begin"}'))];
  expect(read(chunks, ["patch"])).toEqual([
    [begun(0, "a", "patch", true)],
    [],
    [args(0, "*** Begin")],
  ]);
  const bare = [calls(named(0, "a", "patch", "*** Begin"))];
  expect(read(bare, ["patch"])[1]).toEqual([args(0, "*** Begin")]);
});

test("what the provider wants back with a call is kept in its id", () => {
  const extra_content = { google: { thought_signature: "SIG/+=" } };
  const [[event]] = read([calls({ ...named(0, "a", "f"), extra_content })]) as unknown as [
    [{ id: string }],
  ];
  expect(event.id).toMatch(/^[a-zA-Z0-9_-]+$/);
  expect(splitId(event.id)).toEqual({ id: "a", extra: extra_content });
});

test("an id that only looks like one with extra data is left alone", () => {
  for (const id of ["a", "a__extra_", "a__extra_!!", "__extra_"]) {
    expect(splitId(id)).toEqual({ id });
  }
});

test("only the first choice counts", () => {
  const second = { choices: [{ index: 1, delta: { content: "no" }, finish_reason: "length" }] };
  const reader = new ChatAnswerReader({ stops: [], customNames: new Set() });
  expect(reader.read(second)).toEqual([{ type: "start", id: null }]);
  expect(reader.end().at(-1)).toMatchObject({ reason: "stop" });
});

describe("an answer ends", () => {
  const cases: [reason: string | null, expected: Partial<Ending>][] = [
    ["stop", { reason: "stop" }],
    ["STOP", { reason: "stop" }],
    ["eos_token", { reason: "stop" }],
    [null, { reason: "stop" }],
    ["tool_calls", { reason: "stop" }],
    ["length", { reason: "length" }],
    ["model_length", { reason: "length" }],
    ["of_tomorrow", { reason: "length" }],
    ["content_filter", { reason: "refusal" }],
  ];
  for (const [finish, expected] of cases) {
    test(`after "${finish}" as ${expected.reason}`, () => {
      const reader = new ChatAnswerReader({ stops: [], customNames: new Set() });
      reader.read(chunk({ content: "a" }, finish));
      expect(reader.end().at(-1)).toMatchObject(expected);
    });
  }

  test("with the stop sequence that the provider names, if it was requested", () => {
    const ending = (stop_reason: unknown) => {
      const reader = new ChatAnswerReader({ stops: ["END"], customNames: new Set() });
      reader.read({ choices: [{ index: 0, finish_reason: "stop", stop_reason }] });
      return (reader.end().at(-1) as Ending).stopSequence;
    };
    expect([ending("END"), ending("other"), ending(128_009)]).toEqual(["END", null, null]);
  });
});

test("usage is read from a chunk of its own, or from the last choice", () => {
  const usage = { prompt_tokens: 5, completion_tokens: 2 };
  const expected = {
    promptTokens: 5,
    completionTokens: 2,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: null,
  };
  for (const last of [{ choices: [], usage }, { choices: [{ index: 0, usage }] }]) {
    expect(read([chunk({ content: "a" }, "stop"), last]).at(-1))
      .toEqual([{ type: "usage", usage: expected }]);
  }
  expect(read([chunk({ content: "a" }, "stop")]).at(-1)).toEqual([]);
});

test("web citations are read; one without an address is none", () => {
  const page = { url: "https://a.b", title: "A", start_index: 1, end_index: 3 };
  const annotations = [
    { type: "url_citation", url_citation: page },
    { type: "url_citation", url_citation: { start_index: 1 } },
    null,
  ];
  expect(read([chunk({ content: "text", annotations })])[0]!.slice(1)).toEqual([
    { type: "citation", citation: { url: "https://a.b", title: "A", start: 1, end: 3 } },
  ]);
});
