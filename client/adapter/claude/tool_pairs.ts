/** Calls and their results, which Claude wants to stand together. */

import type { Block, Turn } from "./wire.ts";

/**
 * Every tool call is answered in the very next turn, first thing there, exactly once; a result
 * that answers nothing becomes text.
 */
export function pairTools(turns: Turn[]): void {
  for (let i = 0; i < turns.length; i++) {
    const turn = turns[i]!;
    if (turn.role === "user") {
      if (i === 0) turn.content = turn.content.map(resultAsText);
      continue;
    }
    turn.content = onePerId(turn.content);
    const ids = turn.content.filter(({ type }) => type === "tool_use").map(({ id }) => String(id));
    // A trailing assistant turn with calls is answered as well: without results it is refused.
    if (ids.length > 0 && turns[i + 1] === undefined) turns.push({ role: "user", content: [] });
    const next = turns[i + 1];
    if (next === undefined) continue;
    const results = ids.map((id) =>
      next.content.find((block) => answers(block, id)) ?? noResult(id)
    );
    const rest = next.content.filter((block) => !results.includes(block)).map(resultAsText);
    next.content = [...results, ...rest];
  }
}

/** Two calls under one id cannot both be answered: the later ones are dropped. */
function onePerId(content: Block[]): Block[] {
  const seen = new Set<unknown>();
  return content.filter((block) => {
    if (block.type !== "tool_use") return true;
    const isNew = !seen.has(block.id);
    seen.add(block.id);
    return isNew;
  });
}

function answers(block: Block, id: string): boolean {
  return block.type === "tool_result" && block.tool_use_id === id;
}

function noResult(id: string): Block {
  return {
    type: "tool_result",
    tool_use_id: id,
    is_error: true,
    content: [{ type: "text", text: "No result was given for this call." }],
  };
}

function resultAsText(block: Block): Block {
  if (block.type !== "tool_result") return block;
  const parts = (block.content ?? []) as Block[];
  const text = parts.map((part) => part.type === "text" ? String(part.text) : "").join("");
  return { type: "text", text: `<tool_result>${text}</tool_result>` };
}
