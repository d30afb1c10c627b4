/** What of a budget is used, what is left, and when it opens again. */

import type { BudgetUse } from "../../api/mod.ts";
import { fillOf } from "../state/budget.ts";
import { formatList, formatMoment, formatNumber, messages } from "../state/locale.ts";
import { Meter } from "./Meter.tsx";
import { State } from "./State.tsx";
import * as style from "./BudgetUses.module.css";

export function BudgetUses({ budget }: { budget: BudgetUse }) {
  const t = messages.value.budgets;
  const { limits, max_tokens, models } = budget;
  return (
    <ul class={style.limits}>
      {limits.map(({ name, used, limit, opens_at }) => {
        const fill = fillOf({ used, limit });
        return (
          <li key={name}>
            <span>{t.names[name]}</span>
            <Meter
              label={t.names[name]}
              text={t.usedOf(formatNumber(used), formatNumber(limit))}
              value={used}
              max={limit}
            />
            <span class="hint">
              {fill === "near" && <State tone="warning" icon="warning" text={t.near} />}
              {fill === "full" && <State tone="bad" icon="warning" text={t.full} />}{" "}
              {t.left(formatNumber(Math.max(0, limit - used)))}{" "}
              {opens_at !== null && t.opens(formatMoment(opens_at))}
            </span>
          </li>
        );
      })}
      {max_tokens !== null && (
        <li>
          <span>{t.names.max_tokens}</span>
          <span>{formatNumber(max_tokens)}</span>
        </li>
      )}
      {models !== null && (
        <li>
          <span>{t.models}</span>
          <span>{formatList(models)}</span>
        </li>
      )}
    </ul>
  );
}
