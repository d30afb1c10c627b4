/** The content blocks of Claude's stream → OpenAI's deltas. */

import type { Annotation, Delta, ToolCallDelta } from "../chat.ts";
import { Citations } from "./citations.ts";
import { isThinking } from "./thinking_blocks.ts";
import type { Block, ClaudeEvent } from "./wire.ts";

export interface ContentTerms {
  /** Free-text tools, whose input must be unwrapped. */
  customNames: ReadonlySet<string>;
  /** The tool whose input is the answer itself. */
  jsonTool: string | null;
  /** Stores the thinking that preceded a tool call. */
  remember(toolUseId: string, thoughts: readonly Block[]): void;
}

/** A block that has started and not ended. */
interface OpenBlock {
  kind: "text" | "tool" | "custom" | "json" | "thinking" | "other";
  /** The position among tool calls, not among blocks. */
  toolIndex: number;
  /** The input in the block's start event, used if there are no deltas. */
  input: unknown;
  /** Input received so far, for free-text tools: it must be unwrapped as a whole. */
  inputText: string;
  hasDeltas: boolean;
  /** The thinking block as callers must send it back. */
  thought: Block | null;
}

export class ContentDecoder {
  /** The thinking blocks so far, verbatim. */
  readonly thoughts: Block[] = [];
  readonly #open = new Map<number, OpenBlock>();
  readonly #citations = new Citations();
  #toolCount = 0;
  #usedJsonTool = false;

  constructor(private readonly terms: ContentTerms) {}

  /** The citations of the text so far. */
  get annotations(): Annotation[] {
    return this.#citations.annotations;
  }

  /** Whether the caller has tools to call. Anthropic runs server tools itself. */
  get hasCalls(): boolean {
    return this.#toolCount > 0 && !this.#usedJsonTool;
  }

  begin({ index = 0, content_block: block }: ClaudeEvent): Delta[] {
    const left = this.end({ index });
    const kind = this.#kindOf(block);
    const isTool = kind === "tool" || kind === "custom";
    const toolIndex = isTool ? this.#toolCount++ : -1;
    this.#open.set(index, {
      kind,
      toolIndex,
      input: block?.input,
      inputText: "",
      hasDeltas: false,
      thought: kind === "thinking" ? { ...block } as Block : null,
    });
    if (block?.type === "tool_use") this.terms.remember(block.id ?? "", this.thoughts);
    if (kind === "json") this.#usedJsonTool = true;
    if (kind === "text") return [...left, ...this.#text(block?.text ?? "")];
    return isTool ? [...left, call(opener(kind, toolIndex, block))] : left;
  }

  more({ index = 0, delta = {} }: ClaudeEvent): Delta[] {
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
        return input(open, delta.partial_json ?? "");
      default:
        return [];
    }
  }

  end({ index = 0 }: Pick<ClaudeEvent, "index">): Delta[] {
    const open = this.#open.get(index);
    this.#open.delete(index);
    if (open === undefined) return [];
    if (open.kind === "text") this.#citations.endBlock();
    if (open.thought) this.thoughts.push(open.thought);
    return wholeInput(open);
  }

  /** Ends all blocks that the stream left open. */
  endAll(): Delta[] {
    return [...this.#open.keys()].flatMap((index) => this.end({ index }));
  }

  #kindOf(block: ClaudeEvent["content_block"]): OpenBlock["kind"] {
    if (block === undefined) return "other";
    if (block.type === "text") return "text";
    if (isThinking(block as Block)) return "thinking";
    if (block.type !== "tool_use") return "other";
    if (block.name === this.terms.jsonTool) return "json";
    return this.terms.customNames.has(block.name ?? "") ? "custom" : "tool";
  }

  #text(text: string): Delta[] {
    this.#citations.read(text);
    return text === "" ? [] : [{ content: text }];
  }
}

function think({ thought }: OpenBlock, text: string): Delta[] {
  if (thought === null || text === "") return [];
  thought.thinking = `${thought.thinking ?? ""}${text}`;
  return [{ reasoning_content: text }];
}

function sign({ thought }: OpenBlock, signature: string): void {
  if (thought) thought.signature = `${thought.signature ?? ""}${signature}`;
}

function input(open: OpenBlock, text: string): Delta[] {
  if (text === "") return [];
  open.hasDeltas = true;
  if (open.kind === "json") return [{ content: text }];
  if (open.kind === "tool") {
    return [call({ index: open.toolIndex, function: { arguments: text } })];
  }
  open.inputText += text;
  return [];
}

/** Input that came without deltas, or that could not be emitted in pieces. */
function wholeInput({ kind, toolIndex: index, input, inputText, hasDeltas }: OpenBlock): Delta[] {
  const whole = hasDeltas ? inputText : JSON.stringify(input ?? {});
  if (kind === "custom") return [call({ index, custom: { input: freeText(whole) } })];
  if (hasDeltas) return [];
  if (kind === "tool") return [call({ index, function: { arguments: whole } })];
  return kind === "json" ? [{ content: whole }] : [];
}

function call(delta: ToolCallDelta): Delta {
  return { tool_calls: [delta] };
}

function opener(
  kind: "tool" | "custom",
  index: number,
  block: ClaudeEvent["content_block"],
): ToolCallDelta {
  const { id = "", name = "" } = block ?? {};
  return kind === "custom"
    ? { index, id, type: "custom", custom: { name, input: "" } }
    : { index, id, type: "function", function: { name, arguments: "" } };
}

/** Unwraps a free-text tool's input. */
function freeText(json: string): string {
  try {
    const { input } = JSON.parse(json) as { input?: unknown };
    return typeof input === "string" ? input : json;
  } catch {
    return json;
  }
}
