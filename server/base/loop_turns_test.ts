import { expect, test } from "bun:test";
import { LoopTurns } from "./loop_turns.ts";

/** A loop whose turns the test takes, and pieces of work that come at once and take a millisecond each. */
function loop(turnMs: number) {
  let nowMs = 0;
  const tasks: (() => void)[] = [];
  const turns = new LoopTurns(turnMs, {
    monotonic: () => nowMs,
    soon: (task) => void tasks.push(task),
  });
  const done: string[] = [];
  return {
    done,
    async work(name: string) {
      await turns.take();
      // As most work, which waits for something that is there.
      await null;
      nowMs += 1;
      done.push(name);
    },
    async turn() {
      tasks.splice(0).forEach((task) => task());
      await thisTurn();
    },
    get isIdle() {
      return tasks.length === 0;
    },
  };
}

/** Resolves once all that is ready in this turn has run. */
const thisTurn = () => new Promise((resolve) => setImmediate(resolve));

test("work of which each piece has a turn of its own is done in its order", async () => {
  const { work, turn, done } = loop(0);
  ["a", "b", "c"].forEach(work);
  await thisTurn();
  expect(done).toEqual(["a"]);
  await turn();
  expect(done).toEqual(["a", "b"]);
  void work("d");
  await turn();
  await turn();
  expect(done).toEqual(["a", "b", "c", "d"]);
});

test("work that waits is done as long as its turn has time, and what it does after an await counts", async () => {
  const { work, turn, done } = loop(3);
  await work("a");
  await work("b");
  await work("c");
  ["d", "e", "f", "g", "h"].forEach(work);
  await thisTurn();
  expect(done.join("")).toBe("abc");
  await turn();
  expect(done.join("")).toBe("abcdef");
  await turn();
  expect(done.join("")).toBe("abcdefgh");
});

test("work that comes when no other has the turn begins at once, and leaves the loop alone afterwards", async () => {
  const rest = loop(0);
  for (const name of ["a", "b"]) {
    await rest.work(name);
    expect(rest.done.at(-1)).toBe(name);
    await rest.turn();
    expect(rest.isIdle).toBeTrue();
  }
});
