/**
 * Runs before the first paint, from its own blocking file because the page's policy forbids inline
 * code: puts the chosen theme and language on the page, so that neither flashes.
 */

const page = document.documentElement;

/** Storage throws where the browser blocks it; the system's own settings then hold. */
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
