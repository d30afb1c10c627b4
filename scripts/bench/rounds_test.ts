import { expect, test } from "bun:test";
import { interleaved, over, type Sample } from "./rounds.ts";

/** Variants whose samples are numbered in the order in which they were taken. */
function world(foreign: (number: number) => number) {
  const taken: string[] = [];
  const variant = (name: string) => (): Promise<Sample & { number: number }> => {
    taken.push(name);
    return Promise.resolve({ number: taken.length, foreignCores: foreign(taken.length) });
  };
  return { taken, variants: { a: variant("a"), b: variant("b") } };
}

const limits = { rounds: 3, maxForeignCores: 0.1, maxRepeats: 4, warmsUp: false };

test("variants take turns, each round beginning with another one", async () => {
  const { taken, variants } = world(() => 0);
  await interleaved(variants, limits);
  expect(taken.join("")).toBe("abbaab");
});

test("a first round that warms up is not counted", async () => {
  const { taken, variants } = world(() => 0);
  const { rounds } = await interleaved(variants, { ...limits, warmsUp: true });
  expect(taken).toHaveLength(8);
  expect(rounds.map((round) => round.a.number)).not.toContain(1);
});

test("a round in which one sample was disturbed is dropped and repeated", async () => {
  const { variants } = world((number) => number === 3 ? 0.5 : 0.01);
  const { rounds, conditions } = await interleaved(variants, limits);
  expect(rounds).toHaveLength(3);
  expect(rounds.flatMap((round) => [round.a.number, round.b.number])).not.toContain(3);
  expect(conditions).toMatchObject({ rounds: 3, dropped: 1, disturbed: 0 });
});

test("where it never gets quiet, the least disturbed rounds count and are named", async () => {
  const { taken, variants } = world((number) => 1 / number);
  const { rounds, conditions } = await interleaved(variants, { ...limits, maxForeignCores: 0 });
  expect(taken).toHaveLength(2 * (limits.maxRepeats + 1));
  expect(rounds.map((round) => Math.max(round.a.number, round.b.number))).toEqual([10, 8, 6]);
  expect(conditions).toMatchObject({ rounds: 3, dropped: 2, disturbed: 3 });
});

test("a figure is worked out round by round and then spread", async () => {
  const { variants } = world(() => 0);
  const measured = await interleaved(variants, limits);
  expect(over(measured, ({ a, b }) => b.number - a.number)).toEqual({ median: 1, min: -1, max: 1 });
});
