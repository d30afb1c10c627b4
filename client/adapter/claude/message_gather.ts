/** Gathers a stream's events into the whole message, for providers that stream although no stream was requested. */

import { RawJson, toJsonText } from "../raw_json.ts";
import { merged } from "./usage.ts";
import type { Block, ClaudeEvent, ClaudeUsage } from "./wire.ts";

/** The JSON text of the message. Expects a complete stream. */
export function gatherMessage(events: readonly (ClaudeEvent & Record<string, unknown>)[]): string {
  const blocks = new Map<number, Block>();
  const inputs = new Map<number, string>();
  let message: Record<string, unknown> = {};
  let usage: ClaudeUsage = {};
  for (const { type, index = 0, delta = {}, content_block, ...event } of events) {
    switch (type) {
      case "message_start":
        message = { ...event.message };
        usage = merged(usage, event.message?.usage);
        break;
      case "content_block_start":
        blocks.set(index, { ...content_block } as Block);
        break;
      case "content_block_delta":
        if (delta.type === "input_json_delta") {
          inputs.set(index, (inputs.get(index) ?? "") + (delta.partial_json ?? ""));
        } else {
          extend(blocks.get(index), delta);
        }
        break;
      case "message_delta":
        Object.assign(message, delta);
        usage = merged(usage, event.usage);
    }
  }
  for (const [index, text] of inputs) {
    const block = blocks.get(index);
    if (block && text !== "") block.input = new RawJson(text);
  }
  return toJsonText({ ...message, content: [...blocks.values()], usage });
}

function extend(block: Block | undefined, delta: NonNullable<ClaudeEvent["delta"]>): void {
  if (block === undefined) return;
  for (const key of ["text", "thinking", "signature"] as const) {
    const more = delta[key];
    if (more !== undefined) block[key] = `${block[key] ?? ""}${more}`;
  }
  if (delta.citation) block.citations = [...(block.citations as unknown[] ?? []), delta.citation];
}
