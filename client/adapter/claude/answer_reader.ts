/** Claude's stream events → neutral events, one event at a time. */

import type { AnswerEvent, EndReason } from "../bridge/answer_event.ts";
import { freeText } from "../bridge/custom_tool.ts";
import { toJsonText } from "../raw_json.ts";
import { Citations } from "./citations.ts";
import { isThinking, marked } from "./thinking_blocks.ts";
import { merged, usageOf } from "./usage.ts";
import type { Block, ClaudeEvent, ClaudeUsage } from "./wire.ts";

export interface ReaderOptions {
  /** The provider's name for the model. */
  localModel: string;
  /** Free-text tools, whose input must be unwrapped. */
  customNames: ReadonlySet<string>;
  /** The tool whose input is the answer itself. */
  jsonTool: string | null;
  /** Stores the thinking that preceded a tool call. */
  remember(toolUseId: string, thinking: readonly Block[]): void;
}

const endReasons: ReadonlyMap<string | null, EndReason> = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["pause_turn", "stop"],
  ["compaction", "stop"],
  [null, "stop"],
  ["tool_use", "calls"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["refusal", "refusal"],
]);

/** A block that has started and not ended. */
interface OpenBlock {
  kind: "text" | "tool" | "custom" | "json" | "thinking" | "other";
  /** The position among tool calls, not among blocks. */
  call: number;
  /** The input in the block's start event, used if there are no deltas. */
  input: unknown;
  /** Input received so far, for free-text tools: it must be unwrapped as a whole. */
  inputText: string;
  hasDeltas: boolean;
  /** The thinking block as callers must send it back. */
  thinking: Block | null;
}

export class ClaudeAnswerReader {
  readonly #open = new Map<number, OpenBlock>();
  readonly #thinking: Block[] = [];
  readonly #citations = new Citations();
  /** Text before the JSON tool's input, which is part of the answer only if the tool is not called. */
  #heldText = "";
  #callCount = 0;
  #usedJsonTool = false;
  #id: string | null = null;
  #hasBegun = false;
  #isComplete = false;
  #stopReason: string | null = null;
  #stopSequence: string | null = null;
  #explanation: string | null = null;
  #usage: ClaudeUsage = {};

  constructor(private readonly options: ReaderOptions) {}

  /** Returns the events of one event: none, one or several. `error` events are handled before. */
  read(event: ClaudeEvent): AnswerEvent[] {
    const events = this.#readers.get(event.type)?.(event) ?? [];
    // Some proxies lose or delay the first event; the start must come first all the same.
    return events.length > 0 ? [...this.#start(), ...events] : events;
  }

  readonly #readers: ReadonlyMap<string, (event: ClaudeEvent) => AnswerEvent[]> = new Map([
    ["message_start", (event: ClaudeEvent) => this.#beginMessage(event)],
    ["content_block_start", (event: ClaudeEvent) => this.#beginBlock(event)],
    ["content_block_delta", (event: ClaudeEvent) => this.#continueBlock(event)],
    ["content_block_stop", (event: ClaudeEvent) => this.#endBlock(event)],
    ["message_delta", (event: ClaudeEvent) => this.#noteEnd(event)],
    ["message_stop", () => this.#end()],
  ]);

  #beginMessage({ message }: ClaudeEvent): AnswerEvent[] {
    this.#usage = merged(this.#usage, message?.usage);
    this.#id ??= message?.id ?? null;
    return this.#start();
  }

  #start(): AnswerEvent[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [{ type: "start", id: this.#id }];
  }

  #beginBlock({ index = 0, content_block: block }: ClaudeEvent): AnswerEvent[] {
    const left = this.#endBlock({ index });
    const kind = this.#kindOf(block);
    const isCall = kind === "tool" || kind === "custom";
    const call = isCall ? this.#callCount++ : -1;
    this.#open.set(index, {
      kind,
      call,
      input: block?.input,
      inputText: "",
      hasDeltas: false,
      thinking: kind === "thinking" ? { ...block } as Block : null,
    });
    const { id = "", name = "" } = block ?? {};
    if (block?.type === "tool_use") this.options.remember(id, this.#thinking);
    if (kind === "json") {
      this.#usedJsonTool = true;
      this.#heldText = "";
    }
    if (kind === "text") return [...left, ...this.#text(block?.text ?? "")];
    const isCustom = kind === "custom";
    return isCall ? [...left, { type: "call", call, id, name, isCustom }] : left;
  }

  #continueBlock({ index = 0, delta = {} }: ClaudeEvent): AnswerEvent[] {
    const open = this.#open.get(index);
    if (open === undefined) return [];
    switch (delta.type) {
      case "text_delta":
        return open.kind === "text" ? this.#text(delta.text ?? "") : [];
      case "thinking_delta":
        return think(open, delta.thinking ?? "");
      case "signature_delta":
        sign(open, delta.signature ?? "");
        return [];
      case "citations_delta":
        this.#citations.add(delta.citation);
        return [];
      case "input_json_delta":
        return continueInput(open, delta.partial_json ?? "");
      default:
        return [];
    }
  }

  #endBlock({ index = 0 }: Pick<ClaudeEvent, "index">): AnswerEvent[] {
    const open = this.#open.get(index);
    this.#open.delete(index);
    if (open === undefined) return [];
    if (open.thinking) return this.#thought(open.thinking);
    if (open.kind !== "text") return wholeInput(open);
    return this.#citations.endBlock().map((citation) => ({ type: "citation", citation }));
  }

