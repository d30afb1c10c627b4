/** How a chat completion's fields reach Claude; other servers receive them unchanged. */

import { expect } from "bun:test";
import type OpenAI from "openai";
import { Endpoint } from "../../protocol/mod.ts";
import { failure } from "./failure.ts";
import { type Feature, features, type Row } from "./feature.ts";
import { Say } from "./stories.ts";

type More = Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>;

const PDF = "JVBERi0xLjQK";
const weather = {
  type: "function" as const,
  function: { name: "get_weather", parameters: { type: "object", properties: {} } },
};
const shape = { type: "object", properties: {}, required: [], additionalProperties: false };

const user = (content: OpenAI.ChatCompletionUserMessageParam["content"]) => ({
  role: "user" as const,
  content,
});
const called = (args: string) => ({
  role: "assistant" as const,
  content: null,
  tool_calls: [{
    id: "call_1",
    type: "function" as const,
    function: { name: "get_weather", arguments: args },
  }],
});

interface Translation {
  does: string;
  asked: More;
  /** The expected part of Claude's request body. */
  sent: object;
  note?: string;
}

const translations: Translation[] = [
  { does: "`stop`", asked: { stop: ["END"] }, sent: { stop_sequences: ["END"] } },
  { does: "`max_tokens`", asked: { max_tokens: 99 }, sent: { max_tokens: 99 } },
  {
    does: "no `max_tokens`",
    asked: {},
    sent: { max_tokens: expect.any(Number) },
    note: "the model's limit",
  },
  { does: "`user`", asked: { user: "u-1" }, sent: { metadata: { user_id: "u-1" } } },
  {
    does: "`tool_choice`: `required`",
    asked: { tools: [weather], tool_choice: "required" },
    sent: { tools: [{ name: "get_weather" }], tool_choice: { type: "any" } },
  },
  {
    does: "`tool_choice`: a function",
    asked: {
      tools: [weather],
      tool_choice: { type: "function", function: { name: "get_weather" } },
    },
    sent: { tool_choice: { type: "tool", name: "get_weather" } },
  },
  {
    does: "`parallel_tool_calls: false`",
    asked: { tools: [weather], parallel_tool_calls: false },
    sent: { tool_choice: { disable_parallel_tool_use: true } },
  },
  {
    does: "custom tools (free text)",
    asked: { tools: [{ type: "custom", custom: { name: "shell" } }] },
    sent: { tools: [{ name: "shell", input_schema: { required: ["input"] } }] },
  },
  {
    does: "`reasoning_effort`",
    asked: { reasoning_effort: "high" },
    sent: { thinking: { type: expect.any(String) } },
  },
  {
    does: "`response_format`: `json_schema`",
    asked: {
      response_format: { type: "json_schema", json_schema: { name: "answer", schema: shape } },
    },
    sent: { output_config: { format: { type: "json_schema" } } },
  },
  {
    does: "`response_format`: `json_object`",
    asked: { response_format: { type: "json_object" } },
    sent: { system: [{ type: "text", text: expect.stringContaining("JSON") }] },
    note: "as an instruction",
  },
  {
    does: "PDFs as `file_data`",
    asked: {
      messages: [user([
        {
          type: "file",
          file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` },
        },
        { type: "text", text: Say.hello },
      ])],
    },
    sent: { messages: [{ content: [{ type: "document" }, { type: "text" }] }] },
  },
  {
    does: "prompt caching, `cache_control`",
    asked: {
      messages: [user([
        { type: "text", text: "long", cache_control: { type: "ephemeral" } } as never,
        { type: "text", text: Say.hello },
      ])],
    },
    sent: { messages: [{ content: [{ cache_control: { type: "ephemeral" } }, {}] }] },
  },
  {
    does: "tool arguments that are invalid JSON",
    asked: {
      tools: [weather],
      messages: [user("x"), called("{broken"), {
        role: "tool",
        tool_call_id: "call_1",
        content: "no",
      }],
    },
    sent: { messages: [{}, { content: [{ type: "tool_use", input: expect.any(Object) }] }, {}] },
    note: "wrapped in an object",
  },
  {
    does: "a tool call without its result",
    asked: { tools: [weather], messages: [user("x"), called("{}"), user("go on")] },
    sent: { messages: [{}, {}, { content: [{ type: "tool_result", is_error: true }, {}] }] },
    note: "becomes a failed result",
  },
  {
    does: "a tool result without its call",
    asked: {
      messages: [user("x"), { role: "tool", tool_call_id: "call_9", content: "21 degrees" }],
    },
    sent: { messages: [{ role: "user" }] },
    note: "becomes text",
  },
  {
    does: "empty and blank text",
    asked: { messages: [user([{ type: "text", text: "  " }, { type: "text", text: "x" }])] },
    sent: { messages: [{ content: [{ type: "text", text: "x" }] }] },
    note: "left out",
  },
];

const translated: Row[] = translations.map(({ does, asked, sent, note }) => ({
  does,
  on: ["claude"],
  ...(note === undefined ? {} : { but: { note } }),
  async run({ openai, recorded }) {
    await openai.chat.completions.create({
      model: "recorded-sonnet",
      messages: [user(Say.hello)],
      ...asked,
    });
    expect(recorded.asked.at(-1)).toMatchObject(sent);
  },
}));

const passedOn: Row[] = translations.filter(({ asked }) => Object.keys(asked).length > 0)
  .map(({ does, asked }) => ({
    does,
    on: ["openai"],
    async run({ openai, plainModel, plain }) {
      await openai.chat.completions.create({
        model: plainModel,
        messages: [user(Say.hello)],
        ...asked,
      });
      expect(plain.calls.at(-1)!.body).toMatchObject(JSON.parse(JSON.stringify(asked)));
    },
  }));

const image = (url: string): More => ({
  messages: [user([{ type: "image_url", image_url: { url } }])],
});

/** Requests that are rejected before the provider is called, with the invalid field. */
const wrong: [does: string, param: string, asked: object, on: Row["on"]][] = [
  [
    "images of an unknown type",
    "messages[0]",
    image("data:image/tiff;base64,AAAA"),
    ["claude"],
  ],
  ["no message at all", "messages", { messages: [] }, ["openai", "claude"]],
  [
    "a body made for `/v1/responses`",
    "messages",
    { messages: undefined, input: Say.hello },
    ["openai", "claude"],
  ],
];

const refused: Row[] = wrong.map(([does, param, asked, on]) => ({
  does,
  on,
  but: { fails: "400 that names the field" },
  async run({ openai, model, aimock }) {
    const before = aimock.getRequests().length;
    const request = { model, messages: [user(Say.hello)], ...asked };
    const error = await failure(openai.chat.completions.create(request));
    expect([400, 413]).toContain(error.status!);
    expect(String(error.param)).toStartWith(param);
    expect(aimock.getRequests()).toHaveLength(before);
  },
}));

const large: Row = {
  does: "images or bodies over 10 MiB",
  on: ["openai", "claude"],
  but: { fails: "413" },
  async run({ openai, model }) {
    const request = image(`data:image/png;base64,${"A".repeat(11 * 1024 * 1024)}`);
    const error = await failure(
      openai.chat.completions.create({ model, messages: [], ...request }),
    );
    expect(error.status).toBe(413);
  },
};

/** Fields that models after Opus 4.6 reject are not sent to them. */
const newest: [does: string, asked: More, absent: string][] = [
  ["`temperature`, `top_p`", { temperature: 0.5, top_p: 0.9 }, "temperature"],
];

const narrowed: Row[] = newest.map(([does, asked, absent]) => ({
  does,
  on: ["claude"],
  but: { note: "left out for models that reject it" },
  async run({ openai, recorded }) {
    for (
      const [model, isSent] of [["recorded-sonnet", true], ["recorded-newest", false]] as const
    ) {
      await openai.chat.completions.create({ model, messages: [user(Say.hello)], ...asked });
      expect(absent in recorded.asked.at(-1)!).toBe(isSent);
    }
  },
}));

/** Claude's own output, where clients expect it. */
const extensions: Row[] = [
  {
    does: "signed thinking, in `thinking_blocks`",
    on: ["claude"],
    but: { note: "sent back with a tool's result, it reaches the node that serves the call" },
    async run({ openai, recorded }) {
      const model = "recorded/thinking-text-two-tools";
      const answer = await openai.chat.completions.create({ model, messages: [user(Say.hello)] });
      const { message } = answer.choices[0]!;
      const results = message.tool_calls!.map(({ id }) => ({
        role: "tool" as const,
        tool_call_id: id,
        content: "ok",
      }));
      const messages = [user(Say.hello), message, ...results];
      await openai.chat.completions.create({ model, messages });
      const thinking = { type: "thinking", thinking: "Plan.", signature: "c2ln" };
      expect(recorded.asked.at(-1)).toMatchObject({
        messages: [{}, { content: [thinking, {}, {}, {}] }, {}],
      });
    },
  },
  {
    does: "web citations, in `annotations`",
    on: ["claude"],
    but: { note: "in whole answers; not in streams" },
    async run({ openai }) {
      const answer = await openai.chat.completions.create({
        model: "recorded/server-tools",
        messages: [user(Say.hello)],
      });
      expect(answer.choices[0]!.message.annotations).toMatchObject([
        { type: "url_citation", url_citation: { url: "https://example.com" } },
      ]);
    },
  },
];

export const chatForClaude: Feature[] = features(
  "openai",
  Endpoint.chat,
  [...translated, ...narrowed, ...extensions, ...passedOn, ...refused, large],
);
