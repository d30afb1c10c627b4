/** A chat's messages → Claude's system prompt and strictly alternating turns. */

import { badRequest } from "../bad_request.ts";
import type { Message } from "./chat_request.ts";
import { blocksOf, textBlock, textOf, withCacheHint } from "./content.ts";
import { toolId } from "../tool_id.ts";
import { inputOf } from "../tool_input.ts";
import { isThinking } from "./thinking_blocks.ts";
import { pairTools } from "./tool_pairs.ts";
import type { Block, Turn } from "./wire.ts";

export interface Transcript {
  system: Block[];
  turns: Turn[];
}

/** Supplies the past thinking that Claude requires. */
export interface ThinkingSource {
  /** The thinking before a tool call. */
  recall(toolUseId: string): Block[];
  /** Filters a caller's blocks to those that the model accepts. */
  accept(blocks: Block[]): Block[];
}

export function transcriptOf(messages: Message[], thinking: ThinkingSource): Transcript {
  const firstOther = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const leading = firstOther < 0 ? messages.length : firstOther;
  const system = messages.slice(0, leading).flatMap((message, i) =>
    systemBlocks(message, `messages[${i}].content`)
  );
  const turns = alternating(messages.slice(leading), leading, thinking);
  pairTools(turns);
  if (turns[0]?.role === "assistant") {
    turns.unshift({ role: "user", content: [{ type: "text", text: "Continue." }] });
  }
  trimEnd(turns);
  if (turns.length === 0) {
    throw badRequest("messages", "Every message is empty: send at least one that is not");
  }
  return { system, turns };
}

/** Merges neighbours of one role and drops empty messages. */
function alternating(messages: Message[], offset: number, thinking: ThinkingSource): Turn[] {
  const turns: Turn[] = [];
  const functionIds = new Map<string, string>();
  messages.forEach((message, i) => {
    const param = `messages[${offset + i}]`;
    const role = message.role === "assistant" ? "assistant" : "user";
    const blocks = blocksOfMessage(message, param, functionIds, thinking);
    if (blocks.length === 0) return;
    const last = turns.at(-1);
    // Thinking is valid only at the start of a turn.
    if (last?.role === role) last.content.push(...blocks.filter((block) => !isThinking(block)));
    else turns.push({ role, content: blocks });
  });
  return turns;
}

function blocksOfMessage(
  message: Message,
  param: string,
  functionIds: Map<string, string>,
  thinking: ThinkingSource,
): Block[] {
  switch (message.role) {
    case "system":
    case "developer":
      return inPlaceSystem(message);
    case "user":
      return hinted(blocksOf(message.content, `${param}.content`), message);
    case "assistant":
      return assistantBlocks(message, param, functionIds, thinking);
    case "tool":
      return [toolResult(message, message.tool_call_id ?? "", `${param}.content`)];
    case "function":
      return [toolResult(message, functionIds.get(message.name ?? "") ?? "", `${param}.content`)];
  }
}

function systemBlocks(message: Message, param: string): Block[] {
  return hinted(
    blocksOf(message.content, param).map((block) => {
      if (block.type !== "text") throw badRequest(param, "System messages must be text");
      return block;
    }),
    message,
  );
}

/** A later system message stays in place: at the front its meaning would change. */
function inPlaceSystem(message: Message): Block[] {
  const text = textOf(message.content).trim();
  return text === "" ? [] : [{ type: "text", text: `<system>${text}</system>` }];
}

function assistantBlocks(
  message: Message,
  param: string,
  functionIds: Map<string, string>,
  thinking: ThinkingSource,
): Block[] {
  const calls = (message.tool_calls ?? []).flatMap((call, i) => {
    const id = toolId(call.id || `${param}_${i}`);
    if (call.function) {
      return [toolUse(id, call.function.name, inputOf(call.function.arguments))];
    }
    return call.custom ? [toolUse(id, call.custom.name, { input: call.custom.input ?? "" })] : [];
  });
  const { function_call: legacy } = message;
  if (legacy) {
    const id = toolId(`${param}_${legacy.name}`);
    functionIds.set(legacy.name, id);
    calls.push(toolUse(id, legacy.name, inputOf(legacy.arguments)));
  }
  const echoed = thinking.accept((message.thinking_blocks ?? []) as Block[]);
  const [first] = calls;
  const past = echoed.length > 0 || first === undefined
    ? echoed
    : thinking.recall(String(first.id));
  const refusal = textBlock(message.refusal);
  const content = blocksOf(message.content, `${param}.content`);
  const blocks = [...content, ...refusal ? [refusal] : [], ...calls];
  return blocks.length === 0 ? [] : [...past, ...hinted(blocks, message)];
}

function toolUse(id: string, name: string, input: object): Block {
  return { type: "tool_use", id, name, input };
}

function toolResult(message: Message, id: string, param: string): Block {
  const content = blocksOf(message.content, param);
  const block: Block = { type: "tool_result", tool_use_id: toolId(id || "unknown") };
  return withCacheHint(content.length === 0 ? block : { ...block, content }, message);
}

/** A message's own cache hint marks its last block. */
function hinted(blocks: Block[], message: Message): Block[] {
  const last = blocks.at(-1);
  return last === undefined ? [] : [...blocks.slice(0, -1), withCacheHint(last, message)];
}

/** Claude rejects a final assistant text with trailing white space. */
function trimEnd(turns: Turn[]): void {
  const last = turns.at(-1);
  const block = last?.role === "assistant" ? last.content.at(-1) : undefined;
  if (block?.type === "text") block.text = String(block.text).trimEnd();
}
