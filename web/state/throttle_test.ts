import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { mount } from "../testing/hook.ts";
import { useAtMost } from "./throttle.ts";

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test("the action runs at once, then at most every so often, and the last call is not lost", async () => {
  let runs = 0;
  const hook = await mount(() => useAtMost(1000, () => runs++));
  const call = hook.current;
  call();
  expect(runs).toBe(1);
  call();
  call();
  expect(runs).toBe(1);
  jest.advanceTimersByTime(999);
  expect(runs).toBe(1);
  jest.advanceTimersByTime(1);
  expect(runs).toBe(2);
  // The late run starts an interval of its own.
  call();
  jest.advanceTimersByTime(999);
  expect(runs).toBe(2);
  jest.advanceTimersByTime(1);
  expect(runs).toBe(3);
  jest.advanceTimersByTime(5000);
  expect(runs).toBe(3);
  call();
  expect(runs).toBe(4);
  await hook.unmount();
});

test("the action of the last render runs, and none after the component is gone", async () => {
  const ran: string[] = [];
  const hook = await mount(() => useAtMost(1000, () => ran.push("first")));
  const call = hook.current;
  await hook.rerender(() => useAtMost(1000, () => ran.push("second")));
  expect(hook.current).toBe(call);
  call();
  expect(ran).toEqual(["second"]);
  call();
  await hook.unmount();
  jest.advanceTimersByTime(5000);
  expect(ran).toEqual(["second"]);
});

test("another interval starts over, and the former one's late run is dropped", async () => {
  let runs = 0;
  const hook = await mount(() => useAtMost(1000, () => runs++));
  hook.current();
  hook.current();
  await hook.rerender(() => useAtMost(50, () => runs++));
  jest.advanceTimersByTime(5000);
  expect(runs).toBe(1);
  await hook.unmount();
});
