import { expect, test } from "bun:test";
import { ConfidedModels, MAX_CONFIDED_MODELS } from "./confided_models.ts";
import { Node } from "./node.ts";

function offering(accountId: string, models: string[]): Node {
  const who = { publicId: accountId, nodeKey: accountId, accountId, keyId: "key" };
  const offer = { name: accountId, agent: null, maxParallel: 1, models, shareWith: "me" } as const;
  return new Node(who, offer, { start: () => null, close() {} }, 0);
}

const viewer = (accountId: string) => ({ accountId, groups: [], route: "any" }) as const;

test("an account whose nodes offer ever new models makes the gateway forget its own alone", () => {
  const models = new ConfidedModels();
  models.remember(offering("ann", ["ann-model"]));
  const many = Array.from({ length: MAX_CONFIDED_MODELS + 10 }, (_, i) => `model-${i}`);
  models.remember(offering("mallory", many));
  models.remember(offering("bob", ["bob-model"]));
  expect(models.knows("ann-model", viewer("ann"))).toBe(true);
  expect(models.knows("bob-model", viewer("bob"))).toBe(true);
  const kept = [...models.namesFor(viewer("mallory"))];
  expect([kept.length, kept.at(-1)]).toEqual([MAX_CONFIDED_MODELS - 2, many.at(-1)]);
});
