/** What one has used, what is left, and when it opens again: of the account, its groups and its keys. */

import type { BudgetUse } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { BudgetUses } from "../../part/BudgetUses.tsx";
import { Empty } from "../../part/Empty.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { Failure } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import * as panelStyle from "../../part/panel.module.css";

const REFRESH_MS = 10_000;

export function Budgets() {
  return <Guarded>{() => <Own />}</Guarded>;
}

function Own() {
  const t = messages.value.budgets;
  const { data, error } = useLive(api.budgets, REFRESH_MS).value;
  return (
    <Page title={t.title} lead={t.lead}>
      <Failure error={error} />
      {!data && !error && <Bones count={2} />}
      {data?.budgets.length === 0 && <Empty icon="chart" title={t.noneTitle} text={t.noneText} />}
      {data?.budgets.map((budget) => (
        <section key={`${budget.of} ${budget.id}`} class={panelStyle.panel}>
          <h2>{holderName(budget)}</h2>
          <BudgetUses budget={budget} />
        </section>
      ))}
    </Page>
  );
}

function holderName({ of, name }: BudgetUse): string {
  const t = messages.value;
  if (of === "account") return t.budgets.ofAccount;
  if (of === "group") return t.budgets.ofGroup(name ?? "");
  return t.budgets.ofKey(name || t.keys.ownKey);
}
