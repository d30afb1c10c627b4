import { expect, test } from "bun:test";
import { UpstreamFailure } from "../adapter.ts";
import { WholeAnswers } from "./whole_answers.ts";

const MIB = 1024 * 1024;
const { signal } = new AbortController();
const part = new Uint8Array(MIB).fill(0x20);

/** An answer that sends so many MiB and then waits for its end. */
function held(mib: number): { answer: Response; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent++ < mib) return controller.enqueue(part);
      await promise;
      controller.close();
    },
  });
  return { answer: new Response(body), end: resolve };
}

const failureOf = (reading: Promise<unknown>) =>
  reading.then(() => null, (error: unknown) => error as UpstreamFailure);

test("an answer of more than 64 MiB is a 413: the caller can ask for less", async () => {
  const failure = await failureOf(new WholeAnswers().read(held(65).answer, signal));
  expect(failure).toMatchObject({ code: 413, error: { code: "answer_too_large" } });
  expect(failure!.message).toContain("64 MiB");
});

test("while so many large answers are read, another one finds the node full; later it does not", async () => {
  const answers = new WholeAnswers();
  const first = [held(60), held(60)];
  const readings = first.map(({ answer }) => answers.read(answer, signal));
  const failure = await failureOf(answers.read(held(60).answer, signal));
  expect(failure).toMatchObject({ code: 503, isBusy: true });
  for (const { end } of first) end();
  expect((await Promise.all(readings)).map(({ length }) => length)).toEqual([60 * MIB, 60 * MIB]);
  const next = held(60);
  next.end();
  expect(await answers.read(next.answer, signal)).toHaveLength(60 * MIB);
});
