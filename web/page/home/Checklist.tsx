/** Home for a user: the first steps, which tick themselves off as they happen. */

import type { InfoView, UserView } from "../../../protocol/api.ts";
import { api } from "../../api.ts";
import type { Messages } from "../../i18n/en.ts";
import { paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { refreshSession } from "../../state/session.ts";
import { Icon } from "../../part/Icon.tsx";
import { NetworkStatus } from "./NetworkStatus.tsx";
import { Page } from "../../part/Page.tsx";

interface Check {
  key: keyof Messages["home"]["checks"];
  href: string;
  isDone: (user: UserView, info: InfoView | null) => boolean;
}

const checks: readonly Check[] = [
  { key: "online", href: paths.nodes, isDone: (_, info) => (info?.models ?? 0) > 0 },
  { key: "called", href: `${paths.dashboard}#call`, isDone: (user) => user.total_api_calls > 0 },
  {
    key: "provided",
    href: `${paths.dashboard}#share`,
    isDone: (user) => user.total_provided_calls > 0,
  },
];

const REFRESH_MS = 5000;

export function Checklist({ user }: { user: UserView }) {
  const t = messages.value.home;
  const live = useLive(async (signal) => {
    const [info] = await Promise.all([api.info(signal), refreshSession(signal)]);
    return info;
  }, REFRESH_MS).value;
  const isAllDone = checks.every(({ isDone }) => isDone(user, live.data));
  return (
    <Page title={t.welcome} lead={user.email} width="narrow">
      <NetworkStatus live={live} />
      <section class="panel" aria-labelledby="first-steps">
        <h2 id="first-steps">{t.checklistTitle}</h2>
        <ol class="checklist">
          {checks.map(({ key, href, isDone }) => (
            <Step key={key} words={t.checks[key]} href={href} isDone={isDone(user, live.data)} />
          ))}
        </ol>
        {isAllDone && <p class="hint">{t.checklistDone}</p>}
      </section>
    </Page>
  );
}

interface StepProps {
  words: Messages["home"]["checks"][Check["key"]];
  href: string;
  isDone: boolean;
}

function Step({ words, href, isDone }: StepProps) {
  const t = messages.value.home;
  return (
    <li class={isDone ? "done" : ""}>
      <span class="tick">
        {isDone && <Icon name="check" />}
        <span class="off-screen">{isDone ? t.done : t.toDo}</span>
      </span>
      <div>
        <h3>{words.title}</h3>
        {!isDone && <p>{words.open}</p>}
      </div>
      <a class="button small" href={href}>
        {words.action} <Icon name="arrow" />
      </a>
    </li>
  );
}
