import { afterEach, beforeEach, expect, test } from "bun:test";
import { installBrowser } from "../testing/browser.ts";
import { kept } from "./kept.ts";

const { localStorage } = installBrowser();
const parse = (text: string | null) => text ?? "default";

// Other tests' modules share the storage.
beforeEach(() => localStorage.kept.clear());
afterEach(() => {
  localStorage.isBlocked = false;
  localStorage.kept.clear();
});

function storageEvent(key: string, newValue: string | null): Event {
  return Object.assign(new Event("storage"), { key, newValue });
}

test("a default is not stored, so that a later visit may default to something else", () => {
  expect(kept("a", parse).value).toBe("default");
  expect(localStorage.kept.size).toBe(0);
});

test("every chosen value is stored and comes back, the default among them", () => {
  const value = kept("b", parse);
  value.value = "chosen";
  expect(localStorage.kept.get("colink.b")).toBe("chosen");
  expect(kept("b", parse).value).toBe("chosen");
  value.value = "default";
  expect(localStorage.kept.get("colink.b")).toBe("default");
});

test("a choice in another tab is taken over, and one of another name is not", () => {
  const value = kept("c", parse);
  self.dispatchEvent(storageEvent("colink.other", "elsewhere"));
  expect(value.value).toBe("default");
  self.dispatchEvent(storageEvent("colink.c", "elsewhere"));
  expect(value.value).toBe("elsewhere");
  self.dispatchEvent(storageEvent("colink.c", null));
  expect(value.value).toBe("default");
});

test("where the browser blocks storage a value lives as long as the page", () => {
  localStorage.isBlocked = true;
  const value = kept("d", parse);
  value.value = "chosen";
  expect(value.value).toBe("chosen");
});
