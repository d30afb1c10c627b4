/** What a gateway publishes of its nodes, also when Redis was away. */

import { describe, expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { Message, NodeChange, WriteOptions } from "./bus.ts";
import { Publisher } from "./publisher.ts";
import { record } from "./testing/record.ts";

describe("a publisher", () => {
  function publishing() {
    const clock = new FakeClock();
    const written: (NodeChange & WriteOptions)[] = [];
    const told: Message[] = [];
    const state = { answer: true as boolean | Error, fence: 1 };
    const publisher = new Publisher({
      bus: {
        write: (_id, _fence, change, options) => {
          if (state.answer instanceof Error) return Promise.reject(state.answer);
          written.push({ ...change, ...options });
          return Promise.resolve(state.answer);
        },
        publish: (message) => {
          told.push(message);
          return Promise.resolve();
        },
      },
      clock,
      id: "gw",
      fence: () => state.fence,
    });
    return { clock, written, told, state, publisher };
  }

  test("writes all at first, then what has changed, gathered and numbered", async () => {
    const { clock, written, told, publisher } = publishing();
    publisher.put(record("a"));
    publisher.put(record("b"));
    await clock.pass(100);
    publisher.remove("a");
    publisher.remove("never there");
    await clock.pass(100);
    expect(written.map(({ seq, isWhole, put, gone }) => [seq, isWhole, put.length, gone])).toEqual([
      [1, true, 2, []],
      [2, false, 0, ["a"]],
    ]);
    expect(told).toHaveLength(2);
  });

  test("writes all again when what was written is void, or Redis was away", async () => {
    const { clock, written, state, publisher } = publishing();
    publisher.put(record("a"));
    await clock.pass(100);
    state.answer = new Error("away");
    publisher.put(record("b"));
    await clock.pass(100);
    state.answer = true;
    publisher.renew(false);
    await clock.pass(100);
    publisher.renew(true);
    await clock.pass(100);
    expect(written.map(({ isWhole, put }) => [isWhole, put.length])).toEqual([
      [true, 1],
      [true, 2],
      [true, 2],
    ]);
  });

  test("keeps its record from being forgotten, and writes nothing more when all is withdrawn", async () => {
    const { clock, written, publisher } = publishing();
    publisher.put(record("a"));
    await clock.pass(100);
    publisher.renew(false);
    await clock.pass(10_000);
    publisher.renew(false);
    await clock.pass(100);
    expect(written).toHaveLength(2);
    publisher.removeAll();
    await clock.pass(100);
    expect(written.at(-1)?.gone).toEqual(["a"]);
    expect(publisher.size).toBe(0);
  });
});
