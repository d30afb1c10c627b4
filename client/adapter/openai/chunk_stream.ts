/** Follows the chunks of a chat or text completion, repairs what SDKs reject, and detects the end. */

import { UpstreamFailure } from "../adapter.ts";
import { disconnected } from "../sse/event_stream.ts";
import { type Json, notAnAnswer } from "../json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";
import { ToolPlaces } from "./tool_places.ts";

interface Choice {
  index?: unknown;
  delta?: Json | null;
  finish_reason?: unknown;
}

/** The state of one choice. */
interface Progress {
  hasEnded: boolean;
  tools: ToolPlaces;
}

export class ChunkStream implements StreamFollower {
  /** A usage chunk may follow the last choice's end, so the stream is read to its own end. */
  readonly isOver = false;
  readonly #choices = new Map<number, Progress>();
  /** The members that all chunks of an answer share. */
  #head: Json | null = null;

  /** `text`: the choices have no deltas to repair. */
  constructor(private readonly kind: "chat" | "text") {}

  /** Whether every choice that began has ended. */
  get isComplete(): boolean {
    return this.#choices.size > 0 && [...this.#choices.values()].every(({ hasEnded }) => hasEnded);
  }

  pass(text: string, chunk: Json): string {
    const choices = Array.isArray(chunk.choices) ? chunk.choices as Choice[] : [];
    this.#head ??= headOf(chunk);
    let repaired = false;
    for (const choice of choices) {
      if (typeof choice !== "object" || choice === null) throw notAnAnswer();
      repaired = this.#follow(choice) || repaired;
    }
    return repaired ? JSON.stringify(chunk) : text;
  }

  /** Some servers send `[DONE]` without a finish reason; SDK helpers require both. */
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

  /** Returns whether the choice was repaired. */
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

/** Some servers send an empty finish reason with every chunk. */
function isReason(reason: unknown): boolean {
  return typeof reason === "string" && reason !== "";
}

/** SDK helpers reject a stream whose first delta has no role. */
function giveRole(choice: Choice): boolean {
  const role = "assistant";
  if (typeof choice.delta?.role === "string" && choice.delta.role !== "") return false;
  choice.delta = { ...{ role }, ...choice.delta, role };
  return true;
}

/** vLLM and others send `reasoning`; several clients read only `reasoning_content`. */
function copyReasoning({ delta }: Choice): boolean {
  if (typeof delta?.reasoning !== "string" || delta.reasoning_content !== undefined) return false;
  delta.reasoning_content = delta.reasoning;
  return true;
}
