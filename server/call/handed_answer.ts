/** What a gateway that leaves says of an answer to another one, which keeps it for the rest of its time. */

import type { HandedAnswer } from "../base/handed_answer.ts";
import type { AnswerName, AnswerState, SharedAnswer } from "./shared_answer.ts";

interface Rest {
  names: { name: AnswerName; digest: string | null }[];
  state: AnswerState;
}

/** Beyond this an answer stays: a message between gateways has an end. In characters. */
const MAX_REST_CHARS = 256 * 1024;

/** Null: it has not ended, is not kept, or takes more room than a message has. */
export function handedOf(answer: SharedAnswer, names: Rest["names"]): HandedAnswer | null {
  const state = answer.state();
  if (state === null) return null;
  const rest = JSON.stringify({ names, state } satisfies Rest);
  return rest.length > MAX_REST_CHARS ? null : { bytes: answer.log.from(0), rest };
}

/** Throws where another version has written it. */
export function restOf({ rest }: HandedAnswer): Rest {
  const { names, state } = JSON.parse(rest) as Rest;
  const { accountId } = state.request;
  if (names.length === 0 || names.some(({ name }) => name.accountId !== accountId)) {
    throw new Error("names of another account");
  }
  const texts = names.map(({ name: { kind, name } }) => `${kind} ${name}`);
  if (new Set(texts).size < names.length) throw new Error("a name twice");
  const hasEnded = ["complete", "rejected"].includes(state.end.is) && state.endedForMs >= 0;
  if (!hasEnded) throw new Error("an answer that has not ended");
  return { names, state };
}
