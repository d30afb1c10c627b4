/**
 * Remembers a model's signed thinking by the tool call that followed it: OpenAI's clients drop the
 * thinking, and Claude rejects the tool's result without it.
 */

import { LRUCache } from "lru-cache";
import type { Block } from "./wire.ts";

const MAX_ENTRIES = 5_000;
const MAX_CHARS = 16 * 1024 * 1024;

export class ThinkingMemory {
  readonly #blocks = new LRUCache<string, Block[]>({
    max: MAX_ENTRIES,
    maxSize: MAX_CHARS,
    sizeCalculation: (blocks) => 1 + JSON.stringify(blocks).length,
  });

  /** Stores the thinking before a tool call. A signature is valid for one model only. */
  keep(model: string, toolUseId: string, blocks: readonly Block[]): void {
    if (blocks.length > 0) this.#blocks.set(key(model, toolUseId), [...blocks]);
  }

  /** The stored blocks, verbatim and in order; empty if unknown or evicted. */
  recall(model: string, toolUseId: string): Block[] {
    return this.#blocks.get(key(model, toolUseId)) ?? [];
  }
}

function key(model: string, toolUseId: string): string {
  return `${model}\n${toolUseId}`;
}
