/** Expands a whole message into its stream of events, for providers that do not stream. */

import { toJsonText } from "../raw_json.ts";
import type { Block } from "./wire.ts";

/** A provider's message; unknown members are kept. */
export interface WholeMessage extends Record<string, unknown> {
  content: Block[];
  stop_reason?: unknown;
  stop_sequence?: unknown;
  stop_details?: unknown;
  usage?: unknown;
}

/** The events from `message_start` to `message_stop`. */
export function messageEvents(message: WholeMessage): object[] {
  const { content, stop_reason = null, stop_sequence = null, stop_details = null } = message;
  const { usage = null } = message;
  const start = { ...message, content: [], stop_reason: null, stop_sequence: null };
  return [
    { type: "message_start", message: start },
    ...content.flatMap((block, index) => blockEvents(block, index)),
    { type: "message_delta", delta: { stop_reason, stop_sequence, stop_details }, usage },
    { type: "message_stop" },
  ];
}

function blockEvents(block: Block, index: number): object[] {
  const [content_block, deltas] = Object.hasOwn(expanders, block.type)
    ? expanders[block.type]!(block)
    : [block, []];
  return [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

type Expansion = [start: Block, deltas: object[]];

/** The deltas of each block type; other blocks are whole in their start event. */
const expanders: Readonly<Record<string, (block: Block) => Expansion>> = Object.freeze({
  text: ({ text, citations, ...rest }): Expansion => [
    { ...rest, text: "" },
    [
      { type: "text_delta", text },
      ...(Array.isArray(citations) ? citations : []).map((citation) => ({
        type: "citations_delta",
        citation,
      })),
    ],
  ],
  thinking: ({ thinking, signature, ...rest }): Expansion => [
    { ...rest, thinking: "", signature: "" },
    [{ type: "thinking_delta", thinking }, { type: "signature_delta", signature }],
  ],
  tool_use: ({ input, ...rest }): Expansion => [
    { ...rest, input: {} },
    [{ type: "input_json_delta", partial_json: toJsonText(input ?? {}) }],
  ],
});
