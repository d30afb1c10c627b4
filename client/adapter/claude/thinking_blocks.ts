/**
 * Signed thinking on its way through callers: a tool loop may go on at another node, which has not
 * seen the blocks that Claude wants back with the tool's result.
 */

import { shortHash } from "../short_hash.ts";
import type { ChatRequest } from "./chat_request.ts";
import type { Block } from "./wire.ts";

/** Names the model without telling how its provider calls it. */
const MARK = "signed_for";

/** Blocks as callers get them: marked, since a signature is worth nothing at another model. */
export function marked(blocks: readonly Block[], model: string): Block[] {
  return blocks.filter(isSigned).map((block) => ({ ...block, [MARK]: shortHash(model) }));
}

/** Blocks that a caller sent back, verbatim as Claude said them; none that the model would refuse. */
export function unmarked(blocks: readonly Block[], model: string): Block[] {
  return blocks.flatMap(({ [MARK]: mark, ...block }) =>
    isSigned(block) && (mark === undefined || mark === shortHash(model)) ? [block] : []
  );
}

export function isThinking({ type }: Block): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

/** Whether the caller knows Claude's thinking: a stream tells others nothing that they did not ask for. */
export function knowsThinking({ thinking, messages }: ChatRequest): boolean {
  return Boolean(thinking) || messages.some((message) => message.thinking_blocks?.length);
}

function isSigned({ type, signature, data }: Block): boolean {
  const seal = type === "thinking" ? signature : type === "redacted_thinking" ? data : "";
  return typeof seal === "string" && seal !== "";
}
