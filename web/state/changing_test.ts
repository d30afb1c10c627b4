import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { FakeEventSource, installBrowser } from "../testing/browser.ts";
import { mount, type Mounted, settle } from "../testing/hook.ts";
import { aUser } from "../testing/user.ts";

installBrowser();
const { useChanging } = await import("./changing.ts");
const { session } = await import("./session.ts");

const opened = FakeEventSource.opened;
let loads = 0;
const load = () => Promise.resolve(++loads);
let page: Mounted<ReturnType<typeof useChanging<number>>>;

beforeEach(() => {
  jest.useFakeTimers();
  opened.splice(0);
  loads = 0;
});
afterEach(async () => {
  await page.unmount();
  jest.runAllTimers();
  jest.useRealTimers();
  session.value = { state: "unknown" };
});

async function openPage(isSignedIn: boolean) {
  if (isSignedIn) session.value = { state: "in", user: aUser() };
  page = await mount(() => useChanging("keys", load));
  opened.at(-1)?.accept();
  await settle();
}

test("data is loaded again when the feed reports a change of it, and of nothing else", async () => {
  await openPage(true);
  const before = loads;
  await settle(() => opened.at(-1)?.send("changed", { what: ["sessions"] }));
  expect(loads).toBe(before);
  await settle(() => opened.at(-1)?.send("changed", { what: ["sessions", "keys"] }));
  expect(loads).toBe(before + 1);
  expect(page.current.live.value.data).toBe(loads);
});

test("a change made on the page loads at once", async () => {
  await openPage(true);
  const before = loads;
  await settle(() => page.current.reload());
  expect(loads).toBe(before + 1);
});

test.each([[false, 15_000], [true, 60_000]] as const)(
  "with a feed (%p) data is loaded every %d ms",
  async (isSignedIn, everyMs) => {
    await openPage(isSignedIn);
    const before = loads;
    await settle(() => jest.advanceTimersByTime(everyMs - 1));
    expect(loads).toBe(before);
    await settle(() => jest.advanceTimersByTime(1));
    expect(loads).toBe(before + 1);
  },
);
