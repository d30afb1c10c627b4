import { expect, test } from "bun:test";
import { Budgets } from "../base/budgets.ts";
import { AnswerBudget } from "./answer_budget.ts";

function budget() {
  const budgets = new Budgets();
  return {
    budgets,
    answers: new AnswerBudget({ answerBytes: 250, answerBytesPerAccount: 100 }, budgets),
  };
}

test("room for answers is scarce beyond half of a budget, an account's or all, and then used up", () => {
  const { answers } = budget();
  expect(answers.add("alice", 50)).toBe("enough");
  expect(answers.add("alice", 1)).toBe("scarce");
  expect(answers.add("alice", 50)).toBe("account_answers_full");
  expect(answers.add("alice", 49)).toBe("scarce");
  expect(answers.add("bob", 25)).toBe("enough");
  // Half of what the gateway may hold.
  expect(answers.add("bob", 1)).toBe("scarce");
  expect(answers.add("carol", 100)).toBe("scarce");
  expect(answers.add("dave", 25)).toBe("gateway_answers_full");
  expect(answers.add("alice", -100)).toBe("scarce");
  expect(answers.add("carol", -100)).toBe("enough");
});

test("what was refused is not held, and is counted for the metrics", () => {
  const { answers, budgets: { all: [ofGateway, ofAccount] } } = budget();
  answers.add("alice", 60);
  answers.add("alice", 60);
  expect([ofGateway!.name, ofGateway!.size.used?.(), ofGateway!.refusals]).toEqual([
    "answer_bytes",
    60,
    0,
  ]);
  expect([ofAccount!.name, ofAccount!.size.used?.(), ofAccount!.refusals])
    .toEqual(["answer_bytes_per_account", 60, 1]);
});
