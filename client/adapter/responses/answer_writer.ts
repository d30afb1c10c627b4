/** Neutral events → the events of /v1/responses; or one whole response. */

import type {
  Answer,
  AnswerEvent,
  AnswerPart,
  Ending,
  TokenUsage,
} from "../bridge/answer_event.ts";
import { type Block, type BlockEvent, BlockSequencer } from "../bridge/block_sequencer.ts";
import type { ModelRequest } from "../bridge/model_request.ts";
import type { Json } from "../json_object.ts";
import { parseKeeping } from "../raw_json.ts";
import { sealThinking } from "./sealed_thinking.ts";

export interface ResponseTerms {
  /** The model's name in the answer. */
  model: string;
  /** Seconds since 1970. */
  created: number;
  /** The caller's body, which the response repeats in part. */
  bodyText: string;
  request?: Pick<ModelRequest, "tools">;
  /** Generates an unguessable id. */
  newId(): string;
}

export class ResponseAnswerWriter {
  readonly #blocks = new BlockSequencer();
  readonly #base: Json;
  /** The finished items. */
  readonly #output: Json[] = [];
  #sequence = 0;
  /** The open item. */
  #item: Json = {};
  #hasRefused = false;
  #usage: TokenUsage | null = null;
  /** Of the items that end now. */
  #status: Status = "completed";

  constructor(private readonly terms: ResponseTerms) {
    this.#base = emptyResponse(terms);
  }

