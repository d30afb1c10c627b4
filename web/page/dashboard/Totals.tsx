/** The calls that a user has made and served in all. */

import type { UserView } from "../../../api/mod.ts";
import { formatNumber, messages } from "../../state/locale.ts";
import * as style from "./Totals.module.css";

export function Totals({ user }: { user: UserView }) {
  const t = messages.value.dashboard;
  return (
    <section aria-label={t.totals}>
      <dl class={style.totals}>
        <Total name={t.callsMade} hint={t.callsMadeHint} value={user.total_api_calls} />
        <Total
          name={t.callsProvided}
          hint={t.callsProvidedHint}
          value={user.total_provided_calls}
        />
      </dl>
    </section>
  );
}

function Total({ name, hint, value }: { name: string; hint: string; value: number }) {
  return (
    <div>
      <dt>
        {name} <span class="hint">{hint}</span>
      </dt>
      <dd>{formatNumber(value)}</dd>
    </div>
  );
}
