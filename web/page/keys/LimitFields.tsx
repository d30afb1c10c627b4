/** The fields of a key: its name and expiry, and of one that calls models also models, rate limit and budget. */

import type { KeyView } from "../../../api/mod.ts";
import type { ApiError } from "../../api.ts";
import { BudgetFields } from "../../part/BudgetFields.tsx";
import { Field } from "../../part/Field.tsx";
import { ModelPicker } from "../../part/ModelPicker.tsx";
import { fieldProblem } from "../../part/Notice.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { budgetNames } from "../../state/budget.ts";
import { messages } from "../../state/locale.ts";
import { lifetimes, type Limits, nameOf, problems, routes } from "./limits.ts";

interface Props {
  limits: Limits;
  onChange: (limits: Limits) => void;
  /** The key to change; null: a new one. */
  before: KeyView | null;
  wasSubmitted: boolean;
  error: ApiError | null;
}

export function LimitFields({ limits, onChange, before, wasSubmitted, error }: Props) {
  const t = messages.value.keys;
  const set = (change: Partial<Limits>) => onChange({ ...limits, ...change });
  const own = wasSubmitted ? problems(limits, before, t.problems) : {};
  const problem = (name: "name" | "rpm" | "models") => own[name] ?? fieldProblem(error, name);
  return (
    <>
      <Field
        label={t.columns.name}
        name="name"
        autocomplete="off"
        placeholder={before?.is_default ? nameOf({ name: "", kind: before.kind }) : ""}
        value={limits.name}
        onInput={(name) => set({ name })}
        hint={t.nameHint}
        problem={problem("name")}
      />
      {before?.kind !== "client" && (
        <>
          <ModelPicker
            chosen={limits.models}
            onChoose={(models) => set({ models })}
            problem={problem("models")}
          />
          <Field
            label={t.rpm}
            name="rpm"
            type="number"
            autocomplete="off"
            placeholder={t.noLimit}
            value={limits.rpm}
            onInput={(rpm) => set({ rpm })}
            hint={t.rpmHint}
            problem={problem("rpm")}
          />
          <SelectField
            label={t.route}
            name="route"
            options={routes}
            chosen={limits.route}
            nameOf={(one) => t.routes[one]}
            onChoose={(route) => set({ route })}
          />
          <BudgetFields
            names={budgetNames}
            texts={limits.budget}
            onChange={(budget) => set({ budget })}
            hint={messages.value.budgets.keyHint}
            error={error}
          />
        </>
      )}
      {/* The account always has its own two. */}
      {!before?.is_default && (
        <SelectField
          label={t.lifetime}
          name="lifetime"
          options={lifetimes.filter((one) =>
            one !== "kept" || typeof before?.expires_at === "number"
          )}
          chosen={limits.lifetime}
          nameOf={(one) => t.lifetimes[one]}
          onChoose={(lifetime) => set({ lifetime })}
        />
      )}
    </>
  );
}
