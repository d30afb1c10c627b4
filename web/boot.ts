/**
 * Sets the chosen theme and language before the first paint, so that neither flashes. A blocking
 * file of its own, because the page's content security policy forbids inline scripts.
 */

const page = document.documentElement;

/** Null also where the browser blocks storage: the system's settings then apply. */
function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

const theme = kept("colink.theme");
if (theme === "light" || theme === "dark") page.dataset.theme = theme;

const language = kept("colink.locale") ?? navigator.language;
page.lang = language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
