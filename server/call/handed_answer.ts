/** What a gateway that leaves says of an answer to another one, which keeps it for the rest of its time. */

import { errorKinds } from "../base/error.ts";
import type { AnswerName, HandedAnswer } from "../node/kept_answer.ts";
import { type AnswerState, MAX_FAILURE_CHARS, type SharedAnswer } from "./shared_answer.ts";

interface Rest {
  names: { name: AnswerName; digest: string | null }[];
  state: AnswerState;
}

/** Beyond this an answer stays: a message between gateways has an end. In characters. */
const MAX_REST_CHARS = 256 * 1024;

/** Null: it has not ended, is not kept, or takes more room than a message has. */
export function handedOf(answer: SharedAnswer, names: Rest["names"]): HandedAnswer | null {
  const known = answer.state();
  if (known === null) return null;
  // A request with its key gets what became of the answer, and none of its bytes.
  const isUseless = answer.isLost && names.every(({ name }) => name.kind === "key");
  const state = isUseless ? { ...known, ends: [] } : known;
  const rest = JSON.stringify({ names, state } satisfies Rest);
  if (rest.length > MAX_REST_CHARS) return null;
  return { bytes: isUseless ? new Uint8Array() : answer.log.from(0), rest };
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
  if (!isEnd(state.end) || !(state.endedForMs >= 0)) {
    throw new Error("an answer that has not ended");
  }
  return { names, state };
}

function isEnd(end: AnswerState["end"]): boolean {
  if (end.is !== "failed") return end.is === "complete" || end.is === "rejected";
  const { code, message, param = "" } = end;
  const isText = typeof message === "string" && message.length <= MAX_FAILURE_CHARS;
  return isText && typeof param === "string" && Object.hasOwn(errorKinds, code);
}
