/** The bar at the top of every page: pages, search, and the account. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { api } from "../api.ts";
import { Icon } from "../part/Icon.tsx";
import { Logo } from "../part/Logo.tsx";
import { paths } from "../route.ts";
import { instanceName, PRODUCT } from "../state/instance.ts";
import { useLive } from "../state/live.ts";
import { messages } from "../state/locale.ts";
import { session } from "../state/session.ts";
import { AccountMenu } from "./AccountMenu.tsx";
import { type Destination, destinations } from "./destinations.ts";
import { searchKeys } from "./shortcuts.ts";
import { LanguageSwitch, ManualLink, ThemeSwitch } from "./Switches.tsx";
import { buttonClass } from "../part/button.ts";
import * as style from "./Navbar.module.css";

/** The gateway's name hardly ever changes. */
const NAME_EVERY_MS = 600_000;

async function rememberName(signal: AbortSignal): Promise<void> {
  instanceName.value = (await api.info(signal)).name;
}

/** On a narrow screen one button shows and hides the pages. */
export function Navbar({ onSearch }: { onSearch: () => void }) {
  const isOpen = useSignal(false);
  const { path } = useLocation();
  const t = messages.value.nav;
  useLive(rememberName, NAME_EVERY_MS);
  const name = instanceName.value || PRODUCT;
  const close = () => {
    isOpen.value = false;
  };

  useEffect(close, [path]);

  return (
    <header class={style.navbar} onKeyDown={(event) => event.key === "Escape" && close()}>
      <div class={style.row}>
        <a class={style.brand} href={paths.home} aria-label={`${name}: ${t.home}`}>
          <Logo />
          <span>{name}</span>
        </a>
        <div class={isOpen.value ? `${style.menu} ${style.open}` : style.menu}>
          <nav id="navbar-pages" aria-label={t.label}>
            {destinations().filter(({ isAside }) => !isAside).map((one) => (
              <Tab key={one.path} destination={one} />
            ))}
          </nav>
          <div class={style.end}>
            <button type="button" class={style.search} onClick={onSearch}>
              <Icon name="search" />
              <span>{t.search}</span>
              <kbd>{searchKeys}</kbd>
            </button>
            <div class={style.switches}>
              <ManualLink />
              <LanguageSwitch />
              <ThemeSwitch />
            </div>
            <Session />
          </div>
        </div>
        <button
          type="button"
          class={`${buttonClass("iconOnly")} ${style.toggle}`}
          aria-expanded={isOpen.value}
          aria-controls="navbar-pages"
          aria-label={t.menu}
          onClick={() => isOpen.value = !isOpen.value}
        >
          <Icon name={isOpen.value ? "close" : "menu"} />
        </button>
      </div>
    </header>
  );
}

function Tab({ destination: { path, name, icon } }: { destination: Destination }) {
  const here = useLocation().path;
  const isHere = here === path || here.startsWith(`${path}/`);
  return (
    <a class={style.tab} href={path} aria-current={isHere ? "page" : undefined}>
      <Icon name={icon} />
      {messages.value.nav.pages[name]}
    </a>
  );
}

function Session() {
  const t = messages.value.nav;
  const current = session.value;
  if (current.state === "unknown") return null;
  if (current.state === "in") return <AccountMenu user={current.user} />;
  return (
    <>
      <a class={buttonClass("quiet")} href={paths.login}>{t.signIn}</a>
      <a class={`${buttonClass("primary")} ${style.register}`} href={paths.register}>
        {t.register}
      </a>
    </>
  );
}
