/** Responses with OpenAI's own package. */

import { expect } from "bun:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { Endpoint } from "../../protocol/mod.ts";
import { failure } from "./failure.ts";
import { type Feature, features, type Row } from "./feature.ts";
import { CALLS, HELLO, PERSON, Say, THOUGHT } from "./stories.ts";

const tools = CALLS.map(({ name }) => ({
  type: "function" as const,
  name,
  strict: false,
  parameters: { type: "object", properties: {} },
}));

const both = ["openai", "claude"] as const;

const rows: Row[] = [
  {
    does: "whole answer, with usage",
    on: both,
    async run({ openai, model }) {
      const answer = await openai.responses.create({ model, input: Say.hello });
      expect(answer.output_text).toBe(HELLO);
      expect(answer.usage?.output_tokens).toBe(7);
    },
  },
  {
    does: "`model` in the answer",
    on: both,
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
    on: both,
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
    on: both,
    async run({ openai, model }) {
      const stream = openai.responses.stream({ model, input: Say.tools, tools });
      const { output } = await stream.finalResponse();
      const calls = output.filter((item) => item.type === "function_call");
      expect(calls).toMatchObject(CALLS);
    },
  },
  {
    does: "structured output, in the helper `parse()`",
    on: both,
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
    on: both,
    but: { fails: "400 that names the field" },
    async run({ openai, model }) {
      const error = await failure(openai.responses.create({
        model,
        input: Say.hello,
        previous_response_id: "resp_from_elsewhere",
      }));
      expect(error).toMatchObject({ status: 400, param: "previous_response_id" });
    },
  },
  {
    does: "`previous_response_id` of an answer with `store: true`",
    on: both,
    async run({ openai, model }) {
      const { id } = await openai.responses.create({ model, input: Say.hello, store: true });
      const answer = await openai.responses.create({
        model,
        input: Say.hello,
        previous_response_id: id,
      });
      expect(answer.output_text).not.toBe("");
    },
  },
  {
    does: "`store: true`: `retrieve`, `inputItems.list`, `delete`",
    on: both,
    async run({ openai, model }) {
      const { id, output_text } = await openai.responses.create({
        model,
        input: Say.hello,
        store: true,
      });
      expect((await openai.responses.retrieve(id)).output_text).toBe(output_text);
      expect((await openai.responses.inputItems.list(id)).data).toHaveLength(1);
      await openai.responses.delete(id);
      expect(await failure(openai.responses.retrieve(id))).toMatchObject({ status: 404 });
    },
  },
  {
    does: "`background`, with `retrieve` behind any event, and `cancel`",
    on: both,
    async run({ openai, model }) {
      const asked = { model, input: Say.hello, background: true } as const;
      const events = [];
      for await (const event of await openai.responses.create({ ...asked, stream: true })) {
        events.push(event);
      }
      const { id } = (events[0] as { response: { id: string } }).response;
      const rest = [];
      const place = { stream: true, starting_after: 1 } as const;
      for await (const event of await openai.responses.retrieve(id, place)) rest.push(event);
      expect(rest).toEqual(events.slice(2));
      let answer = await openai.responses.create(asked);
      while (answer.status !== "completed") answer = await openai.responses.retrieve(answer.id);
      expect(answer.output_text).not.toBe("");
      expect((await openai.responses.cancel(answer.id)).status).toBe("completed");
    },
  },
  {
    does: "a request that the provider rejects",
    on: both,
    but: { note: "400, in the provider's words" },
    async run({ openai, model }) {
      const error = await failure(openai.responses.create({ model, input: Say.wrong }));
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error.message).toContain("top_p is out of range");
    },
  },
  {
    does: "a truncated stream",
    on: both,
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
  {
    does: "tool results, with the answer sent back in `input`",
    on: both,
    async run({ openai, model }) {
      const first = await openai.responses.create({ model, input: Say.withResult, tools });
      const call = first.output.find((item) => item.type === "function_call")!;
      const output = { type: "function_call_output" as const, call_id: call.call_id, output: "21" };
      const past = first.output as OpenAI.Responses.ResponseInputItem[];
      const input = [{ role: "user" as const, content: Say.withResult }, ...past, output];
      const second = await openai.responses.create({ model, input, tools });
      expect(second.output_text).toBe("It is 21 degrees.");
    },
  },
  {
    does: "a server that has chat completions only",
    on: ["openai"],
    but: { note: "bridged" },
    async run({ openai, chatOnlyModel: model }) {
      const answer = await openai.responses.create({ model, input: Say.hello });
      expect(answer).toMatchObject({ model, status: "completed", output_text: HELLO });
      expect(answer.usage).toMatchObject({ input_tokens: 5, output_tokens: 7 });
      const stream = openai.responses.stream({ model, input: Say.tools, tools });
      const { output } = await stream.finalResponse();
      expect(output.filter(({ type }) => type === "function_call")).toMatchObject(CALLS);
      const thought = await openai.responses.create({ model, input: Say.think });
      expect(thought.output[0]).toMatchObject({
        type: "reasoning",
        summary: [{ type: "summary_text", text: THOUGHT }],
      });
    },
  },
  {
    does: "hosted tools, such as `web_search`, beside functions",
    on: ["openai", "claude"],
    but: { note: "left out where the provider has none" },
    async run({ openai, provider, model, chatOnlyModel }) {
      const answer = await openai.responses.create({
        model: provider === "claude" ? model : chatOnlyModel,
        input: Say.tools,
        tools: [...tools, { type: "web_search" }],
      });
      expect(answer.output.filter(({ type }) => type === "function_call")).toMatchObject(CALLS);
    },
  },
];

export const openAiResponses: Feature[] = features("openai", Endpoint.responses, rows);
