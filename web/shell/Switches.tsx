/** The switches for language and theme, and the way to the manual. */

import { Icon } from "../part/Icon.tsx";
import { manualPath } from "../route.ts";
import { locale, messages, otherLocale } from "../state/locale.ts";
import { switchTheme, theme } from "../state/theme.ts";
import { buttonClass } from "../part/button.ts";

export function LanguageSwitch() {
  const other = messages.value.languageSwitch;
  return (
    <button
      type="button"
      class={buttonClass("quiet")}
      lang={other.lang}
      onClick={() => locale.value = otherLocale()}
    >
      {other.label}
    </button>
  );
}

/** In a tab of its own: the page that raised the question stays open. */
export function ManualLink() {
  const label = messages.value.nav.manual;
  return (
    <a
      class={buttonClass("iconOnly")}
      href={manualPath(locale.value)}
      target="_blank"
      aria-label={label}
      title={label}
    >
      <Icon name="book" />
    </a>
  );
}

export function ThemeSwitch() {
  const label = messages.value.nav.theme[theme.value];
  const icon = ({ system: "system", light: "sun", dark: "moon" } as const)[theme.value];
  return (
    <button
      type="button"
      class={buttonClass("iconOnly")}
      aria-label={label}
      title={label}
      onClick={switchTheme}
    >
      <Icon name={icon} />
    </button>
  );
}
