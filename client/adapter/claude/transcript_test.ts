import { expect, test } from "bun:test";
import {
  calling,
  claude,
  hello,
  NEW,
  OLD,
  rejection,
  result,
  toolCall,
  turns,
} from "../../testing/claude_request.ts";
import { marked } from "./thinking_blocks.ts";
import type { Block } from "./wire.ts";

const text = (content: string) => ({ type: "text", text: content });

test("leading system and developer messages become the system prompt, one block each", () => {
  const request = claude({
    messages: [{ role: "system", content: "a" }, { role: "developer", content: "b" }, ...hello],
  });
  expect(request.system).toEqual([text("a"), text("b")]);
  expect(request.messages).toEqual([{ role: "user", content: [text("hi")] }]);
});

test("a later system message stays in place", () => {
  expect(turns(...hello, { role: "system", content: "be brief" })).toEqual([
    { role: "user", content: [text("hi"), text("<system>be brief</system>")] },
  ]);
});

test("neighbours of one role are merged, and a leading assistant turn gets a user turn before it", () => {
  const assistant = (content: string) => ({ role: "assistant", content });
  expect(turns(assistant("a"), assistant("b"), ...hello, ...hello)).toEqual([
    { role: "user", content: [text("Continue.")] },
    { role: "assistant", content: [text("a"), text("b")] },
    { role: "user", content: [text("hi"), text("hi")] },
  ]);
});

test("all tool results of a turn come first in one user turn, in the calls' order", () => {
  const messages = [...hello, calling("a", "b"), result("b"), ...hello, result("a")];
  expect(turns(...messages)[2]).toEqual({
    role: "user",
    content: [
      { type: "tool_result", tool_use_id: "a", content: [text("r")] },
      { type: "tool_result", tool_use_id: "b", content: [text("r")] },
      text("hi"),
    ],
  });
});

test("a call without a result gets an error result; a result without a call becomes text", () => {
  const [, , answer] = turns(...hello, calling("a"), result("z", "stray"));
  expect(answer!.content[0]).toMatchObject({ tool_use_id: "a", is_error: true });
  expect(answer!.content[1]).toEqual(text("<tool_result>stray</tool_result>"));
});

test("arguments that are no JSON object are wrapped, not rejected", () => {
  const inputs = ["", "{bad", "[1]", '{"a":1}'].map((args) =>
    turns(...hello, { role: "assistant", tool_calls: [toolCall("a", "f", args)] })[1]!.content[0]!
      .input
  );
  expect(inputs).toEqual([{}, { arguments: "{bad" }, { value: [1] }, { a: 1 }]);
});

test("invalid ids are changed alike in call and result, and never collide", () => {
  const [, calls, results] = turns(...hello, calling("f:0", "f.0"), result("f.0"), result("f:0"));
  const ids = calls!.content.map(({ id }) => String(id));
  expect(new Set(ids).size).toBe(2);
  for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
  expect(results!.content.map(({ tool_use_id }) => tool_use_id)).toEqual(ids);
});

