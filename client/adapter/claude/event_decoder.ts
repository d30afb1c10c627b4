/** Claude's stream of events → OpenAI's chunks, one event at a time. */

import type { Annotation, ChatChunk, Delta, FinishReason, ToolCallDelta, Usage } from "../chat.ts";
import { Citations } from "./citations.ts";
import { marked } from "./thinking_blocks.ts";
import { merged, usageOf } from "./usage.ts";
import type { Block, ClaudeEvent, ClaudeUsage } from "./wire.ts";

export interface DecoderOptions {
  /** The model's name as the answer shall carry it. */
  model: string;
  /** Its name at the provider. */
  localModel: string;
  /** Seconds since 1970. */
  created: number;
  includeUsage: boolean;
  /** Whether the chunks tell signed thinking too, as Claude wants it back. */
  tellThinking: boolean;
  customNames: ReadonlySet<string>;
  jsonTool: string | null;
  /** Keeps what was thought before a tool call. */
  remember(toolUseId: string, thoughts: readonly Block[]): void;
}

/** A block that is being told. */
interface OpenBlock {
  kind: "text" | "tool" | "custom" | "json" | "thinking" | "other";
  /** The tool call's position among tool calls, not among blocks. */
  toolIndex: number;
  /** What the block began with, where no delta repeats it. */
  input: unknown;
  /** Input told so far: of free-text tools, which must be unwrapped whole. */
  inputText: string;
  hasDeltas: boolean;
  /** Thinking as it must be sent back. */
  thought: Block | null;
}

const finishReasons: ReadonlyMap<string | null, FinishReason> = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["pause_turn", "stop"],
  ["tool_use", "tool_calls"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["refusal", "content_filter"],
]);

export class EventDecoder {
  #id = "chatcmpl-claude";
  #hasBegun = false;
  #isComplete = false;
  #toolCount = 0;
  #usedJsonTool = false;
  #stopReason: string | null = null;
  #refusal: string | null = null;
  #usage: ClaudeUsage = {};
  readonly #open = new Map<number, OpenBlock>();
  readonly #thoughts: Block[] = [];
  readonly #citations = new Citations();

  constructor(private readonly options: DecoderOptions) {}

