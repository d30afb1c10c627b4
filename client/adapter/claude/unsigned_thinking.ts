/**
 * Removes thinking without Claude's signature: another provider of the same model name generated it,
 * and Claude rejects it.
 */

import { withMember } from "../../../protocol/mod.ts";

const UNSIGNED = /"signature"\s*:\s*""/;

interface Turn {
  content?: unknown;
}

/** The body without unsigned thinking; unchanged if there is none. `bodyText` must be valid JSON. */
export function withoutUnsignedThinking(bodyText: string): string {
  if (!UNSIGNED.test(bodyText)) return bodyText;
  const { messages } = JSON.parse(bodyText) as { messages?: Turn[] };
  if (!Array.isArray(messages)) return bodyText;
  const signed = messages.map(withSignedContent).filter(({ content }) => !isEmpty(content));
  return withMember(bodyText, "messages", JSON.stringify(signed));
}

function withSignedContent(turn: Turn): Turn {
  return Array.isArray(turn.content)
    ? { ...turn, content: turn.content.filter((block) => !isUnsigned(block)) }
    : turn;
}

function isUnsigned(block: { type?: unknown; signature?: unknown } | null): boolean {
  return block?.type === "thinking" && block.signature === "";
}

function isEmpty(content: unknown): boolean {
  return Array.isArray(content) && content.length === 0;
}
