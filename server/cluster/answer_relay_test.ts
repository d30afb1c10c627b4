/** Answers that another gateway keeps: what becomes of them when that one is slow. */

import { expect, test } from "bun:test";
import { ColinkError } from "../base/error.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { AnswerReader } from "../node/kept_answer.ts";
import { type AnswerMessage, AnswerRelay } from "./answer_relay.ts";

test("a gateway that answers too late learns that the caller has left", async () => {
  const clock = new FakeClock();
  const sent: AnswerMessage[] = [];
  const relay = new AnswerRelay({ clock, send: (_, message) => void sent.push(message) });
  const errors: string[] = [];
  const unused = () => {};
  const target: AnswerReader = {
    head: unused,
    queued: unused,
    data: () => true,
    whole: unused,
    outgrown: unused,
    end: unused,
    reject: unused,
    fail: ({ code }) => void errors.push(code),
  };
  const lost = () => Promise.resolve(new ColinkError("gateway_lost", "Cannot continue: no answer"));
  relay.ask("peer", {}, target, { opened: unused, lost });
  await clock.pass(5_000);
  relay.receive("peer", { is: "answer", ask: 1, part: { does: "open", isEnded: false } });
  expect(sent).toMatchObject([{ is: "ask", ask: 1 }, { is: "leave", ask: 1 }]);
  expect(errors).toEqual(["gateway_lost"]);
  expect(clock.pending).toBe(0);
});
