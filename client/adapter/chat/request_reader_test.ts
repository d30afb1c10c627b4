import { expect, test } from "bun:test";
import { readChatRequest } from "./request_reader.ts";

const after = (message: object) =>
  readChatRequest(JSON.stringify({ messages: [{ role: "user", content: "hi" }, message] }))
    .turns[1]!;

test("past reasoning is read under both of its names", () => {
  const thinking = { type: "thinking", text: "Hm.", signed: null };
  const said = { role: "assistant", content: "a" };
  for (
    const names of [
      { reasoning_content: "Hm." },
      { reasoning: "Hm." },
      { reasoning: "Hm.", reasoning_content: "" },
      { reasoning: "Hm.", reasoning_content: "Hm." },
    ]
  ) {
    expect(after({ ...said, ...names }).parts).toMatchObject([thinking, { text: "a" }]);
  }
});

test("a past call that names no tool is a 400 that names it", () => {
  const tool_calls = [{ id: "a", type: "function", function: { name: "f" } }, { id: "b" }];
  expect(() => after({ role: "assistant", tool_calls })).toThrow(
    expect.objectContaining({
      code: 400,
      error: expect.objectContaining({ param: "messages[1].tool_calls[1]" }),
    }),
  );
});
