/** Follows the chunks of a chat or a text completion, mends what SDKs choke on, and knows when all is said. */

import { UpstreamFailure } from "../adapter.ts";
import { disconnected } from "../sse/event_stream.ts";
import { type Json, notAnAnswer } from "./json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";
import { ToolPlaces } from "./tool_places.ts";

interface Choice {
  index?: unknown;
  delta?: Json | null;
  finish_reason?: unknown;
}

/** What was seen of a choice. */
interface Progress {
  hasEnded: boolean;
  tools: ToolPlaces;
}

export class ChunkStream implements StreamFollower {
  /** More may follow even if all choices have ended: what they cost. */
  readonly isOver = false;
  readonly #choices = new Map<number, Progress>();
  /** What is the same in all chunks of an answer. */
  #head: Json | null = null;

  /** `text`: its choices have no deltas to mend. */
  constructor(private readonly kind: "chat" | "text") {}

  /** Whether every choice that began has ended. */
  get isComplete(): boolean {
    return this.#choices.size > 0 && [...this.#choices.values()].every(({ hasEnded }) => hasEnded);
  }

  pass(text: string, chunk: Json): string {
    const choices = Array.isArray(chunk.choices) ? chunk.choices as Choice[] : [];
    this.#head ??= headOf(chunk);
    let mended = false;
    for (const choice of choices) {
      if (typeof choice !== "object" || choice === null) throw notAnAnswer();
      mended = this.#follow(choice) || mended;
    }
    return mended ? JSON.stringify(chunk) : text;
  }

  /** Some servers name no reason at all, but say that they are done: SDK helpers want both. */
  done(): string | null {
    if (this.isComplete) return null;
    if (this.#choices.size === 0) {
      throw new UpstreamFailure(502, "The provider ended its answer without saying anything");
    }
    const open = [...this.#choices].filter(([, { hasEnded }]) => !hasEnded);
    const choices = open.map(([index, progress]) => {
      progress.hasEnded = true;
      const rest = {
        logprobs: null,
        finish_reason: progress.tools.isEmpty ? "stop" : "tool_calls",
      };
      return this.kind === "chat" ? { index, delta: {}, ...rest } : { index, text: "", ...rest };
    });
    return JSON.stringify({ ...this.#head, choices });
  }

  end(): void {
    if (!this.isComplete) throw disconnected();
  }

  /** Returns whether the choice had to be mended. */
  #follow(choice: Choice): boolean {
    const index = typeof choice.index === "number" ? choice.index : 0;
    const known = this.#choices.get(index);
    const progress = known ?? { hasEnded: false, tools: new ToolPlaces() };
    this.#choices.set(index, progress);
    progress.hasEnded ||= isReason(choice.finish_reason);
    if (this.kind === "text") return false;
    return [
      known === undefined && giveRole(choice),
      copyReasoning(choice),
      progress.tools.mend(choice.delta?.tool_calls),
    ].some(Boolean);
  }
}

function headOf({ id, object, created, model }: Json): Json {
  return { id, object, created, model };
}

/** Some servers send an empty reason with every chunk. */
function isReason(reason: unknown): boolean {
  return typeof reason === "string" && reason !== "";
}

/** SDK helpers refuse a stream whose first delta names no role. */
function giveRole(choice: Choice): boolean {
  const role = "assistant";
  if (typeof choice.delta?.role === "string" && choice.delta.role !== "") return false;
  choice.delta = { ...{ role }, ...choice.delta, role };
  return true;
}

/** vLLM and others say `reasoning`; several clients read only `reasoning_content`. */
function copyReasoning({ delta }: Choice): boolean {
  if (typeof delta?.reasoning !== "string" || delta.reasoning_content !== undefined) return false;
  delta.reasoning_content = delta.reasoning;
  return true;
}
