/** The first steps of a user: ticked off as they happen, put away, and brought back. */

import type { InfoView, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import type { Messages } from "../../i18n/en.ts";
import { Icon } from "../../part/Icon.tsx";
import { manualPath, paths } from "../../route.ts";
import { gatewayAddress } from "../../snippet.ts";
import { kept } from "../../state/kept.ts";
import { useLive } from "../../state/live.ts";
import { locale, messages } from "../../state/locale.ts";
import { buttonClass } from "../../part/button.ts";
import * as panelStyle from "../../part/panel.module.css";
import * as style from "./Checklist.module.css";

interface Progress {
  user: UserView;
  info: InfoView;
  /** Whether there is an invite or another account; null: not known, or not for this user to know. */
  hasInvited: boolean | null;
}

interface Check {
  key: keyof Messages["home"]["checks"];
  /** Where the step is done; null: not in the console, but the manual says how. */
  href: string | null;
  isDone: (progress: Progress) => boolean;
  /** Whether only administrators see the step. */
  isForAdmins?: boolean;
}

const checks: readonly Check[] = [
  {
    key: "online",
    href: `${paths.nodes}?add=1`,
    isDone: ({ info }) => info.models > 0,
  },
  { key: "called", href: paths.playground, isDone: ({ user }) => user.total_api_calls > 0 },
  {
    key: "provided",
    href: `${paths.nodes}?add=1`,
    isDone: ({ user }) => user.total_provided_calls > 0,
  },
  {
    key: "invited",
    href: `${paths.admin}?tab=invites`,
    isDone: ({ hasInvited }) => hasInvited === true,
    isForAdmins: true,
  },
  {
    // This browser may be on the gateway's own machine; the others' way is what matters.
    key: "secure",
    href: null,
    isDone: ({ info }) => gatewayAddress(info).startsWith("https:"),
    isForAdmins: true,
  },
];

const INVITED_REFRESH_MS = 15_000;

/** The open steps when the user put the list away; other open steps bring it back. */
const dismissed = kept("checklist.dismissed", (text) => text ?? "");

/** Of an administrator: whether anyone else was let in; of others null. */
export function useHasInvited(isAdmin: boolean): boolean | null {
  const { data } = useLive(hasInvited, isAdmin ? INVITED_REFRESH_MS : null).value;
  return data;
}

async function hasInvited(signal: AbortSignal): Promise<boolean> {
  const [{ invites }, { users }] = await Promise.all([api.invites(signal), api.users({}, signal)]);
  return invites.length > 0 || users.length > 1;
}

export function Checklist({ progress }: { progress: Progress }) {
  const t = messages.value.home;
  const isAdmin = progress.user.role === "admin";
  const own = checks.filter(({ isForAdmins }) => !isForAdmins || isAdmin);
  const open = own.filter(({ isDone }) => !isDone(progress)).map(({ key }) => key).join(" ");
  const ticked = own.filter(({ isDone }) => isDone(progress));
  if (open === "") return null;
  if (dismissed.value === open) {
    return (
      <p>
        <button
          type="button"
          class={buttonClass("quiet", "small")}
          onClick={() => dismissed.value = ""}
        >
          <Icon name="list" /> {t.showChecklist(open.split(" ").length)}
        </button>
      </p>
    );
  }
  return (
    <section class={panelStyle.panel} aria-labelledby="first-steps">
      <div class={panelStyle.head}>
        <h2 id="first-steps">{t.checklistTitle}</h2>
        <button
          type="button"
          class={`${buttonClass("quiet", "small")} ${panelStyle.flush}`}
          onClick={() => dismissed.value = open}
        >
          {t.dismiss}
        </button>
      </div>
      {ticked.length > 0 && (
        <ul class={style.ticked} aria-label={t.done}>
          {ticked.map(({ key }) => (
            <li key={key}>
              <Icon name="check" /> {t.checks[key].title}
            </li>
          ))}
        </ul>
      )}
      <ol class={style.checklist}>
        {own.filter((one) => !ticked.includes(one)).map(({ key, href }) => (
          <Step key={key} words={t.checks[key]} href={href} />
        ))}
      </ol>
    </section>
  );
}

interface StepProps {
  words: Messages["home"]["checks"][Check["key"]];
  href: string | null;
}

function Step({ words, href }: StepProps) {
  const t = messages.value.home;
  return (
    <li>
      <span class={style.tick}>
        <span class="off-screen">{t.toDo}</span>
      </span>
      <div>
        <h3>{words.title}</h3>
        <p>{words.open}</p>
      </div>
      <a
        class={buttonClass("small")}
        href={href ?? manualPath(locale.value, "deployment")}
        target={href === null ? "_blank" : undefined}
      >
        {words.action} <Icon name="arrow" />
      </a>
    </li>
  );
}
