import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { FakeEventSource, installBrowser, setHidden } from "../testing/browser.ts";
import { mount, type Mounted, settle } from "../testing/hook.ts";
import { aUser } from "../testing/user.ts";

installBrowser();
const { isFed, useFeed } = await import("./feed.ts");
const { session } = await import("./session.ts");

const opened = FakeEventSource.opened;
const mounted: Mounted<unknown>[] = [];

beforeEach(() => {
  jest.useFakeTimers();
  opened.splice(0);
  session.value = { state: "in", user: aUser() };
});
afterEach(async () => {
  for (const hook of mounted.splice(0)) await hook.unmount();
  jest.runAllTimers();
  jest.useRealTimers();
  session.value = { state: "unknown" };
  setHidden(false);
});

/** A component that subscribes to calls; returns what it received. */
async function subscribe(): Promise<{ received: unknown[]; hook: Mounted<void> }> {
  const received: unknown[] = [];
  const hook = await mount(() => useFeed("call", (call) => void received.push(call)));
  mounted.push(hook);
  return { received, hook };
}

test("one connection serves every subscriber of the page", async () => {
  expect(opened).toHaveLength(0);
  expect(isFed.value).toBe(false);
  const first = await subscribe();
  expect(isFed.value).toBe(true);
  const second = await subscribe();
  expect(opened.map(({ url }) => url)).toEqual(["/api/live"]);
  opened[0]?.accept();
  expect(isFed.value).toBe(true);
  opened[0]?.send("call", { id: "req-1" });
  expect([first.received, second.received]).toEqual([[{ id: "req-1" }], [{ id: "req-1" }]]);
});

test("an event reaches its own subscribers only, and the listener of the last render", async () => {
  const { received, hook } = await subscribe();
  opened[0]?.send("usage", []);
  expect(received).toEqual([]);
  const later: unknown[] = [];
  await hook.rerender(() => useFeed("call", (call) => void later.push(call)));
  opened[0]?.send("call", { id: "req-2" });
  expect([received, later]).toEqual([[], [{ id: "req-2" }]]);
  expect(opened).toHaveLength(1);
});

test("an event without a subscriber is not even parsed", async () => {
  await subscribe();
  const broken = new MessageEvent("node", { data: "not JSON" });
  expect(() => opened[0]?.dispatchEvent(broken)).not.toThrow();
});

test("changing the page keeps the connection, and unmounting the last subscriber closes it", async () => {
  const { hook } = await subscribe();
  opened[0]?.accept();
  await hook.unmount();
  const next = await subscribe();
  jest.runAllTimers();
  expect(opened[0]?.readyState).toBe(FakeEventSource.OPEN);
  await next.hook.unmount();
  expect(opened[0]?.readyState).toBe(FakeEventSource.OPEN);
  jest.runAllTimers();
  expect(opened[0]?.readyState).toBe(FakeEventSource.CLOSED);
  expect(isFed.value).toBe(false);
  opened[0]?.send("call", { id: "req-3" });
  expect(next.received).toEqual([]);
});

test("unmounting one of two subscribers does not affect the other", async () => {
  const stays = await subscribe();
  const leaves = await subscribe();
  await leaves.hook.unmount();
  jest.runAllTimers();
  opened[0]?.send("call", { id: "req-4" });
  expect(stays.received).toEqual([{ id: "req-4" }]);
  expect(leaves.received).toEqual([]);
});

test("a hidden tab has no connection, and a visible one has one again", async () => {
  await subscribe();
  setHidden(true);
  expect(opened[0]?.readyState).toBe(FakeEventSource.CLOSED);
  expect(isFed.value).toBe(false);
  setHidden(false);
  expect(opened).toHaveLength(2);
});

test("without a session there is no connection, and new figures of the user do not reopen it", async () => {
  session.value = { state: "out", why: "never" };
  await subscribe();
  expect(opened).toHaveLength(0);
  session.value = { state: "in", user: aUser() };
  expect(opened).toHaveLength(1);
  session.value = { state: "in", user: aUser({ total_api_calls: 1 }) };
  expect(opened).toHaveLength(1);
  session.value = { state: "out", why: "left" };
  expect(opened[0]?.readyState).toBe(FakeEventSource.CLOSED);
});

test("while the browser reopens a lost connection by itself, pages poll and no second one is opened", async () => {
  await subscribe();
  opened[0]?.accept();
  opened[0]?.fail();
  expect(isFed.value).toBe(false);
  jest.advanceTimersByTime(60_000);
  expect(opened).toHaveLength(1);
  opened[0]?.accept();
  expect(isFed.value).toBe(true);
});

test("a refused stream is opened again after five seconds, once, however often it failed", async () => {
  await subscribe();
  opened[0]?.fail(true);
  opened[0]?.fail(true);
  expect(isFed.value).toBe(false);
  jest.advanceTimersByTime(4_999);
  expect(opened).toHaveLength(1);
  jest.advanceTimersByTime(1);
  expect(opened).toHaveLength(2);
  jest.advanceTimersByTime(60_000);
  expect(opened).toHaveLength(2);
  // The new one is closed in its turn.
  setHidden(true);
  expect(opened[1]?.readyState).toBe(FakeEventSource.CLOSED);
});

test("a refused stream is not opened again once the tab is hidden", async () => {
  await subscribe();
  opened[0]?.fail(true);
  setHidden(true);
  jest.advanceTimersByTime(60_000);
  expect(opened).toHaveLength(1);
});

test("the end of the session closes the stream for good and is reported", async () => {
  let isOver = false;
  mounted.push(await mount(() => useFeed("session_over", () => isOver = true)));
  opened[0]?.accept();
  await settle(() => opened[0]?.send("session_over", {}));
  expect(isOver).toBe(true);
  expect(opened[0]?.readyState).toBe(FakeEventSource.CLOSED);
  jest.advanceTimersByTime(60_000);
  expect(opened).toHaveLength(1);
});

test.each(
  ["snapshot", "network", "node", "node_gone", "load", "call", "usage", "changed"] as const,
)("the event %s reaches the page", async (name) => {
  const received: unknown[] = [];
  mounted.push(await mount(() => useFeed(name, (data) => void received.push(data))));
  opened[0]?.send(name, { is: name });
  expect(received as unknown).toEqual([{ is: name }]);
});
