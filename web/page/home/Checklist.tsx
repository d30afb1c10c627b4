/** Home for a user: the first steps, which are ticked off as they happen; later links to the main pages. */

import { useSignal } from "@preact/signals";
import type { InfoView, NetworkView, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import type { Messages } from "../../i18n/en.ts";
import { Icon, type IconName } from "../../part/Icon.tsx";
import { Page } from "../../part/Page.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { isFed, useFeed } from "../../state/feed.ts";
import { kept } from "../../state/kept.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { countCalls, refreshSession } from "../../state/session.ts";
import { NetworkStatus } from "./NetworkStatus.tsx";
import { buttonClass } from "../../part/button.ts";
import * as panelStyle from "../../part/panel.module.css";
import * as style from "./Checklist.module.css";

interface Check {
  key: keyof Messages["home"]["checks"];
  /** Where the step is done; null: not in the console. */
  href: string | null;
  isDone: (user: UserView, info: InfoView | null) => boolean;
  /** Whether only administrators see the step. */
  isForAdmins?: boolean;
}

const checks: readonly Check[] = [
  {
    key: "online",
    href: `${paths.nodes}?add=1`,
    isDone: (_, info) => (info?.models ?? 0) > 0,
  },
  { key: "called", href: paths.playground, isDone: (user) => user.total_api_calls > 0 },
  {
    key: "provided",
    href: `${paths.nodes}?add=1`,
    isDone: (user) => user.total_provided_calls > 0,
  },
  { key: "secure", href: null, isDone: () => isSecureContext, isForAdmins: true },
];

/** Poll interval with the feed, which reports changes in between. */
const REFRESH_FED_MS = 30_000;
const REFRESH_MS = 5000;

/** The open steps when the user dismissed the list; other open steps show it again. */
const dismissed = kept("checklist.dismissed", (text) => text ?? "");

export function Checklist({ user }: { user: UserView }) {
  const t = messages.value.home;
  const network = useSignal<NetworkView | null>(null);
  const live = useLive(async (signal) => {
    const [info] = await Promise.all([api.info(signal), refreshSession(signal)]);
    return info;
  }, isFed.value ? REFRESH_FED_MS : REFRESH_MS);
  useFeed("usage", countCalls);
  const onNetwork = (now: NetworkView) => {
    network.value = now;
    const { data, ...rest } = live.peek();
    if (data) live.value = { ...rest, data: { ...data, nodes: now.nodes, models: now.models } };
  };
  useFeed("snapshot", (snapshot) => onNetwork(snapshot.network));
  useFeed("network", onNetwork);

  const info = live.value.data;
  const own = checks.filter(({ isForAdmins }) => !isForAdmins || user.role === "admin");
  const open = own.filter(({ isDone }) => !isDone(user, info)).map(({ key }) => key).join(" ");
  const isShown = info !== null && open !== "" && dismissed.value !== open;
  return (
    <Page title={t.welcome} lead={user.email}>
      <NetworkStatus live={live.value} network={network.value} />
      {isShown && (
        <section class={`${panelStyle.panel} ${style.firstSteps}`} aria-labelledby="first-steps">
          <div class={panelStyle.head}>
            <h2 id="first-steps">{t.checklistTitle}</h2>
            <button
              type="button"
              class={buttonClass("quiet", "small")}
              onClick={() =>
                dismissed.value = open}
            >
              {t.dismiss}
            </button>
          </div>
          <ol class={style.checklist}>
            {own.map(({ key, href, isDone }) => (
              <Step key={key} words={t.checks[key]} href={href} isDone={isDone(user, info)} />
            ))}
          </ol>
        </section>
      )}
      {info !== null && !isShown && <Doors />}
      {info === null && live.value.error === null && <Bones count={3} />}
    </Page>
  );
}

interface StepProps {
  words: Messages["home"]["checks"][Check["key"]];
  href: string | null;
  isDone: boolean;
}

function Step({ words, href, isDone }: StepProps) {
  const t = messages.value.home;
  return (
    <li class={isDone ? style.done : undefined}>
      <span class={style.tick}>
        {isDone && <Icon name="check" />}
        <span class="off-screen">{isDone ? t.done : t.toDo}</span>
      </span>
      <div>
        <h3>{words.title}</h3>
        {!isDone && <p>{words.open}</p>}
      </div>
      {!isDone && href !== null && (
        <a class={buttonClass("small")} href={href}>
          {words.action} <Icon name="arrow" />
        </a>
      )}
    </li>
  );
}

const doors: readonly { name: keyof Messages["home"]["doors"]; href: string; icon: IconName }[] = [
  { name: "talk", href: paths.playground, icon: "chat" },
  { name: "look", href: paths.dashboard, icon: "chart" },
  { name: "key", href: `${paths.keys}?create=1`, icon: "key" },
  { name: "share", href: `${paths.nodes}?add=1`, icon: "server" },
];

/** Links to the main pages, once the first steps are done. */
function Doors() {
  const t = messages.value.home.doors;
  return (
    <ul class={style.doors}>
      {doors.map(({ name, href, icon }) => (
        <li key={name}>
          <a class={`${panelStyle.panel} ${style.door}`} href={href}>
            <Icon name={icon} />
            <strong>{t[name].title}</strong>
            <span class="hint">{t[name].text}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}
