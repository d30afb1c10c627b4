import { beforeEach, expect, test } from "bun:test";
import { installBrowser } from "../testing/browser.ts";

const { document, darkScheme, localStorage } = installBrowser();
const { isDark, switchTheme, theme } = await import("./theme.ts");

beforeEach(() => {
  theme.value = "system";
  darkScheme.set(false);
});

test("the page shows the system's theme as it changes, until another one is chosen", () => {
  expect(isDark.value).toBe(false);
  darkScheme.set(true);
  expect(isDark.value).toBe(true);
  theme.value = "light";
  expect(isDark.value).toBe(false);
  theme.value = "dark";
  darkScheme.set(false);
  expect(isDark.value).toBe(true);
});

test("the page's data-theme names the chosen theme, and is absent for the system's", () => {
  theme.value = "dark";
  expect(document.documentElement.dataset.theme).toBe("dark");
  theme.value = "system";
  expect("theme" in document.documentElement.dataset).toBe(false);
});

test.each(
  [[false, ["dark", "light", "system"]], [true, ["light", "dark", "system"]]] as const,
)(
  "the first press shows the other theme than the system's (dark: %p)",
  (isSystemDark, expected) => {
    darkScheme.set(isSystemDark);
    const shown = expected.map(() => {
      switchTheme();
      return theme.value;
    });
    expect(shown).toEqual([...expected]);
  },
);

test("a theme stored by another tab is shown here, and one that does not exist counts as the system's", () => {
  const store = (newValue: string) =>
    self.dispatchEvent(Object.assign(new Event("storage"), { key: "colink.theme", newValue }));
  store("dark");
  expect<string>(theme.value).toBe("dark");
  store("solarized");
  expect<string>(theme.value).toBe("system");
  expect(localStorage.kept.get("colink.theme")).toBe("system");
});