test("results of deprecated functions are matched to their calls", () => {
  const [, assistant, answer] = turns(
    ...hello,
    { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
    { role: "function", name: "f", content: "42" },
  );
  expect(answer!.content[0]).toMatchObject({
    type: "tool_result",
    tool_use_id: assistant!.content[0]!.id,
  });
});

test("blank text is dropped and the end of a final assistant turn trimmed", () => {
  const assistant = { role: "assistant", content: [{ type: "text", text: " " }, text("a  \n")] };
  expect(turns(...hello, assistant)[1]!.content).toEqual([text("a")]);
});

test("images and documents become their blocks", () => {
  const parts = [
    { type: "image_url", image_url: { url: "data:image/jpg;x=y;base64,AAAA" } },
    { type: "image_url", image_url: { url: "https://example.com/a.png" } },
    { type: "image_url", image_url: { url: "data:application/pdf;base64,JVBE" } },
    { type: "file", file: { filename: "n.txt", file_data: "data:text/plain;base64,aMOp" } },
  ];
  expect(turns({ role: "user", content: parts })[0]!.content).toEqual([
    { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAAA" } },
    { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
    {
      type: "document",
      source: { type: "base64", media_type: "application/pdf", data: "JVBE" },
    },
    {
      type: "document",
      source: { type: "text", media_type: "text/plain", data: "hé" },
      title: "n.txt",
    },
  ]);
});

test("unsupported content parts are rejected by name", () => {
  const rejected = (part: object) =>
    rejection({ messages: [{ role: "user", content: [part] }] }).param;
  const param = "messages[0].content[0]";
  expect(rejected({ type: "input_audio", input_audio: { data: "", format: "wav" } })).toBe(param);
  expect(rejected({ type: "file", file: { file_id: "file-1" } })).toBe(`${param}.file.file_data`);
  expect(rejected({ type: "file", file: { file_data: "data:video/mp4;base64,AA" } })).toBe(
    `${param}.file.file_data`,
  );
  expect(rejected({ type: "video_url" })).toBe(`${param}.type`);
  for (const data of ["@@@@", "AA%3D", "=AAA", ""]) {
    const image_url = { url: `data:image/png;base64,${data}` };
    expect(rejected({ type: "image_url", image_url })).toBe(`${param}.image_url.url`);
    const file = { file_data: `data:application/pdf;base64,${data}` };
    expect(rejected({ type: "file", file })).toBe(`${param}.file.file_data`);
  }
});

test("line breaks in base64 are removed", () => {
  const url = "data:image/png;base64, AAAA\r\n BBB=\n";
  const [block] = turns({ role: "user", content: [{ type: "image_url", image_url: { url } }] })[0]!
    .content;
  expect(block).toMatchObject({ source: { data: "AAAABBB=" } });
});

test("a past refusal is sent again; unsigned reasoning is not", () => {
  const withPart = { role: "assistant", content: [{ type: "refusal", refusal: "No." }] };
  const assistant = {
    role: "assistant",
    content: null,
    refusal: "Never.",
    reasoning_content: "Hm.",
  };
  expect(turns(...hello, withPart, assistant)[1]!.content).toEqual([text("No."), text("Never.")]);
});

test("a tool result may hold images, or nothing", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
  const [, , answer] = turns(
    ...hello,
    calling("a", "b"),
    result("a", [image]),
    result("b", null),
  );
  const source = { type: "base64", media_type: "image/png", data: "AAAA" };
  expect(answer!.content).toEqual([
    { type: "tool_result", tool_use_id: "a", content: [{ type: "image", source }] },
    { type: "tool_result", tool_use_id: "b" },
  ]);
});

test("text precedes the calls of its turn", () => {
  const assistant = { ...calling("a"), content: "On it." };
  expect(turns(...hello, assistant, result("a"))[1]!.content.map(({ type }) => type)).toEqual([
    "text",
    "tool_use",
  ]);
});

test("a message's own cache hint marks its last block, a tool call too", () => {
  const cache_control = { type: "ephemeral" };
  const [, assistant] = turns(...hello, { ...calling("a"), cache_control }, result("a"));
  expect(assistant!.content).toMatchObject([{ type: "tool_use", cache_control }]);
});

test("thinking that a caller sends back comes first, signed and only for its model", () => {
  const signed = { type: "thinking", thinking: "Plan.", signature: "s" };
  const redacted = { type: "redacted_thinking", data: "x" };
  const unsigned = { type: "thinking", thinking: "Guess.", signature: "" };
  const elsewhere = marked([signed], NEW);
  const assistant = (...thinking_blocks: object[]) =>
    turns(...hello, { ...calling("a"), content: "On it.", thinking_blocks }, result("a"))[1]!
      .content.map(({ cache_control: _, ...block }) => block);
  const rest = [text("On it."), { type: "tool_use", id: "a", name: "f", input: {} }];
  expect(assistant(signed, redacted)).toEqual([signed, redacted, ...rest]);
  expect(assistant(...marked([signed, redacted], OLD))).toEqual([signed, redacted, ...rest]);
  expect(assistant(unsigned, ...elsewhere)).toEqual(rest);
});

test("the last four cache hints of either dialect are kept", () => {
  const hint = { type: "ephemeral" };
  const parts = [1, 2, 3, 4].map((n) => ({ ...text(`${n}`), cache_control: hint }));
  const marked = { ...text("5"), prompt_cache_breakpoint: { mode: "explicit", ttl: "1h" } };
  const [turn] = turns({ role: "user", content: [...parts, marked] });
  expect(turn!.content.map(({ cache_control }) => cache_control)).toEqual([
    undefined,
    hint,
    hint,
    hint,
    { type: "ephemeral", ttl: "1h" },
  ] as Block["cache_control"][]);
});
