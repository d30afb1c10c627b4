import { expect, test } from "bun:test";
import { Budgets } from "../base/budgets.ts";
import { BodyBudget } from "./body_budget.ts";

function budget() {
  const budgets = new Budgets();
  const bodies = new BodyBudget({ bodyBytes: 250, bodyBytesPerAccount: 100 }, budgets);
  const [ofGateway, ofAccount] = budgets.all;
  return { bodies, ofGateway: ofGateway!, ofAccount: ofAccount! };
}

test("an account's bodies fill its own budget, and another's calls go on", () => {
  const { bodies, ofAccount } = budget();
  const first = bodies.hold("alice");
  first.resize(60);
  const second = bodies.hold("alice");
  second.resize(40);
  expect(() => second.resize(41)).toThrow("COLINK_BODY_BYTES_PER_ACCOUNT");
  expect(() => bodies.hold("alice").resize(1)).toThrow("this account's");
  expect([ofAccount.refusals, ofAccount.size.used?.()]).toEqual([2, 100]);
  bodies.hold("bob").resize(100);
  first.release();
  expect(ofAccount.size.used?.()).toBe(100);
  bodies.hold("alice").resize(60);
});

test("all bodies together fill the gateway's budget, which is named", () => {
  const { bodies, ofGateway } = budget();
  bodies.hold("alice").resize(100);
  bodies.hold("bob").resize(100);
  const third = bodies.hold("carol");
  third.resize(50);
  expect(() => third.resize(51)).toThrow(/gateway.*\(COLINK_BODY_BYTES\)/);
  expect([ofGateway.refusals, ofGateway.size.used?.()]).toEqual([1, 250]);
  third.release();
  expect(ofGateway.size.used?.()).toBe(200);
});

test("a body is given up once, whatever is counted or released afterwards", () => {
  const { bodies, ofGateway } = budget();
  const held = bodies.hold("alice");
  held.resize(10);
  const body = held.keep(new Uint8Array(10));
  held.resize(4);
  expect(ofGateway.size.used?.()).toBe(4);
  expect(body.bytes).toHaveLength(10);
  held.release();
  held.release();
  held.resize(50);
  expect(ofGateway.size.used?.()).toBe(0);
  expect(body.bytes).toHaveLength(0);
  expect(body.text).toBe("");
});

test("a refusal says when to try again", () => {
  const { bodies } = budget();
  expect(() => bodies.hold("alice").resize(101))
    .toThrow(expect.objectContaining({ code: "account_bodies_full", retryAfterMs: 5000 }));
  bodies.hold("a").resize(100);
  bodies.hold("b").resize(100);
  expect(() => bodies.hold("c").resize(100))
    .toThrow(expect.objectContaining({ code: "gateway_bodies_full", retryAfterMs: 5000 }));
});

test("a body's copies stay counted until they are sent, also when it was given up", () => {
  const { bodies, ofAccount } = budget();
  const held = bodies.hold("alice");
  held.resize(60);
  const body = held.keep(new Uint8Array(60));
  const sent = [body.copied(), body.copied()];
  held.release();
  expect([body.bytes.length, ofAccount.size.used?.()]).toEqual([0, 60]);
  sent[0]!();
  expect(ofAccount.size.used?.()).toBe(60);
  sent[1]!();
  expect(ofAccount.size.used?.()).toBe(0);
});
