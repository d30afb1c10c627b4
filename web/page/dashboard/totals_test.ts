import { afterEach, expect, test } from "bun:test";
import { installBrowser } from "../../testing/browser.ts";
import { drawn, textOf } from "../../testing/drawn.ts";
import { aUser } from "../../testing/user.ts";

installBrowser();
const { languageLoaded, locale } = await import("../../state/locale.ts");
const { Totals } = await import("./Totals.tsx");

afterEach(() => void (locale.value = "en"));

test("totals since the start say so, beside figures of a period", async () => {
  const user = aUser({ total_api_calls: 1_234, total_provided_calls: 5 });
  const text = () => textOf(drawn(Totals, { user }));
  expect(text()).toMatch(/since the start 1,234 .* since the start 5$/);
  locale.value = "zh-CN";
  await languageLoaded();
  expect(text()).toMatch(/自注册以来 1,234 .*自注册以来 5$/);
});
