/** Responses with OpenAI's own package. */

import { expect } from "bun:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { Endpoint } from "../../protocol/mod.ts";
import { failure } from "./failure.ts";
import { type Feature, features, type Row } from "./feature.ts";
import { notOffered } from "./openai_texts.ts";
import { CALLS, HELLO, PERSON, Say } from "./stories.ts";

const tools = CALLS.map(({ name }) => ({
  type: "function" as const,
  name,
  strict: false,
  parameters: { type: "object", properties: {} },
}));

const rows: Row[] = [
  {
    does: "whole answer, with usage",
    on: ["openai"],
    async run({ openai, model }) {
      const answer = await openai.responses.create({ model, input: Say.hello });
      expect(answer.output_text).toBe(HELLO);
      expect(answer.usage?.output_tokens).toBe(7);
    },
  },
  {
    does: "`model` in the answer",
    on: ["openai"],
    but: {
      note: "the requested name, unless the provider reports a third one",
    },
    async run({ openai, model }) {
      const request = { model, input: Say.hello };
      expect((await openai.responses.create(request)).model).toBe(model);
      expect((await openai.responses.stream(request).finalResponse()).model).toBe(model);
    },
  },
  {
    does: "stream, event by event",
    on: ["openai"],
    async run({ openai, model }) {
      const request = { model, input: Say.hello, stream: true as const };
      const events = await Array.fromAsync(await openai.responses.create(request));
      expect(events[0]!.type).toBe("response.created");
      expect(events.at(-1)!.type).toBe("response.completed");
      const deltas = events.map((event) =>
        event.type === "response.output_text.delta" ? event.delta : ""
      );
      expect(deltas.join("")).toBe(HELLO);
      const numbers = events.map(({ sequence_number }) => sequence_number);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    },
  },
  {
    does: "the helper `.stream()` to its `finalResponse()`",
    on: ["openai"],
    async run({ openai, model }) {
      const stream = openai.responses.stream({ model, input: Say.tools, tools });
      const { output } = await stream.finalResponse();
      const calls = output.filter((item) => item.type === "function_call");
      expect(calls).toMatchObject(CALLS);
    },
  },
  {
    does: "structured output, in the helper `parse()`",
    on: ["openai"],
    async run({ openai, model }) {
      const format = zodTextFormat(z.object({ name: z.string(), age: z.number() }), "person");
      const answer = await openai.responses.parse({ model, input: Say.json, text: { format } });
      expect(answer.output_parsed).toEqual(PERSON);
    },
  },
  {
    does: "`previous_response_id` of an answer that came through here",
    on: ["openai"],
    async run({ openai, plainModel: model, plain }) {
      const { id } = await openai.responses.create({ model, input: Say.hello });
      const answer = await openai.responses.create({
        model,
        input: Say.hello,
        previous_response_id: id,
      });
      expect(answer.output_text).toBe(Say.hello);
      expect(plain.calls.at(-1)!.body.previous_response_id).toBe(id);
    },
  },
  {
    does: "`previous_response_id` of another answer",
    on: ["openai"],
    but: { fails: "404: unknown response" },
    async run({ openai, model }) {
      const error = await failure(openai.responses.create({
        model,
        input: Say.hello,
        previous_response_id: "resp_from_elsewhere",
      }));
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error.param).toBe("previous_response_id");
    },
  },
  {
    does: "`background`",
    on: ["openai"],
    but: { fails: "400 that names the field" },
    async run({ openai, model }) {
      const error = await failure(
        openai.responses.create({ model, input: Say.hello, background: true }),
      );
      expect(error).toMatchObject({ status: 400, param: "background" });
    },
  },
  {
    does: "a request that the provider rejects",
    on: ["openai"],
    but: { note: "400, in the provider's words" },
    async run({ openai, model }) {
      const error = await failure(openai.responses.create({ model, input: Say.wrong }));
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error.message).toContain("top_p is out of range");
    },
  },
  {
    does: "a truncated stream",
    on: ["openai"],
    but: { note: "an error in the stream, never a silent end" },
    async run({ openai, model }) {
      const request = { model, input: Say.cut, stream: true as const };
      const stream = await openai.responses.create(request);
      const events: string[] = [];
      const error = await failure((async () => {
        for await (const event of stream) events.push(event.type);
      })());
      expect(events.length).toBeGreaterThan(0);
      expect(events).not.toContain("response.completed");
      expect(error.message).not.toBe("");
    },
  },
  {
    does: "a server that ignores `stream: true`",
    on: ["openai"],
    but: { note: "repaired" },
    async run({ openai, plainModel: model }) {
      const answer = await openai.responses.stream({ model, input: "Grüße" }).finalResponse();
      expect(answer).toMatchObject({ status: "completed", output_text: "Grüße" });
    },
  },
  notOffered(({ openai, model }) => openai.responses.create({ model, input: Say.hello })),
];

export const openAiResponses: Feature[] = features("openai", Endpoint.responses, rows);
