/** The bar at the top of every page: where one can go, who is signed in, language and theme. */

import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { paths } from "../route.ts";
import { type Locale, locale, messages } from "../state/locale.ts";
import { session, signOut } from "../state/session.ts";
import { type Submit, useSubmit } from "../state/submit.ts";
import { switchTheme, theme } from "../state/theme.ts";
import { Icon } from "./Icon.tsx";
import { Logo } from "./Logo.tsx";
import { ErrorNotice } from "./Notice.tsx";

/** On a narrow screen everything but the name hides behind one button. */
export function Navbar() {
  const isOpen = useSignal(false);
  const { path } = useLocation();
  const t = messages.value.nav;
  const leaving = useSubmit();
  const close = () => {
    isOpen.value = false;
  };

  useEffect(close, [path]);

  return (
    <header class="navbar" onKeyDown={(event) => event.key === "Escape" && close()}>
      <div class="navbar-row">
        <a class="brand" href={paths.home} aria-label={`Co-Link: ${t.home}`}>
          <Logo />
          Co-Link
        </a>
        <button
          type="button"
          class="button icon-only navbar-toggle"
          aria-expanded={isOpen.value}
          aria-controls="navbar-menu"
          aria-label={t.menu}
          onClick={() => isOpen.value = !isOpen.value}
        >
          <Icon name={isOpen.value ? "close" : "menu"} />
        </button>
        <div id="navbar-menu" class={`navbar-menu${isOpen.value ? " open" : ""}`}>
          <nav aria-label={t.label}>
            {session.value.state === "in" && <Tab to={paths.dashboard}>{t.dashboard}</Tab>}
            <Tab to={paths.nodes}>{t.nodes}</Tab>
          </nav>
          <div class="navbar-end">
            <LanguageSwitch />
            <ThemeSwitch />
            <SessionLinks leaving={leaving} />
          </div>
        </div>
      </div>
      {leaving.error.value && <ErrorNotice error={leaving.error.value} />}
    </header>
  );
}

function Tab({ to, children }: { to: string; children: ComponentChildren }) {
  const { path } = useLocation();
  return <a class="tab" href={to} aria-current={path === to ? "page" : undefined}>{children}</a>;
}

function LanguageSwitch() {
  const other = messages.value.languageSwitch;
  return (
    <button
      type="button"
      class="button quiet"
      lang={other.lang}
      onClick={() => locale.value = other.lang as Locale}
    >
      {other.label}
    </button>
  );
}

function ThemeSwitch() {
  const label = messages.value.nav.theme[theme.value];
  const icon = ({ system: "system", light: "sun", dark: "moon" } as const)[theme.value];
  return (
    <button
      type="button"
      class="button icon-only"
      aria-label={label}
      title={label}
      onClick={switchTheme}
    >
      <Icon name={icon} />
    </button>
  );
}

function SessionLinks({ leaving }: { leaving: Submit }) {
  const t = messages.value.nav;
  const { state } = session.value;
  if (state === "unknown") return null;
  if (state === "in") {
    return (
      <div class="navbar-session">
        <button type="button" class="button" onClick={() => leaving.run(signOut)}>
          {t.signOut}
        </button>
      </div>
    );
  }
  return (
    <div class="navbar-session">
      <a class="button" href={paths.login}>{t.signIn}</a>
      <a class="button primary" href={paths.register}>{t.register}</a>
    </div>
  );
}
