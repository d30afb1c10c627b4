/** The user's sessions, and buttons to end them. */

import type { SessionView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { ErrorNotice, Failure } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { useChanging } from "../../state/changing.ts";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import { formatAge, formatMoment } from "../../state/locale.ts";
import { signOut } from "../../state/session.ts";
import { useSubmit } from "../../state/submit.ts";
import { programName } from "./program_name.ts";
import { buttonClass } from "../../part/button.ts";
import * as settingsStyle from "./Settings.module.css";
import * as style from "./Sessions.module.css";
import * as buttonStyle from "../../part/button.module.css";
import * as chipStyle from "../../part/chip.module.css";
import { texts } from "./texts.ts";

export function Sessions() {
  const t = texts.value;
  const { live, reload } = useChanging("sessions", api.sessions);
  const { data, error } = live.value;
  const ending = useSubmit();
  const end = (id: string) =>
    ending.run(async () => {
      await api.endSession(id);
      reload();
    });
  const endOthers = () =>
    ending.run(async () => {
      await api.endOtherSessions();
      reload();
    });
  if (!data) return error ? <Failure error={error} /> : <Bones count={1} />;
  return (
    <div class={settingsStyle.body}>
      {ending.error.value && <ErrorNotice error={ending.error.value} />}
      <ul class={style.sessions}>
        {data.sessions.map((one) => (
          <Session
            key={one.id}
            session={one}
            onEnd={() => void end(one.id)}
          />
        ))}
      </ul>
      <div class={buttonStyle.actions}>
        {data.sessions.length > 1 && (
          <button
            type="button"
            class={buttonClass()}
            aria-disabled={ending.isBusy.value}
            onClick={endOthers}
          >
            {t.endOthers}
          </button>
        )}
        <button
          type="button"
          class={buttonClass()}
          aria-disabled={ending.isBusy.value}
          onClick={() => void ending.run(() => signOut(true))}
        >
          {t.endAll}
        </button>
      </div>
    </div>
  );
}

function Session({ session, onEnd }: { session: SessionView; onEnd: () => void }) {
  const t = texts.value;
  const { address, user_agent, last_seen_at, created_at, current } = session;
  const name = programName(user_agent) ?? t.unknownProgram;
  return (
    <li>
      <div>
        <p>
          <strong>{name}</strong> {current && <span class={chipStyle.soft}>{t.thisOne}</span>}
        </p>
        <p class="hint">
          {address} · {t.seen(formatAge(Math.max(0, serverNow(now.value) - last_seen_at)))} ·{" "}
          {t.since(formatMoment(created_at))}
        </p>
      </div>
      {!current && (
        <button
          type="button"
          class={buttonClass("small")}
          aria-label={t.endOf(name)}
          onClick={onEnd}
        >
          {t.end}
        </button>
      )}
    </li>
  );
}
