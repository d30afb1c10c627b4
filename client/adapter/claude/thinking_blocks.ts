/**
 * Signed thinking in callers' hands: a tool loop may continue on another node, which has not seen
 * the blocks that Claude requires with the tool's result.
 */

import { shortHash } from "../short_hash.ts";
import type { Block } from "./wire.ts";

/** Identifies the model without revealing the provider's name for it. */
const MARK = "signed_for";

/** Marks blocks for callers: a signature is valid for one model only. */
export function marked(blocks: readonly Block[], model: string): Block[] {
  return blocks.filter(isSigned).map((block) => ({ ...block, [MARK]: shortHash(model) }));
}

/** Restores blocks that a caller sent back, without those that the model would reject. */
export function unmarked(blocks: readonly Block[], model: string): Block[] {
  return blocks.flatMap(({ [MARK]: mark, ...block }) =>
    isSigned(block) && (mark === undefined || mark === shortHash(model)) ? [block] : []
  );
}

export function isThinking({ type }: Block): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function isSigned({ type, signature, data }: Block): boolean {
  const seal = type === "thinking" ? signature : type === "redacted_thinking" ? data : "";
  return typeof seal === "string" && seal !== "";
}
