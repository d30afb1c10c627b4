/**
 * Remembers a model's signed thinking by the tool call that followed it: clients of this API drop
 * it, and Claude refuses the tool's result without it.
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

  /** Keeps what was thought before a tool call. Signatures hold for one model only. */
  keep(model: string, toolUseId: string, blocks: readonly Block[]): void {
    if (blocks.length > 0) this.#blocks.set(key(model, toolUseId), [...blocks]);
  }

  /** The same blocks, verbatim and in order; none where they were never seen or are forgotten. */
  recall(model: string, toolUseId: string): Block[] {
    return this.#blocks.get(key(model, toolUseId)) ?? [];
  }
}

function key(model: string, toolUseId: string): string {
  return `${model}\n${toolUseId}`;
}
