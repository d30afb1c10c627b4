/** The turns of a request → Claude's system prompt and strictly alternating turns. */

import { badRequest } from "../bad_request.ts";
import type {
  ModelRequest,
  Part,
  ThinkingPart,
  Turn as ModelTurn,
} from "../bridge/model_request.ts";
import { toolId } from "../tool_id.ts";
import { blocksOf } from "./content.ts";
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

export function transcriptOf(
  { system, turns: given }: Pick<ModelRequest, "system" | "turns">,
  thinking: ThinkingSource,
): Transcript {
  const turns = alternating(given, thinking);
  pairTools(turns);
  if (turns[0]?.role === "assistant") {
    turns.unshift({ role: "user", content: [{ type: "text", text: "Continue." }] });
  }
  trimEnd(turns);
  if (turns.length === 0) {
    throw badRequest("messages", "Every message is empty: send at least one that is not");
  }
  return { system: blocksOf(system), turns };
}

/** Merges neighbours of one role and drops empty turns. */
function alternating(given: readonly ModelTurn[], thinking: ThinkingSource): Turn[] {
  const turns: Turn[] = [];
  for (const turn of given) {
    const role = turn.role === "assistant" ? "assistant" : "user";
    const blocks = blocksOfTurn(turn, thinking);
    if (blocks.length === 0) continue;
    const last = turns.at(-1);
    // Thinking is valid only at the start of a turn.
    if (last?.role === role) last.content.push(...blocks.filter((block) => !isThinking(block)));
    else turns.push({ role, content: blocks });
  }
  return turns;
}

function blocksOfTurn({ role, parts }: ModelTurn, thinking: ThinkingSource): Block[] {
  switch (role) {
    case "system":
      return inPlaceSystem(parts);
    case "user":
      return blocksOf(parts);
    case "assistant":
      return assistantBlocks(parts, thinking);
  }
}

/** A later system message stays in place: at the front its meaning would change. */
function inPlaceSystem(parts: readonly Part[]): Block[] {
  const text = parts.map((part) => part.type === "text" ? part.text : "").join("").trim();
  return text === "" ? [] : [{ type: "text", text: `<system>${text}</system>` }];
}

function assistantBlocks(parts: readonly Part[], thinking: ThinkingSource): Block[] {
  const blocks = blocksOf(parts);
  if (blocks.length === 0) return [];
  const signed = parts.filter((part): part is ThinkingPart => part.type === "thinking")
    .flatMap((part) => part.signed === null ? [] : part.signed as Block);
  const echoed = thinking.accept(signed);
  const firstCall = parts.find((part) => part.type === "call");
  const past = echoed.length > 0 || firstCall === undefined
    ? echoed
    : thinking.recall(toolId(firstCall.id));
  return [...past, ...blocks];
}

/** Claude rejects a final assistant text with trailing white space. */
function trimEnd(turns: Turn[]): void {
  const last = turns.at(-1);
  const block = last?.role === "assistant" ? last.content.at(-1) : undefined;
  if (block?.type === "text") block.text = String(block.text).trimEnd();
}
