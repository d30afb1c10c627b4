import { afterEach, expect, test } from "bun:test";
import { h } from "preact";
import { LocationProvider } from "preact-iso/router";
import { installBrowser } from "../testing/browser.ts";
import { mount, settle } from "../testing/hook.ts";
import { useChoices } from "./url.ts";

const { history, location } = installBrowser();

afterEach(() => history.log.splice(0));

async function openPage(pathname: string, search: string) {
  Object.assign(location, { pathname, search });
  const page = await mount(useChoices, (children) => h(LocationProvider, null, children));
  history.log.splice(0);
  return page;
}

test("a choice is read from the address, and is the empty string where it is absent", async () => {
  const page = await openPage("/calls", "?model=a%20b&side=provided");
  expect(page.current.get("model")).toBe("a b");
  expect(page.current.get("side")).toBe("provided");
  expect(page.current.get("key")).toBe("");
  await page.unmount();
});

test("changing a choice replaces the address, and keeps the other choices", async () => {
  const page = await openPage("/calls", "?model=llama");
  await settle(() => page.current.set({ side: "provided" }));
  expect(history.log).toEqual(["replace /calls?model=llama&side=provided"]);
  expect(page.current.get("side")).toBe("provided");
  await page.unmount();
});

test("a step keeps the previous address in the browser's history", async () => {
  const page = await openPage("/calls", "");
  await settle(() => page.current.set({ model: "qwen" }, true));
  expect(history.log).toEqual(["push /calls?model=qwen"]);
  await page.unmount();
});

test("the empty string removes a choice, and the last one takes the question mark with it", async () => {
  const page = await openPage("/calls", "?model=llama&side=made");
  await settle(() => page.current.set({ side: "" }));
  await settle(() => page.current.set({ model: "" }));
  expect(history.log).toEqual(["replace /calls?model=llama", "replace /calls"]);
  await page.unmount();
});
