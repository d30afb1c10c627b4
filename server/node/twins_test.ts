import { describe, expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { ASK_EVERY_MS, MAX_TWINS_AT_ONCE, Twins } from "./twins.ts";

function family(count: number) {
  const clock = new FakeClock();
  const twins = new Twins<string>(clock);
  const names = Array.from({ length: count }, (_, i) => `link ${i}`);
  for (const name of names) twins.take("base", name);
  return { clock, twins, names };
}

const ignore = () => {};

describe("the twins of one node key", () => {
  test("have the smallest free ordinals, whatever the order in which they go", () => {
    for (const order of [[1, 4, 2], [4, 2, 1], [2, 1, 4]]) {
      const { twins, names } = family(6);
      for (const i of order) twins.giveBack("base", names[i]!);
      expect([1, 2, 4, 6].map((i) => twins.take("base", `new ${i}`))).toEqual([1, 2, 4, 6]);
    }
  });

  test("have ordinals of their own, and begin anew once all have gone", () => {
    const { twins, names } = family(3);
    expect(twins.take("another base", "x")).toBe(0);
    for (const name of names) twins.giveBack("base", name);
    expect([twins.take("base", "a"), twins.take("base", "b")]).toEqual([0, 1]);
    twins.giveBack("base", "never taken");
    expect(twins.take("base", "c")).toBe(2);
  });

  test("are asked again once their time is over, those first that were asked longest ago", async () => {
    const { clock, twins, names } = family(MAX_TWINS_AT_ONCE + 10);
    const ended: number[] = [];
    const ask = () => [...twins.ask("base", (asked) => void ended.push(asked.length))];
    const first = ask();
    expect(first).toEqual(names.slice(0, MAX_TWINS_AT_ONCE));
    await clock.pass(1_000);
    const rest = ask();
    expect(rest).toEqual(names.slice(MAX_TWINS_AT_ONCE));
    expect(ask()).toEqual([]);
    await clock.pass(ASK_EVERY_MS - 1_001);
    expect([ask(), ended]).toEqual([[], []]);
    await clock.pass(1);
    expect(ended).toEqual([MAX_TWINS_AT_ONCE]);
    await clock.pass(1_000);
    expect(ask()).toEqual(first);
    expect(ask()).toEqual(rest);
  });

  test("are asked one by one, too, but not twice within the time, and not once they have gone", async () => {
    const { clock, twins, names } = family(2);
    const [one, other] = names as [string, string];
    expect(twins.askOne("base", one, ignore)).toEqual([one]);
    expect(twins.askOne("base", one, ignore)).toEqual([]);
    expect(twins.ask("base", ignore)).toEqual([other]);
    twins.giveBack("base", one);
    await clock.pass(ASK_EVERY_MS);
    expect(twins.askOne("base", one, ignore)).toEqual([]);
    expect(twins.ask("base", ignore)).toEqual([other]);
    expect(twins.ask("another base", ignore)).toEqual([]);
  });

  test("that move are known until they have gone; a link that is no twin is none of them", () => {
    const { twins, names } = family(MAX_TWINS_AT_ONCE + 1);
    expect(twins.moving("base")).toEqual([]);
    for (const name of names) twins.move("base", name);
    twins.move("base", "no twin");
    expect(twins.moving("base")).toEqual(names.slice(0, MAX_TWINS_AT_ONCE));
    for (const name of twins.moving("base")) twins.giveBack("base", name);
    expect(twins.moving("base")).toEqual(names.slice(MAX_TWINS_AT_ONCE));
  });

  test("keep no timer and no memory once all have been asked and have gone", async () => {
    const { clock, twins, names } = family(200);
    while (twins.ask("base", ignore).length > 0);
    for (const name of names) twins.giveBack("base", name);
    expect(clock.pending).toBe(4);
    await clock.pass(ASK_EVERY_MS);
    expect([clock.pending, twins.take("base", "new")]).toEqual([0, 0]);
  });
});
