/** The fields of a key: name, models, rate limit, budget and expiry. */

import type { ApiError } from "../../api.ts";
import { BudgetFields } from "../../part/BudgetFields.tsx";
import { Field } from "../../part/Field.tsx";
import { ModelPicker } from "../../part/ModelPicker.tsx";
import { fieldProblem } from "../../part/Notice.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { budgetNames } from "../../state/budget.ts";
import { messages } from "../../state/locale.ts";
import { lifetimes, type Limits, problems, routes } from "./limits.ts";

interface Props {
  limits: Limits;
  onChange: (limits: Limits) => void;
  /** Whether the key has an expiry that can be kept. */
  hasExpiry: boolean;
  wasSubmitted: boolean;
  error: ApiError | null;
}

export function LimitFields({ limits, onChange, hasExpiry, wasSubmitted, error }: Props) {
  const t = messages.value.keys;
  const set = (change: Partial<Limits>) => onChange({ ...limits, ...change });
  const own = wasSubmitted ? problems(limits, t.problems) : {};
  const problem = (name: "name" | "rpm" | "models") =>
    own[name] ?? (error ? fieldProblem(error, name) : undefined);
  return (
    <>
      <Field
        label={t.columns.name}
        name="name"
        autocomplete="off"
        value={limits.name}
        onInput={(name) => set({ name })}
        hint={t.nameHint}
        problem={problem("name")}
      />
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
      <SelectField
        label={t.lifetime}
        name="lifetime"
        options={lifetimes.filter((one) => hasExpiry || one !== "kept")}
        chosen={limits.lifetime}
        nameOf={(one) => t.lifetimes[one]}
        onChoose={(lifetime) => set({ lifetime })}
      />
    </>
  );
}
