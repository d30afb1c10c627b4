/** Says on every page that a budget of the day or the month is nearly used up. */

import { api } from "../api.ts";
import { Icon } from "../part/Icon.tsx";
import { paths } from "../route.ts";
import { fillOf, warnings } from "../state/budget.ts";
import { useLive } from "../state/live.ts";
import { formatMoment, messages } from "../state/locale.ts";
import { session } from "../state/session.ts";
import * as style from "./Banner.module.css";

const REFRESH_MS = 60_000;

export function BudgetWarning() {
  const isSignedIn = session.value.state === "in";
  const { data } = useLive(api.budgets, isSignedIn ? REFRESH_MS : null, [isSignedIn]).value;
  const [fullest] = isSignedIn ? warnings(data?.budgets ?? []) : [];
  return <div role="status">{fullest && <Warning {...fullest} />}</div>;
}

function Warning({ budget, limit }: ReturnType<typeof warnings>[number]) {
  const t = messages.value.budgets;
  const name = t.names[limit.name];
  const whose = budget.of === "account" ? t.ofAccount : `${budget.name ?? ""}`;
  const percent = Math.floor((100 * limit.used) / limit.limit);
  return (
    <p class={style.banner} data-part="budget-warning">
      <Icon name="warning" />{" "}
      {fillOf(limit) === "full" ? t.usedUp(name, whose) : t.nearly(name, whose, percent)}{" "}
      {limit.opens_at !== null && t.opens(formatMoment(limit.opens_at))}{" "}
      <a href={paths.budgets}>{t.title}</a>
    </p>
  );
}
