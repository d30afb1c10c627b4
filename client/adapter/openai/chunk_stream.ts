/** Follows the chunks of a chat or a text completion, mends what SDKs choke on, and knows when all is said. */

import { UpstreamFailure } from "../adapter.ts";
import { disconnected } from "../event_stream.ts";
import { type Json, notAnAnswer } from "./json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";

interface Choice {
  index?: unknown;
  delta?: Json | null;
  finish_reason?: unknown;
}

export class ChunkStream implements StreamFollower {
  /** More may follow even if all choices have ended: what they cost. */
  readonly isOver = false;
  /** Choice indexes that were seen, and whether each is finished. */
  readonly #finished = new Map<number, boolean>();

  /** `text`: its choices have no deltas to mend. */
  constructor(private readonly kind: "chat" | "text") {}

  /** Whether every choice that began has ended. */
  get isComplete(): boolean {
    return this.#finished.size > 0 && [...this.#finished.values()].every(Boolean);
  }

  pass(text: string, chunk: Json): string {
    const choices = Array.isArray(chunk.choices) ? chunk.choices as Choice[] : [];
    let mended = false;
    for (const choice of choices) {
      if (typeof choice !== "object" || choice === null) throw notAnAnswer();
      const index = typeof choice.index === "number" ? choice.index : 0;
      if (this.kind === "chat") {
        if (!this.#finished.has(index)) mended = giveRole(choice) || mended;
        mended = copyReasoning(choice) || mended;
      }
      this.#finished.set(
        index,
        this.#finished.get(index) === true || isReason(choice.finish_reason),
      );
    }
    return mended ? JSON.stringify(chunk) : text;
  }

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
