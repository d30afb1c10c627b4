/** Passes an upstream's chunks on, mends what SDKs choke on, and knows when an answer is complete. */

import { UpstreamFailure } from "../adapter.ts";
import { disconnected } from "../event_stream.ts";

interface Choice {
  index?: unknown;
  delta?: Record<string, unknown> | null;
  finish_reason?: unknown;
}

export class ChunkStream {
  /** Choice indexes that were seen, and whether each is finished. */
  readonly #finished = new Map<number, boolean>();

  /** Whether every choice that began has ended: losing the connection now loses nothing. */
  get isComplete(): boolean {
    return this.#finished.size > 0 && [...this.#finished.values()].every(Boolean);
  }

  /**
   * One payload as the caller gets it: the same text, unless it had to be mended. Throws an
   * UpstreamFailure if it is not a chunk; an error object is the adapter's to look for.
   */
  pass(text: string, chunk: Record<string, unknown>): string {
    const choices = Array.isArray(chunk.choices) ? chunk.choices as Choice[] : [];
    let mended = false;
    for (const choice of choices) {
      if (typeof choice !== "object" || choice === null) throw notChunk();
      const index = typeof choice.index === "number" ? choice.index : 0;
      if (!this.#finished.has(index)) mended = giveRole(choice) || mended;
      mended = copyReasoning(choice) || mended;
      this.#finished.set(
        index,
        this.#finished.get(index) === true || isReason(choice.finish_reason),
      );
    }
    return mended ? JSON.stringify(chunk) : text;
  }

  /** The upstream's connection ended, with or without `[DONE]`. Throws unless the answer was complete. */
  end(saidDone: boolean): void {
    if (this.isComplete || (saidDone && this.#finished.size > 0)) return;
    throw saidDone
      ? new UpstreamFailure(502, "The provider ended its answer without saying anything")
      : disconnected();
  }
}

/** Some servers send an empty reason with every chunk. */
function isReason(reason: unknown): boolean {
  return typeof reason === "string" && reason !== "";
}

/** SDK helpers refuse a stream whose first delta names no role. */
function giveRole(choice: Choice): boolean {
  if (typeof choice.delta?.role === "string") return false;
  choice.delta = { role: "assistant", ...choice.delta };
  return true;
}

/** vLLM and others say `reasoning`; several clients read only `reasoning_content`. */
function copyReasoning({ delta }: Choice): boolean {
  if (typeof delta?.reasoning !== "string" || delta.reasoning_content !== undefined) return false;
  delta.reasoning_content = delta.reasoning;
  return true;
}

export function notChunk(): UpstreamFailure {
  return new UpstreamFailure(502, "The provider sent something that is not a chat completion");
}
