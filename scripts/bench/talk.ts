/** The conversations of the benchmark: what a client sends at each turn, and what nodes answer. */

/** A typical message: about 200 tokens. */
export const MESSAGE_CHARS = 800;

const SYSTEM = text("You are brief.", 3 * MESSAGE_CHARS);

/** Every node's answer, so that the client can send it back. */
export const ANSWER = text("As I see it,", MESSAGE_CHARS);

interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** The messages that a client sends at its nth turn, 1 being the first. */
export function messagesAt(name: string, turn: number): Message[] {
  const messages: Message[] = [{ role: "system", content: SYSTEM }];
  for (let i = 1; i <= turn; i++) {
    messages.push({ role: "user", content: text(`${name}, turn ${i}:`, MESSAGE_CHARS) });
    if (i < turn) messages.push({ role: "assistant", content: ANSWER });
  }
  return messages;
}

function text(start: string, chars: number): string {
  return start.padEnd(chars, " and so on");
}
