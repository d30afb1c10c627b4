/** How the fields of /v1/messages reach an OpenAI-compatible server; Claude receives them unchanged. */

import { expect } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { Endpoint } from "../../protocol/mod.ts";
import { anthropicFailure } from "./failure.ts";
import { type Feature, features, type Row } from "./feature.ts";
import { Say } from "./stories.ts";

/** Sampling parameters are missing from the package's newest types, but not from the API. */
type Sampling = { temperature?: number; top_p?: number; top_k?: number };
type More = Partial<Anthropic.MessageCreateParamsStreaming> & Sampling;

const weather = {
  name: "get_weather",
  input_schema: { type: "object" as const, properties: {} },
};

const user = (content: Anthropic.MessageParam["content"]) => ({ role: "user" as const, content });
const ask = (model: string) => ({
  model,
  max_tokens: 1024,
  messages: [user(Say.hello)],
  stream: true as const,
});

interface Translation {
  does: string;
  asked: More;
  /** The expected part of the server's request body. */
  sent: object;
  note?: string;
}

const translations: Translation[] = [
  { does: "`stop_sequences`", asked: { stop_sequences: ["END"] }, sent: { stop: ["END"] } },
  {
    does: "`temperature`, `top_p`, `top_k`",
    asked: { temperature: 0.5, top_p: 0.9, top_k: 5 },
    sent: { temperature: 0.5, top_p: 0.9, top_k: 5 },
  },
  { does: "`metadata.user_id`", asked: { metadata: { user_id: "u-1" } }, sent: { user: "u-1" } },
  {
    does: "`tool_choice`: `any`",
    asked: { tools: [weather], tool_choice: { type: "any", disable_parallel_tool_use: true } },
    sent: { tool_choice: "required", parallel_tool_calls: false },
  },
  {
    does: "`tool_choice`: a tool",
    asked: { tools: [weather], tool_choice: { type: "tool", name: "get_weather" } },
    sent: { tool_choice: { type: "function", function: { name: "get_weather" } } },
  },
  {
    does: "`thinking` with a budget",
    asked: { thinking: { type: "enabled", budget_tokens: 10_000 }, max_tokens: 20_000 },
    sent: { reasoning_effort: "medium" },
    note: "as `reasoning_effort`",
  },
  {
    does: "`output_config.effort`",
    asked: { output_config: { effort: "high" } },
    sent: { reasoning_effort: "high" },
  },
  {
    does: "PDFs as base64",
    asked: {
      messages: [user([{
        type: "document",
        source: { type: "base64", media_type: "application/pdf", data: "JVBERi0xLjQK" },
      }])],
    },
    sent: { messages: [{ content: [{ type: "file" }] }] },
  },
];

const translated: Row[] = translations.map(({ does, asked, sent, note }) => ({
  does,
  on: ["openai"],
  ...(note === undefined ? {} : { but: { note } }),
  async run({ anthropic, plainModel, plain }) {
    await Array.fromAsync(await anthropic.messages.create({ ...ask(plainModel), ...asked }));
    expect(plain.calls.at(-1)!.body).toMatchObject(sent);
  },
}));

const passedOn: Row[] = translations.map(({ does, asked }) => ({
  does,
  on: ["claude"],
  async run({ anthropic, recorded }) {
    await Array.fromAsync(await anthropic.messages.create({ ...ask("recorded/text"), ...asked }));
    expect(recorded.asked.at(-1)).toMatchObject({ ...asked, model: "text" });
  },
}));

/** Features of Anthropic's own servers, rejected because dropping them would mislead the caller. */
const hosted: [does: string, asked: More][] = [
  [
    "server tools, such as `web_search`",
    { tools: [{ type: "web_search_20250305", name: "web_search" }] },
  ],
  ["`container`", { container: "container_1" } as More],
];

const refused: Row[] = hosted.map(([does, asked]) => ({
  does,
  on: ["openai"],
  but: { fails: "400 `invalid_request_error` that names the field" },
  async run({ anthropic, plainModel, plain }) {
    const before = plain.calls.length;
    const request = { ...ask(plainModel), ...asked };
    const error = await anthropicFailure(anthropic.messages.create(request));
    expect(error).toBeInstanceOf(Anthropic.BadRequestError);
    expect(error.message).toContain(Object.keys(asked)[0]!);
    expect(plain.calls).toHaveLength(before);
  },
}));

const hostedOnClaude: Row[] = hosted.map(([does, asked]) => ({
  does,
  on: ["claude"],
  async run({ anthropic, recorded }) {
    await Array.fromAsync(await anthropic.messages.create({ ...ask("recorded/text"), ...asked }));
    expect(recorded.asked.at(-1)).toMatchObject(asked);
  },
}));

const wrong: Row[] = [
  {
    does: "no `max_tokens`",
    on: ["openai", "claude"],
    but: { fails: "400 `invalid_request_error` that names the field" },
    async run({ anthropic, model, aimock }) {
      const before = aimock.getRequests().length;
      const request = { ...ask(model), max_tokens: undefined as unknown as number };
      const error = await anthropicFailure(anthropic.messages.create(request));
      expect(error).toBeInstanceOf(Anthropic.BadRequestError);
      expect(error.message).toContain("max_tokens");
      expect(aimock.getRequests()).toHaveLength(before);
    },
  },
];

export const messagesForOpenAi: Feature[] = features(
  "@anthropic-ai/sdk",
  Endpoint.messages,
  [...translated, ...passedOn, ...refused, ...hostedOnClaude, ...wrong],
);
