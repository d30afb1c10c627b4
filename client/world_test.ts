import { expect, test } from "bun:test";
import { FakeWorld } from "./testing/fake_world.ts";
import { pause } from "./world.ts";

test("a pause ends after its time, or when its signal aborts, and leaves nothing behind", async () => {
  const world = new FakeWorld();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  signal.removeEventListener = (
    ...args: Parameters<typeof remove>
  ) => (listeners--, remove(...args));

  let ended = 0;
  void pause(world, 100, signal).then(() => ended++);
  await world.pass(99);
  expect(ended).toBe(0);
  await world.pass(1);
  expect([ended, listeners]).toEqual([1, 0]);

  const aborted = pause(world, 100, signal);
  controller.abort();
  await aborted;
  expect([world.nextTimerMs, listeners]).toEqual([null, 0]);
  await pause(world, 100, signal);
  expect(world.nextTimerMs).toBeNull();
});
