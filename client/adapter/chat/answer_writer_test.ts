import { expect, test } from "bun:test";
import { type AnswerEvent, gatherAnswer } from "../bridge/answer_event.ts";
import { ChatAnswerWriter, chatCompletion, type ChatTerms } from "./answer_writer.ts";

const terms: ChatTerms = {
  model: "pro",
  created: 0,
  includeUsage: false,
  wantsThinking: false,
  newId: () => "id",
};

/** The finish reason of the stream, and of the whole answer. */
async function finishReasons(events: AnswerEvent[]): Promise<unknown[]> {
  const writer = new ChatAnswerWriter(terms);
  const last = events.flatMap((event) => writer.write(event)).at(-1)!;
  const whole = chatCompletion(
    await gatherAnswer((async function* () {
      yield* events;
    })()),
    terms,
  );
  return [last.choices[0]!.finish_reason, whole.choices[0]!.finish_reason];
}

test("a refusal in the model's own words ends the answer; one by the provider filters it", async () => {
  const end = (explanation: string | null): AnswerEvent => ({
    type: "end",
    reason: "refusal",
    stopSequence: null,
    explanation,
  });
  const refusal: AnswerEvent = { type: "refusal", text: "No." };
  expect(await finishReasons([refusal, end(null)])).toEqual(["stop", "stop"]);
  for (const explanation of [null, "Not this."]) {
    expect(await finishReasons([{ type: "text", text: "a" }, end(explanation)]))
      .toEqual(["content_filter", "content_filter"]);
  }
});