  #thought(block: Block): AnswerEvent[] {
    this.#thinking.push(block);
    return marked([block], this.options.localModel).map((block) => ({ type: "thinking", block }));
  }

  #noteEnd({ delta = {}, usage }: ClaudeEvent): AnswerEvent[] {
    this.#stopReason = delta.stop_reason ?? this.#stopReason;
    this.#stopSequence = delta.stop_sequence ?? this.#stopSequence;
    this.#explanation = delta.stop_details?.explanation ?? this.#explanation;
    this.#usage = merged(this.#usage, usage);
    return [];
  }

  #end(): AnswerEvent[] {
    if (this.#isComplete) return [];
    this.#isComplete = true;
    const left = [...this.#open.keys()].flatMap((index) => this.#endBlock({ index }));
    const held: AnswerEvent[] = this.#heldText === ""
      ? []
      : [{ type: "text", text: this.#heldText }];
    return [
      ...left,
      ...held,
      { type: "usage", usage: usageOf(this.#usage) },
      {
        type: "end",
        reason: this.#endReason(),
        stopSequence: this.#stopSequence,
        explanation: this.#explanation,
      },
    ];
  }

  /** Anthropic runs server tools itself, and the JSON tool is none: the caller has nothing to call. */
  #endReason(): EndReason {
    const reason = endReasons.get(this.#stopReason) ?? "length";
    return reason === "calls" && (this.#callCount === 0 || this.#usedJsonTool) ? "stop" : reason;
  }

  #kindOf(block: ClaudeEvent["content_block"]): OpenBlock["kind"] {
    if (block === undefined) return "other";
    if (block.type === "text") return "text";
    if (isThinking(block as Block)) return "thinking";
    if (block.type !== "tool_use") return "other";
    if (block.name === this.options.jsonTool) return "json";
    return this.options.customNames.has(block.name ?? "") ? "custom" : "tool";
  }

  #text(text: string): AnswerEvent[] {
    if (this.#usedJsonTool || text === "") return [];
    if (this.options.jsonTool !== null) {
      this.#heldText += text;
      return [];
    }
    this.#citations.read(text);
    return [{ type: "text", text }];
  }
}

function think({ thinking }: OpenBlock, text: string): AnswerEvent[] {
  if (thinking === null || text === "") return [];
  thinking.thinking = `${thinking.thinking ?? ""}${text}`;
  return [{ type: "reasoning", text }];
}

function sign({ thinking }: OpenBlock, signature: string): void {
  if (thinking) thinking.signature = `${thinking.signature ?? ""}${signature}`;
}

function continueInput(open: OpenBlock, text: string): AnswerEvent[] {
  if (text === "") return [];
  open.hasDeltas = true;
  if (open.kind === "json") return [{ type: "text", text }];
  if (open.kind === "tool") return [{ type: "arguments", call: open.call, text }];
  open.inputText += text;
  return [];
}

/** Input that came without deltas, or that could not be emitted in pieces. */
function wholeInput({ kind, call, input, inputText, hasDeltas }: OpenBlock): AnswerEvent[] {
  const whole = hasDeltas ? inputText : toJsonText(input ?? {});
  if (kind === "custom") return [{ type: "arguments", call, text: freeText(whole) }];
  if (hasDeltas) return [];
  if (kind === "tool") return [{ type: "arguments", call, text: whole }];
  return kind === "json" ? [{ type: "text", text: whole }] : [];
}
