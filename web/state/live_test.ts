import { afterEach, beforeEach, expect, jest, setSystemTime, test } from "bun:test";
import { effect } from "@preact/signals";
import { ApiError } from "../api.ts";
import { installBrowser, setHidden } from "../testing/browser.ts";
import { mount, settle } from "../testing/hook.ts";
import { noteReached } from "./connection.ts";
import { now, useLive } from "./live.ts";

installBrowser();

beforeEach(() => {
  jest.useFakeTimers();
  setSystemTime(1_000);
});
afterEach(() => {
  jest.useRealTimers();
  setHidden(false);
  noteReached(true);
});

const unreachable = new ApiError(0, "unreachable", "no");

/** A loader whose answers a test gives. */
function loader() {
  const loads: {
    signal: AbortSignal;
    answer: (value: unknown) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const load = (signal: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    loads.push({ signal, answer: resolve, fail: reject });
    return promise;
  };
  return { loads, load };
}

const advance = (ms: number) => settle(() => jest.advanceTimersByTime(ms));

test("data is loaded at once, and again so long after each answer", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 5_000));
  expect(hook.current.value).toEqual({ data: null, atMs: 0, error: null });
  expect(loads).toHaveLength(1);
  await advance(60_000);
  expect(loads).toHaveLength(1);
  await settle(() => loads[0]?.answer("one"));
  expect(hook.current.value).toEqual({ data: "one", atMs: 61_000, error: null });
  await advance(4_999);
  expect(loads).toHaveLength(1);
  await advance(1);
  expect(loads).toHaveLength(2);
  await hook.unmount();
});

test("after a failure the last answer stays, with the error beside it until the next answer", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 1_000));
  await settle(() => loads[0]?.answer("one"));
  await advance(1_000);
  await settle(() => loads[1]?.fail(unreachable));
  expect(hook.current.value).toEqual({ data: "one", atMs: 1_000, error: unreachable });
  await advance(1_000);
  await settle(() => loads[2]?.answer("two"));
  expect(hook.current.value).toEqual({ data: "two", atMs: 3_000, error: null });
  await hook.unmount();
});

test("the loader of the last render is used, without loading at once", async () => {
  const first = loader();
  const second = loader();
  const hook = await mount(() => useLive(first.load, 1_000));
  await hook.rerender(() => useLive(second.load, 1_000));
  expect(second.loads).toHaveLength(0);
  await settle(() => first.loads[0]?.answer("one"));
  await advance(1_000);
  expect(first.loads).toHaveLength(1);
  expect(second.loads).toHaveLength(1);
  await hook.unmount();
});

test("a changed key loads at once, and the request under way is aborted and ignored", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 1_000, ["a"]));
  await hook.rerender(() => useLive(load, 1_000, ["a"]));
  expect(loads).toHaveLength(1);
  await hook.rerender(() => useLive(load, 1_000, ["b"]));
  expect(loads).toHaveLength(2);
  expect(loads[0]?.signal.aborted).toBe(true);
  expect(loads[1]?.signal.aborted).toBe(false);
  await settle(() => loads[0]?.fail(unreachable));
  expect(hook.current.value.error).toBeNull();
  await advance(10_000);
  expect(loads).toHaveLength(2);
  await hook.unmount();
});

test("another interval takes effect at once", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 60_000));
  await settle(() => loads[0]?.answer("one"));
  await hook.rerender(() => useLive(load, 1_000));
  expect(loads).toHaveLength(2);
  await hook.unmount();
});

test("without an interval nothing is ever loaded", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, null));
  await advance(60_000);
  await settle(() => setHidden(false));
  expect(loads).toHaveLength(0);
  await hook.unmount();
});

test("a hidden tab loads nothing, and a visible one loads at once", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 1_000));
  await settle(() => loads[0]?.answer("one"));
  await settle(() => setHidden(true));
  await advance(60_000);
  expect(loads).toHaveLength(1);
  await settle(() => setHidden(false));
  expect(loads).toHaveLength(2);
  await hook.unmount();
});

test("an unmounted component loads nothing more, and its request is aborted", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 1_000));
  await hook.unmount();
  expect(loads[0]?.signal.aborted).toBe(true);
  await settle(() => setHidden(false));
  await settle(() => noteReached(false));
  await settle(() => noteReached(true));
  await advance(60_000);
  expect(loads).toHaveLength(1);
  expect(jest.getTimerCount()).toBe(0);
});

test("a component that is unmounted between two requests leaves no timer behind", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 1_000));
  await settle(() => loads[0]?.answer("one"));
  expect(jest.getTimerCount()).toBe(1);
  await hook.unmount();
  expect(jest.getTimerCount()).toBe(0);
});

test("data that failed because the gateway was unreachable is loaded as soon as it is back", async () => {
  const { loads, load } = loader();
  const hook = await mount(() => useLive(load, 60_000));
  await settle(() => {
    noteReached(false);
    loads[0]?.fail(unreachable);
  });
  expect(loads).toHaveLength(1);
  await settle(() => noteReached(true));
  expect(loads).toHaveLength(2);
  // Another failure is not the connection's: it waits for its turn.
  await settle(() => loads[1]?.fail(new ApiError(500, "internal_error", "no")));
  await settle(() => noteReached(false));
  await settle(() => noteReached(true));
  expect(loads).toHaveLength(2);
  await hook.unmount();
});

test("the time is updated once a second, only while it is read", () => {
  const seen: number[] = [];
  setSystemTime(10_000);
  const stop = effect(() => void seen.push(now.value));
  jest.advanceTimersByTime(2_500);
  stop();
  jest.advanceTimersByTime(60_000);
  expect(seen.slice(-3)).toEqual([10_000, 11_000, 12_000]);
  expect(jest.getTimerCount()).toBe(0);
});
