import { expect, test } from "bun:test";
import { LoopTurns } from "./loop_turns.ts";

/** A loop whose turns the test takes, and pieces of work that come at once. */
function loop() {
  const tasks: (() => void)[] = [];
  const turns = new LoopTurns((task) => void tasks.push(task));
  const done: string[] = [];
  return {
    done,
    work: (name: string) => void turns.take().then(() => done.push(name)),
    async turn() {
      tasks.splice(0).forEach((task) => task());
      await Promise.resolve();
    },
    get isIdle() {
      return tasks.length === 0;
    },
  };
}

test("of work that comes at once, each piece has a turn of its own, in its order", async () => {
  const { work, turn, done } = loop();
  ["a", "b", "c"].forEach(work);
  await Promise.resolve();
  expect(done).toEqual(["a"]);
  await turn();
  expect(done).toEqual(["a", "b"]);
  work("d");
  await turn();
  await turn();
  expect(done).toEqual(["a", "b", "c", "d"]);
});

test("work that comes when no other has the turn begins at once, and leaves the loop alone afterwards", async () => {
  const rest = loop();
  for (const name of ["a", "b"]) {
    rest.work(name);
    await Promise.resolve();
    expect(rest.done.at(-1)).toBe(name);
    await rest.turn();
    expect(rest.isIdle).toBeTrue();
  }
});
