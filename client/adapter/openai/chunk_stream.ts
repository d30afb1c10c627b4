/** Follows the chunks of a chat or text completion, repairs what SDKs reject, and detects the end. */

import { UpstreamFailure } from "../adapter.ts";
import { disconnected } from "../sse/event_stream.ts";
import { isObject, type Json, notAnAnswer } from "../json_object.ts";
import type { StreamFollower } from "./stream_follower.ts";
import { checkFinishReason } from "./finish_reason.ts";
import { toJsonText } from "../raw_json.ts";
import { repairable, repairMessage } from "./message_repair.ts";
import { ToolCallTracker } from "./tool_calls.ts";

interface Choice {
  index?: unknown;
  delta?: Json | null;
  finish_reason?: unknown;
}

/** The state of one choice. */
interface Progress {
  hasEnded: boolean;
  tools: ToolCallTracker;
}

export class ChunkStream implements StreamFollower {
  /** A usage chunk may follow the last choice's end, so the stream is read to its own end. */
  readonly isOver = false;
  readonly #choices = new Map<number, Progress>();
  #openCount = 0;
  /** The members that all chunks of an answer share. */
  #head: Json | null = null;

  /** `text`: the choices have no deltas to repair. */
  constructor(private readonly kind: "chat" | "text") {}

  /** Whether every choice that began has ended. */
  get isComplete(): boolean {
    return this.#choices.size > 0 && this.#openCount === 0;
  }

  pass(text: string, parsed: Json): string {
    const chunk = repairable(text, parsed);
    const choices = Array.isArray(chunk.choices) ? chunk.choices as Choice[] : [];
    this.#head ??= headOf(chunk);
    let repaired = false;
    choices.forEach((choice, position) => {
      if (typeof choice !== "object" || choice === null) throw notAnAnswer();
      repaired = this.#follow(choice, position) || repaired;
    });
    return repaired ? toJsonText(chunk) : text;
  }

  /** Some servers send `[DONE]` without a finish reason; SDK helpers require both. */
  done(): string | null {
    if (this.isComplete) return null;
    if (this.#choices.size === 0) {
      throw new UpstreamFailure(502, "The provider ended its answer without saying anything");
    }
    const open = [...this.#choices].filter(([, { hasEnded }]) => !hasEnded);
    const choices = open.map(([index, progress]) => {
      this.#end(progress);
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
  #follow(choice: Choice, position: number): boolean {
    const isNumbered = typeof choice.index === "number";
    const index = isNumbered ? choice.index as number : position;
    choice.index = index;
    const known = this.#choices.get(index);
    const progress = known ?? this.#begin(index);
    checkFinishReason(choice.finish_reason);
    if (isReason(choice.finish_reason)) this.#end(progress);
    if (this.kind === "text") return !isNumbered;
    return [
      !isNumbered,
      known === undefined && giveRole(choice),
      isObject(choice.delta) && repairMessage(choice.delta),
      progress.tools.repair(choice.delta?.tool_calls),
    ].some(Boolean);
  }

  #begin(index: number): Progress {
    const progress = { hasEnded: false, tools: new ToolCallTracker() };
    this.#choices.set(index, progress);
    this.#openCount++;
    return progress;
  }

  #end(progress: Progress): void {
    if (!progress.hasEnded) this.#openCount--;
    progress.hasEnded = true;
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
