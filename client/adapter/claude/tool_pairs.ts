/** Pairs tool calls with their results, as Claude requires. */

import type { Block, Turn } from "./wire.ts";

/**
 * Makes every tool call answered exactly once, at the start of the next turn. A result without a
 * call becomes text.
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
    // Claude also rejects a last turn whose calls have no results.
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

/** Drops later calls with the same id: only one of them can be answered. */
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
