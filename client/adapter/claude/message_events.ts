/** A whole message told as the stream that it would have been, for providers that do not stream. */

import type { Block } from "./wire.ts";

/** A message as a provider gives it; whatever else it holds is told too. */
export interface WholeMessage extends Record<string, unknown> {
  content: Block[];
  stop_reason?: unknown;
  stop_sequence?: unknown;
  stop_details?: unknown;
  usage?: unknown;
}

/** Its events from `message_start` to `message_stop`. */
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
  const [content_block, deltas] = Object.hasOwn(tellers, block.type)
    ? tellers[block.type]!(block)
    : [block, []];
  return [
    { type: "content_block_start", index, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

type Told = [start: Block, deltas: object[]];

/** What of a block is told by deltas; of all others, nothing. */
const tellers: Readonly<Record<string, (block: Block) => Told>> = Object.freeze({
  text: ({ text, citations, ...rest }): Told => [
    { ...rest, text: "" },
    [
      { type: "text_delta", text },
      ...(Array.isArray(citations) ? citations : []).map((citation) => ({
        type: "citations_delta",
        citation,
      })),
    ],
  ],
  thinking: ({ thinking, signature, ...rest }): Told => [
    { ...rest, thinking: "", signature: "" },
    [{ type: "thinking_delta", thinking }, { type: "signature_delta", signature }],
  ],
  tool_use: ({ input, ...rest }): Told => [
    { ...rest, input: {} },
    [{ type: "input_json_delta", partial_json: JSON.stringify(input ?? {}) }],
  ],
});