  /** What the upstream counted, so far. */
  get usage(): Usage {
    return usageOf(this.#usage);
  }

  /** What was thought so far, for callers to send back. */
  get thinkingBlocks(): Block[] {
    return marked(this.#thoughts, this.options.localModel);
  }

  /** The pages that the text so far refers to. */
  get annotations(): Annotation[] {
    return this.#citations.annotations;
  }

  /** The chunks that one event becomes: none, one or several. `error` events are not for here. */
  decode(event: ClaudeEvent): ChatChunk[] {
    const chunks = this.#handlers.get(event.type)?.(event) ?? [];
    // Proxies have been seen to lose or delay the first event; the role comes first all the same.
    return chunks.length > 0 ? [...this.#greet(), ...chunks] : chunks;
  }

  readonly #handlers: ReadonlyMap<string, (event: ClaudeEvent) => ChatChunk[]> = new Map([
    ["message_start", (event: ClaudeEvent) => this.#begin(event)],
    ["content_block_start", (event: ClaudeEvent) => this.#openBlock(event)],
    ["content_block_delta", (event: ClaudeEvent) => this.#delta(event)],
    ["content_block_stop", (event: ClaudeEvent) => this.#closeBlock(event)],
    ["message_delta", (event: ClaudeEvent) => this.#noteEnd(event)],
    ["message_stop", () => this.#end()],
  ]);

  #begin({ message }: ClaudeEvent): ChatChunk[] {
    this.#usage = merged(this.#usage, message?.usage);
    // A second one must neither begin a second answer nor change the first one's name.
    if (!this.#hasBegun && message?.id) this.#id = `chatcmpl-${message.id}`;
    return this.#greet();
  }

  #greet(): ChatChunk[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [this.#chunk({ role: "assistant", content: "" })];
  }

  #openBlock({ index = 0, content_block: block }: ClaudeEvent): ChatChunk[] {
    const kind = this.#kindOf(block);
    const isTool = kind === "tool" || kind === "custom";
    this.#open.set(index, {
      kind,
      toolIndex: isTool ? this.#toolCount++ : -1,
      input: block?.input,
      inputText: "",
      hasDeltas: false,
      thought: kind === "thinking" ? { ...block } as Block : null,
    });
    if (block?.type === "tool_use") this.options.remember(block.id ?? "", this.#thoughts);
    if (kind === "json") this.#usedJsonTool = true;
    if (kind === "text") return this.#text(block?.text ?? "");
    return isTool ? [this.#toolChunk(opener(kind, this.#toolCount - 1, block))] : [];
  }

  #kindOf(block: ClaudeEvent["content_block"]): OpenBlock["kind"] {
    if (block?.type === "text") return "text";
    if (block?.type === "thinking" || block?.type === "redacted_thinking") return "thinking";
    if (block?.type !== "tool_use") return "other";
    if (block.name === this.options.jsonTool) return "json";
    return this.options.customNames.has(block.name ?? "") ? "custom" : "tool";
  }

  #delta({ index = 0, delta = {} }: ClaudeEvent): ChatChunk[] {
    const open = this.#open.get(index);
    if (open === undefined) return [];
    switch (delta.type) {
      case "text_delta":
        return open.kind === "text" ? this.#text(delta.text ?? "") : [];
      case "thinking_delta":
        return this.#think(open, delta.thinking ?? "");
      case "signature_delta":
        if (open.thought) {
          open.thought.signature = `${open.thought.signature ?? ""}${delta.signature ?? ""}`;
        }
        return [];
      case "citations_delta":
        this.#citations.add(delta.citation);
        return [];
      case "input_json_delta":
        return this.#input(open, delta.partial_json ?? "");
      default:
        return [];
    }
  }

  #text(text: string): ChatChunk[] {
    this.#citations.read(text);
    return text === "" ? [] : [this.#chunk({ content: text })];
  }

  #think({ thought }: OpenBlock, text: string): ChatChunk[] {
    if (thought === null || text === "") return [];
    thought.thinking = `${thought.thinking ?? ""}${text}`;
    return [this.#chunk({ reasoning_content: text })];
  }

  #input(open: OpenBlock, text: string): ChatChunk[] {
    if (text === "") return [];
    open.hasDeltas = true;
    if (open.kind === "json") return [this.#chunk({ content: text })];
    if (open.kind === "tool") return [this.#argumentsChunk(open, text)];
    open.inputText += text;
    return [];
  }

  #closeBlock({ index = 0 }: ClaudeEvent): ChatChunk[] {
    const open = this.#open.get(index);
    this.#open.delete(index);
    if (open === undefined) return [];
    if (open.kind === "text") this.#citations.endBlock();
    if (open.thought) this.#thoughts.push(open.thought);
    if (open.kind === "custom") return [this.#customChunk(open)];
    if (open.hasDeltas) return [];
    const whole = JSON.stringify(open.input ?? {});
    if (open.kind === "tool") return [this.#argumentsChunk(open, whole)];
    return open.kind === "json" ? [this.#chunk({ content: whole })] : [];
  }

  #noteEnd({ delta = {}, usage }: ClaudeEvent): ChatChunk[] {
    this.#stopReason = delta.stop_reason ?? this.#stopReason;
    this.#refusal = delta.stop_details?.explanation ?? this.#refusal;
    this.#usage = merged(this.#usage, usage);
    return [];
  }

  #end(): ChatChunk[] {
    if (this.#isComplete) return [];
    this.#isComplete = true;
    // What was not closed is complete all the same: its input must be.
    const closed = [...this.#open.keys()].flatMap((index) => this.#closeBlock({ type: "", index }));
    const reason = this.#finishReason();
    const refused = reason === "content_filter" && this.#refusal
      ? [this.#chunk({ refusal: this.#refusal })]
      : [];
    const { thinkingBlocks: thinking_blocks } = this;
    const thinking = this.options.tellThinking && thinking_blocks.length > 0
      ? [this.#chunk({ thinking_blocks })]
      : [];
    const usage = this.options.includeUsage
      ? [{ ...this.#chunk({}), choices: [], usage: this.usage }]
      : [];
    return [...closed, ...refused, ...thinking, this.#chunk({}, reason), ...usage];
  }

  #finishReason(): FinishReason {
    const reason = finishReasons.get(this.#stopReason) ?? "stop";
    // Tools of the provider's own count as calls there, but are none for the caller to make.
    const hasCalls = this.#toolCount > 0 && !this.#usedJsonTool;
    return reason === "tool_calls" && !hasCalls ? "stop" : reason;
  }

  #argumentsChunk(open: OpenBlock, text: string): ChatChunk {
    return this.#toolChunk({ index: open.toolIndex, function: { arguments: text } });
  }

  #customChunk(open: OpenBlock): ChatChunk {
    const input = freeText(open.hasDeltas ? open.inputText : JSON.stringify(open.input ?? {}));
    return this.#toolChunk({ index: open.toolIndex, custom: { input } });
  }

  #toolChunk(call: ToolCallDelta): ChatChunk {
    return this.#chunk({ tool_calls: [call] });
  }

  #chunk(delta: Delta, finish_reason: FinishReason | null = null): ChatChunk {
    return {
      id: this.#id,
      object: "chat.completion.chunk",
      created: this.options.created,
      model: this.options.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...(this.options.includeUsage ? { usage: null } : {}),
    };
  }
}

function opener(
  kind: "tool" | "custom" | OpenBlock["kind"],
  index: number,
  block: ClaudeEvent["content_block"],
): ToolCallDelta {
  const { id = "", name = "" } = block ?? {};
  return kind === "custom"
    ? { index, id, type: "custom", custom: { name, input: "" } }
    : { index, id, type: "function", function: { name, arguments: "" } };
}

/** The text that a free-text tool was called with, out of the object that it was wrapped in. */
function freeText(json: string): string {
  try {
    const { input } = JSON.parse(json) as { input?: unknown };
    return typeof input === "string" ? input : json;
  } catch {
    return json;
  }
}
