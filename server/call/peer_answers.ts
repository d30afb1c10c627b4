/** What gateways ask each other about the answers that they keep. */

import { ColinkError } from "../base/error.ts";
import type { AnswerName, AnswerReader } from "../node/kept_answer.ts";
import { goneError, type LeaveCode } from "./shared_answer.ts";
import type { AttachQuestion, SharedAnswers } from "./shared_answers.ts";
import { giveAgain, type ResponseQuestion, StoredResponses } from "./stored_responses.ts";

export type PeerQuestion =
  & { name: AnswerName; callId: string }
  & ({ asks: "key"; about: AttachQuestion } | { asks: "response"; about: ResponseQuestion });

export interface Served {
  leave: (code: LeaveCode) => void;
  /** Whether the answer is complete already. */
  isEnded: boolean;
}

/** Gives a caller of another gateway an answer that is kept here. Throws ColinkError. */
export async function servePeer(
  answers: SharedAnswers,
  { name, callId, ...question }: PeerQuestion,
  target: AnswerReader,
): Promise<Served> {
  if (question.asks === "response") {
    const leave = new StoredResponses(answers).serve(name, question.about, target);
    return { leave, isEnded: true };
  }
  await answers.find(name)?.decided;
  const named = answers.find(name);
  if (named?.answer) {
    const { isEnded } = named.answer;
    return { leave: giveAgain(answers, named, question.about, target), isEnded };
  }
  answers.release(name);
  if (question.about.after !== null) throw goneError(callId, null);
  throw new ColinkError(
    "gateway_lost",
    "Cannot give the answer again: its call has failed or is forgotten meanwhile; try again",
  );
}
