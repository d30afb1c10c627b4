/** Expands a whole response into its stream of events, for servers that do not stream responses. */

import type OpenAI from "openai";
import { UpstreamFailure } from "../adapter.ts";
import { isObject, type Json, notAnAnswer } from "../json_object.ts";

type EventType = OpenAI.Responses.ResponseStreamEvent["type"];
type Event = Json & { type: EventType };

/** A finished response's status → the stream's last event. */
const endings: ReadonlyMap<unknown, EventType> = new Map([
  ["completed", "response.completed"],
  ["incomplete", "response.incomplete"],
  ["failed", "response.failed"],
]);

/** The events from `response.created` to the last one, as JSON texts. Throws an UpstreamFailure for anything but a finished response. */
export function responseEvents(response: Json): string[] {
  const { output, status = "completed" } = response;
  if (response.object !== "response" || !Array.isArray(output)) throw notAnAnswer();
  const ending = endings.get(status);
  if (ending === undefined) {
    throw new UpstreamFailure(502, "The provider does not stream although a stream was requested");
  }
  const started = { ...response, status: "in_progress", output: [], usage: null };
  const events: Event[] = [
    { type: "response.created", response: started },
    { type: "response.in_progress", response: started },
    ...output.flatMap((item: unknown, index) => itemEvents(objectIn(item), index)),
    { type: ending, response },
  ];
  return events.map(({ type, ...event }, sequence_number) =>
    JSON.stringify({ type, sequence_number, ...event })
  );
}

/** The events of one finished item of a response's output. */
export function itemEvents(item: Json, output_index: number): Event[] {
  const { opening, events } = itemExpanders.get(item.type)?.(item) ?? whole(item);
  const at = { item_id: String(item.id ?? ""), output_index };
  return [
    { type: "response.output_item.added", output_index, item: opening },
    ...events.map(({ type, ...event }): Event => ({ type, ...at, ...event })),
    { type: "response.output_item.done", output_index, item },
  ];
}

/** An item or part as its stream opens it, and the events that complete it. */
interface Expansion {
  opening: Json;
  events: Event[];
}

/** An item or part without deltas is whole in its first event and its last. */
function whole(opening: Json): Expansion {
  return { opening, events: [] };
}

type Expander = (thing: Json) => Expansion;

/** By item type. */
const itemExpanders: ReadonlyMap<unknown, Expander> = new Map<string, Expander>([
  ["message", (item) => ({
    opening: { ...item, status: "in_progress", content: [] },
    events: contentEvents(item),
  })],
  ["reasoning", (item) => ({
    opening: { ...item, summary: [], ...(item.content ? { content: [] } : {}) },
    events: [...summaryEvents(item), ...contentEvents(item)],
  })],
  ["function_call", argumentExpander("arguments", "response.function_call_arguments")],
  ["custom_tool_call", argumentExpander("input", "response.custom_tool_call_input")],
]);

function argumentExpander(member: string, name: ArgumentEvents): Expander {
  return (item) => ({
    opening: { ...item, status: "in_progress", [member]: "" },
    events: [
      { type: `${name}.delta`, delta: item[member] ?? "" },
      { type: `${name}.done`, [member]: item[member] ?? "" },
    ],
  });
}

type ArgumentEvents = "response.function_call_arguments" | "response.custom_tool_call_input";

function contentEvents(item: Json): Event[] {
  return listIn(item.content).flatMap((part, content_index) => {
    const { opening, events } = partExpanders.get(part.type)?.(part) ?? whole(part);
    const all: Event[] = [
      { type: "response.content_part.added", part: opening },
      ...events,
      { type: "response.content_part.done", part },
    ];
    return all.map(({ type, ...event }): Event => ({ type, content_index, ...event }));
  });
}

/** By part type. */
const partExpanders: ReadonlyMap<unknown, Expander> = new Map<string, Expander>([
  ["output_text", (part) => {
    const { text = "", logprobs = [], annotations = [] } = part;
    return {
      opening: { ...part, text: "", annotations: [], ...(part.logprobs ? { logprobs: [] } : {}) },
      events: [
        { type: "response.output_text.delta", delta: text, logprobs },
        ...listIn(annotations).map((annotation, annotation_index): Event => ({
          type: "response.output_text.annotation.added",
          annotation_index,
          annotation,
        })),
        { type: "response.output_text.done", text, logprobs },
      ],
    };
  }],
  ["refusal", ({ refusal = "", ...rest }) => ({
    opening: { ...rest, refusal: "" },
    events: [
      { type: "response.refusal.delta", delta: refusal },
      { type: "response.refusal.done", refusal },
    ],
  })],
  ["reasoning_text", ({ text = "", ...rest }) => ({
    opening: { ...rest, text: "" },
    events: [
      { type: "response.reasoning_text.delta", delta: text },
      { type: "response.reasoning_text.done", text },
    ],
  })],
]);

function summaryEvents(item: Json): Event[] {
  return listIn(item.summary).flatMap((part, summary_index) => {
    const { text = "" } = part;
    const all: Event[] = [
      { type: "response.reasoning_summary_part.added", part: { ...part, text: "" } },
      { type: "response.reasoning_summary_text.delta", delta: text },
      { type: "response.reasoning_summary_text.done", text },
      { type: "response.reasoning_summary_part.done", part },
    ];
    return all.map(({ type, ...event }): Event => ({ type, summary_index, ...event }));
  });
}

function listIn(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectIn) : [];
}

function objectIn(value: unknown): Json {
  if (isObject(value)) return value;
  throw notAnAnswer();
}
