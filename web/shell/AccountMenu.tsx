/** The account's menu: its pages and signing out. */

import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import type { UserView } from "../../api/mod.ts";
import { Icon } from "../part/Icon.tsx";
import { ErrorNotice } from "../part/Notice.tsx";
import { messages } from "../state/locale.ts";
import { signOut } from "../state/session.ts";
import { useSubmit } from "../state/submit.ts";
import { destinations } from "./destinations.ts";
import * as style from "./AccountMenu.module.css";

/** A popover of the browser's, which closes on Escape and on a click elsewhere. */
export function AccountMenu({ user }: { user: UserView }) {
  const t = messages.value.nav;
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const isOpen = useSignal(false);
  return (
    <>
      <button
        type="button"
        class={style.avatar}
        popovertarget={id}
        aria-label={t.account}
        data-letter={user.email.slice(0, 1)}
      />
      <div
        ref={menu}
        id={id}
        popover="auto"
        class={style.menu}
        onBeforeToggle={(event) => isOpen.value = event.newState === "open"}
      >
        {isOpen.value && <Entries user={user} close={() => menu.current?.hidePopover()} />}
      </div>
    </>
  );
}

function Entries({ user, close }: { user: UserView; close: () => void }) {
  const t = messages.value.nav;
  const leaving = useSubmit();
  return (
    <>
      <div class={style.head}>
        <strong>{user.email}</strong>
        <p class="hint">{t.roles[user.role]}</p>
      </div>
      {destinations().filter(({ isAside }) => isAside).map(({ path, name, icon }) => (
        <a key={path} class={style.item} href={path} onClick={close}>
          <Icon name={icon} /> {t.pages[name]}
        </a>
      ))}
      <button type="button" class={style.item} onClick={() => leaving.run(() => signOut())}>
        <Icon name="leave" /> {t.signOut}
      </button>
      {leaving.error.value && <ErrorNotice error={leaving.error.value} />}
    </>
  );
}
