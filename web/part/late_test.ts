import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { type ComponentType, h } from "preact";
import { installBrowser } from "../testing/browser.ts";
import { drawn, textOf } from "../testing/drawn.ts";

installBrowser();
const { late } = await import("./late.tsx");

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** What stands for a page whose code comes at the `at`-th request, after all waits. */
async function pageLoadedAt(at: number): Promise<{ text: string; requests: number }> {
  let requests = 0;
  const Page = late<object>(() => {
    requests++;
    return requests < at
      ? Promise.reject(new Error("gone"))
      : Promise.resolve(() => h("p", {}, "here"));
  }) as ComponentType & { preload(): Promise<ComponentType> };
  const loading = Page.preload();
  for (let i = 0; i < 5; i++) {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    jest.advanceTimersByTime(5_000);
  }
  return { text: textOf(drawn(await loading, {})), requests };
}

test("a page's code is asked for again while the gateway restarts", async () => {
  expect(await pageLoadedAt(1)).toEqual({ text: "here", requests: 1 });
  expect(await pageLoadedAt(4)).toEqual({ text: "here", requests: 4 });
});

test("a page whose code is gone says that the gateway was updated, and offers to reload", async () => {
  const { text, requests } = await pageLoadedAt(99);
  expect(text).toBe(
    "This page cannot be loaded: the gateway was updated, or cannot be reached. Reload",
  );
  expect(requests).toBe(4);
});
