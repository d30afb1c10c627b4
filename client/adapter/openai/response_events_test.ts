import { describe, expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import OpenAI from "openai";
import { UpstreamFailure } from "../adapter.ts";
import { frameEvent } from "../sse/event_text.ts";
import { Endpoint } from "../../../protocol/mod.ts";
import { eventStream } from "../../testing/stub_upstream.ts";
import type { Json } from "../json_object.ts";
import { responseEvents } from "./response_events.ts";

const citation = {
  type: "url_citation",
  url: "https://a.example",
  title: "A",
  start_index: 0,
  end_index: 2,
};
const output = [
  {
    id: "rs_1",
    type: "reasoning",
    encrypted_content: "x",
    summary: [{ type: "summary_text", text: "Plan." }, { type: "summary_text", text: "Do." }],
    content: [{ type: "reasoning_text", text: "Hm." }],
  },
  {
    id: "msg_1",
    type: "message",
    role: "assistant",
    status: "completed",
    content: [
      { type: "output_text", text: "Grüße", annotations: [citation], logprobs: [] },
      { type: "refusal", refusal: "No." },
    ],
  },
  {
    id: "fc_1",
    type: "function_call",
    call_id: "c1",
    name: "f",
    arguments: '{"a":1}',
    status: "completed",
  },
  { id: "ct_1", type: "custom_tool_call", call_id: "c2", name: "g", input: "free" },
  { id: "ws_1", type: "web_search_call", status: "completed", action: { type: "search" } },
];
const response = {
  id: "resp_1",
  object: "response",
  created_at: 1,
  status: "completed",
  model: "m",
  output,
  error: null,
  incomplete_details: null,
  usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
  a_field_of_the_servers_own: [1],
};

const expand = (whole: Json) => responseEvents(whole).map((text) => JSON.parse(text) as Json);

/** Joins the deltas of one event type. */
function joined(events: Json[], type: string): string {
  return events.filter((event) => event.type === type).map(({ delta }) => delta).join("");
}

describe("a whole response expanded into a stream", () => {
  test("is the same response for the SDK's strict helper", async () => {
    const events = responseEvents(response).map((text) => frameEvent(Endpoint.responses, text));
    const fetch = () => Promise.resolve(eventStream(events));
    const sdk = new OpenAI({ apiKey: "k", maxRetries: 0, fetch });
    const stream = sdk.responses.stream({ model: "m", input: "x" });
    const seen: string[] = [];
    stream.on("response.output_text.delta", ({ snapshot }) => void seen.push(snapshot));
    const final = await stream.finalResponse();
    expect(seen).toEqual(["Grüße"]);
    expect(final).toMatchObject(response);
    expect(final.output_text).toBe("Grüße");
  });

  test("has deltas for every text, and whole items for everything else", () => {
    const events = expand(response);
    expect(joined(events, "response.output_text.delta")).toBe("Grüße");
    expect(joined(events, "response.refusal.delta")).toBe("No.");
    expect(joined(events, "response.reasoning_text.delta")).toBe("Hm.");
    expect(joined(events, "response.reasoning_summary_text.delta")).toBe("Plan.Do.");
    expect(joined(events, "response.function_call_arguments.delta")).toBe('{"a":1}');
    expect(joined(events, "response.custom_tool_call_input.delta")).toBe("free");
    const items = events.filter(({ type }) => type === "response.output_item.done");
    expect(items.map(({ item }) => item)).toEqual(output);
    const added = events.filter(({ type }) => type === "response.output_text.annotation.added");
    expect(added).toMatchObject([{ annotation: citation, annotation_index: 0, item_id: "msg_1" }]);
  });

  test("begins empty, numbers its events, and ends with the unchanged response", () => {
    const events = expand(response);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual([...events.keys()]);
    expect(events[0]).toMatchObject({
      type: "response.created",
      response: { id: "resp_1", status: "in_progress", output: [], usage: null },
    });
    expect(events.at(-1)!.response).toEqual(response);
  });

  test("ends with the event of its status", () => {
    for (const status of ["completed", "incomplete", "failed"]) {
      expect(expand({ ...response, status }).at(-1)!.type).toBe(`response.${status}`);
    }
    const { status: _, ...statusless } = response;
    expect(expand(statusless).at(-1)!.type).toBe("response.completed");
  });

  test("is a failure if the response has not ended, or is none", () => {
    const wrong = [
      { ...response, status: "queued" },
      { ...response, status: "constructor" },
      { ...response, object: "chat.completion" },
      { ...response, output: "Grüße" },
      { ...response, output: [null] },
      { ...response, output: [{ type: "message", content: ["x"] }] },
    ];
    for (const whole of wrong) {
      expect(() => responseEvents(whole)).toThrow(UpstreamFailure);
    }
  });

  test("throws no other error, whatever its items are", () => {
    const name = fc.constantFrom("message", "reasoning", "function_call", "__proto__", "x");
    const anything = fc.jsonValue({ maxDepth: 1 });
    const part = fc.record({
      type: fc.oneof(name, fc.constantFrom("output_text", "refusal", "summary_text")),
      text: anything,
      annotations: fc.oneof(fc.array(anything), anything),
    }, { requiredKeys: [] });
    const item = fc.record({
      type: name,
      content: fc.oneof(fc.array(part), anything),
      summary: fc.oneof(fc.array(part), anything),
    }, { requiredKeys: [] });
    fc.assert(fc.property(fc.array(item), (output) => {
      try {
        const events = expand({ ...response, output });
        expect(events.at(-1)!.type).toBe("response.completed");
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) throw error;
      }
    }));
  });
});
