import { expect, test } from "bun:test";
import { RequestTurns } from "./request_turns.ts";

/** A loop whose turns the test takes, and requests that take a millisecond each. */
function loop() {
  let nowMs = 0;
  const tasks: (() => void)[] = [];
  const handled: string[] = [];
  const turns = new RequestTurns(
    ({ url }) => {
      const name = new URL(url).pathname.slice(1);
      handled.push(name);
      nowMs += 1;
      if (name === "broken") throw new Error("broken");
      return new Response(name);
    },
    { monotonic: () => nowMs, soon: (task) => void tasks.push(task) },
  );
  return {
    handled,
    take: (name: string, init: RequestInit = {}) =>
      turns.take(new Request(`http://gateway/${name}`, init)),
    async turn() {
      tasks.splice(0).forEach((task) => task());
      // All that is ready in this turn has run then.
      await new Promise((resolve) => setImmediate(resolve));
    },
    get isIdle() {
      return tasks.length === 0;
    },
  };
}

const named = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `${from + index}`);

test("requests that a turn has time for are handled at once, again in each turn", async () => {
  const { take, turn, handled } = loop();
  for (const from of [0, 5]) {
    for (const name of named(5, from)) expect(take(name)).toBeInstanceOf(Response);
    await turn();
  }
  expect(handled).toEqual(named(10));
});

test("of a thousand at once, each turn handles a few, in their order, and all are answered", async () => {
  const { take, turn, handled } = loop();
  const answers = named(1000).map((name) => take(name));
  for (let turns = 1; turns <= 200; turns++) {
    expect(handled).toEqual(named(5 * turns));
    await turn();
  }
  const texts = await Promise.all(answers.map(async (answer) => (await answer).text()));
  expect(texts).toEqual(named(1000));
});

test("one that comes while others wait waits behind them", async () => {
  const { take, turn, handled } = loop();
  named(12).forEach((name) => void take(name));
  await turn();
  const last = take("last");
  expect(handled).toEqual(named(10));
  await turn();
  expect(handled).toEqual([...named(12), "last"]);
  expect(await (await last).text()).toBe("last");
});

test("one whose caller has left meanwhile is not handled", async () => {
  const { take, turn, handled } = loop();
  const caller = new AbortController();
  named(5).forEach((name) => void take(name));
  const gone = take("gone", { signal: caller.signal });
  caller.abort();
  await turn();
  expect((await gone).status).toBe(499);
  expect(handled).toEqual(named(5));
});

test("one that fails leaves those behind it their answers", async () => {
  const { take, turn } = loop();
  named(5).forEach((name) => void take(name));
  const [broken, next] = [take("broken"), take("next")];
  const failure = Promise.resolve(broken).catch(String);
  await turn();
  expect(await failure).toBe("Error: broken");
  expect(await (await next).text()).toBe("next");
});

test("a loop without requests is left alone", async () => {
  const rest = loop();
  rest.take("only");
  await rest.turn();
  expect(rest.isIdle).toBeTrue();
});
