/**
 * Thinking that Claude has not signed: an answer of another provider under the same name, which the
 * caller sends back. Claude refuses it.
 */

import { withMember } from "../../../protocol/mod.ts";

const UNSIGNED = /"signature"\s*:\s*""/;

interface Turn {
  content?: unknown;
}

/** The same body without it; to the letter where there is none. The text must be valid JSON. */
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