  /** The events that one event becomes. */
  write(event: AnswerEvent): Json[] {
    return this.#eventsOf(event).map(({ type, ...rest }) => ({
      type,
      sequence_number: this.#sequence++,
      ...rest,
    }));
  }

  #eventsOf(event: AnswerEvent): Json[] {
    switch (event.type) {
      case "start":
        return ["response.created", "response.in_progress"].map((type) => ({
          type,
          response: this.#base,
        }));
      case "usage":
        this.#usage = event.usage;
        return [];
      case "citation":
        // Annotations are part of whole answers only.
        return [];
      case "end":
        return this.#end(event);
      default:
        this.#hasRefused ||= event.type === "refusal";
        return this.#blocks.append(event).flatMap((each) => this.#blockEvents(each));
    }
  }

  #end(end: Ending): Json[] {
    const { explanation } = end;
    if (end.reason === "length") this.#status = "incomplete";
    const events = end.reason === "refusal" && explanation
      ? this.#eventsOf({ type: "refusal", text: explanation })
      : [];
    events.push(...this.#blocks.end().flatMap((each) => this.#blockEvents(each)));
    const response = ended(this.#base, this.#output, end, this.#hasRefused, this.#usage);
    return [...events, { type: `response.${response.status}`, response }];
  }

  #blockEvents({ type, index: output_index, block, ...rest }: BlockEvent): Json[] {
    const dialect = kinds[kindOf(block)];
    if (type === "open") {
      const item = dialect.item({ ...block, text: "" }, this.terms, "in_progress");
      this.#item = item;
      const at = { item_id: item.id, output_index };
      return [
        { type: "response.output_item.added", output_index, item: dialect.opening(item) },
        ...dialect.begin(block).map((event) => ({ ...event, ...at })),
      ];
    }
    const at = { item_id: this.#item.id, output_index };
    if (type === "delta") {
      return [{ ...dialect.delta((rest as { text: string }).text), ...at }];
    }
    const item: Json = {
      ...dialect.item(block, this.terms, this.#status),
      id: this.#item.id,
      ...("call_id" in this.#item ? { call_id: this.#item.call_id } : {}),
    };
    this.#output.push(item);
    return [
      ...dialect.end(block).map((event) => ({ ...event, ...at })),
      { type: "response.output_item.done", output_index, item },
    ];
  }
}

/** One whole response. */
export function responseOf(answer: Answer, terms: ResponseTerms): Json {
  const { parts, end, usage } = answer;
  const explained: AnswerPart[] = end.reason === "refusal" && end.explanation
    ? [{ type: "refusal", text: end.explanation }]
    : [];
  const all = [...parts, ...explained];
  const output = all.map((part, i) => {
    const block = blockOf(part);
    const isCut = end.reason === "length" && i === all.length - 1;
    return kinds[kindOf(block)].item(block, terms, isCut ? "incomplete" : "completed");
  });
  withAnnotations(output, answer.citations);
  const hasRefused = all.some(({ type }) => type === "refusal");
  return ended(emptyResponse(terms), output, end, hasRefused, usage);
}

type Status = "in_progress" | "completed" | "incomplete";

type Kind = "text" | "refusal" | "reasoning" | "function" | "custom";

/** The items and events of one kind of block. */
interface KindDialect {
  item(block: Block, terms: ResponseTerms, status: Status): Json;
  /** The item as its first event shows it. */
  opening(item: Json): Json;
  begin(block: Block): Json[];
  delta(text: string): Json;
  end(block: Block): Json[];
}

const kinds: Readonly<Record<Kind, KindDialect>> = Object.freeze({
  text: messageKind(
    ({ text }) => ({ type: "output_text", text, annotations: [], logprobs: [] }),
    "response.output_text",
    ({ text }) => ({ text, logprobs: [] }),
    { logprobs: [] },
  ),
  refusal: messageKind(
    ({ text }) => ({ type: "refusal", refusal: text }),
    "response.refusal",
    ({ text }) => ({ refusal: text }),
  ),
  reasoning: {
    item: ({ text, signed }, { newId }) => {
      const sealed = sealThinking(signed);
      return {
        id: `rs_${newId()}`,
        type: "reasoning",
        summary: text === "" ? [] : [{ type: "summary_text", text }],
        ...(sealed === null ? {} : { encrypted_content: sealed }),
      };
    },
    opening: (item) => ({ ...item, summary: [] }),
    begin: ({ text }) =>
      text === "" ? [] : [{
        type: "response.reasoning_summary_part.added",
        summary_index: 0,
        part: { type: "summary_text", text: "" },
      }],
    delta: (delta) => ({
      type: "response.reasoning_summary_text.delta",
      summary_index: 0,
      delta,
    }),
    end: ({ text }) =>
      text === "" ? [] : [
        { type: "response.reasoning_summary_text.done", summary_index: 0, text },
        {
          type: "response.reasoning_summary_part.done",
          summary_index: 0,
          part: { type: "summary_text", text },
        },
      ],
  },
  function: callKind("function_call", "fc", "arguments", "response.function_call_arguments"),
  custom: callKind("custom_tool_call", "ctc", "input", "response.custom_tool_call_input"),
});

function messageKind(
  partOf: (block: Pick<Block, "text">) => Json,
  name: string,
  done: (block: Block) => Json,
  more: Json = {},
): KindDialect {
  const at = { content_index: 0 };
  return {
    item: (block, { newId }, status) => ({
      id: `msg_${newId()}`,
      type: "message",
      status,
      role: "assistant",
      content: [partOf(block)],
    }),
    opening: (item) => ({ ...item, content: [] }),
    begin: () => [{ type: "response.content_part.added", ...at, part: partOf({ text: "" }) }],
    delta: (delta) => ({ type: `${name}.delta`, ...at, delta, ...more }),
    end: (block) => [
      { type: `${name}.done`, ...at, ...done(block) },
      { type: "response.content_part.done", ...at, part: partOf(block) },
    ],
  };
}

function callKind(type: string, prefix: string, member: string, name: string): KindDialect {
  return {
    item: ({ id, name, text }, { newId, request }, status) => ({
      id: `${prefix}_${newId()}`,
      type,
      status,
      call_id: id || `call_${newId()}`,
      name,
      // As the caller names it, which for a member of a namespace is in two parts.
      ...request?.tools.find((tool) => tool.name === name)?.member,
      [member]: text,
    }),
    opening: (item) => item,
    begin: () => [],
    delta: (delta) => ({ type: `${name}.delta`, delta }),
    end: (block) => [{ type: `${name}.done`, [member]: block.text }],
  };
}

function kindOf({ kind, isCustom }: Block): Kind {
  if (kind !== "call") return kind;
  return isCustom ? "custom" : "function";
}

function blockOf(part: AnswerPart): Block {
  const none = { id: "", name: "", isCustom: false, signed: [] };
  if (part.type !== "call") return { ...none, kind: part.type, ...part };
  const { argumentsText: text, ...call } = part;
  return { ...none, ...call, kind: "call", text };
}

/** Puts the citations into the text that they are part of. */
function withAnnotations(output: readonly Json[], citations: Answer["citations"]): void {
  const parts = output.flatMap(({ content }) => (content ?? []) as Json[])
    .filter(({ type }) => type === "output_text");
  let offset = 0;
  for (const part of parts) {
    const length = String(part.text).length;
    part.annotations = citations
      .filter(({ start }) => start >= offset && start < offset + length)
      .map(({ url, title, start, end }) => ({
        type: "url_citation",
        url,
        title,
        start_index: start - offset,
        end_index: Math.min(end - offset, length),
      }));
    offset += length;
  }
}

/** Members of a request that its response repeats, and what they are if the request has none. */
const repeated: Json = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  reasoning: { effort: null, summary: null },
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  truncation: "disabled",
  user: null,
};

function emptyResponse({ model, created, bodyText, newId }: ResponseTerms): Json {
  const kept = Object.keys(repeated).map((key) => [key]);
  const request = parseKeeping(bodyText, kept) as Json;
  const own = Object.entries(repeated).map(([key, value]) => [key, request[key] ?? value]);
  return {
    id: `resp_${newId()}`,
    object: "response",
    created_at: created,
    status: "in_progress",
    background: false,
    error: null,
    incomplete_details: null,
    model,
    output: [],
    previous_response_id: null,
    // Nothing is stored on the way: the conversation is the caller's.
    store: false,
    usage: null,
    ...Object.fromEntries(own),
  };
}

function ended(
  base: Json,
  output: Json[],
  { reason }: Ending,
  hasRefused: boolean,
  usage: TokenUsage | null,
): Json {
  const cut = reason === "length"
    ? "max_output_tokens"
    : reason === "refusal" && !hasRefused
    ? "content_filter"
    : null;
  return {
    ...base,
    status: cut === null ? "completed" : "incomplete",
    incomplete_details: cut === null ? null : { reason: cut },
    output,
    usage: usage === null ? null : usageOf(usage),
  };
}

function usageOf(usage: TokenUsage): Json {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: {
      cached_tokens: usage.cachedTokens,
      cache_write_tokens: usage.cacheWriteTokens,
    },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.promptTokens + usage.completionTokens,
  };
}
