/** The fields of a budget: one number each, empty where nothing is limited. */

import type { ApiError } from "../api.ts";
import type { BudgetName, BudgetTexts } from "../state/budget.ts";
import { messages } from "../state/locale.ts";
import { Field } from "./Field.tsx";
import { fieldProblem } from "./Notice.tsx";
import * as formStyle from "./form.module.css";

interface Props {
  names: readonly BudgetName[];
  texts: BudgetTexts;
  onChange: (texts: BudgetTexts) => void;
  hint: string;
  /** Of the request that sent the budget. */
  error: ApiError | null;
}

export function BudgetFields({ names, texts, onChange, hint, error }: Props) {
  const t = messages.value.budgets;
  const isSet = Object.values(texts).some((text) => text !== "");
  return (
    <details open={isSet || error !== null}>
      <summary>{t.budget}</summary>
      <div class={formStyle.form}>
        <p class="hint">{hint}</p>
        {names.map((name) => (
          <Field
            key={name}
            label={t.names[name]}
            name={name}
            type="number"
            autocomplete="off"
            placeholder={messages.value.keys.noLimit}
            value={texts[name] ?? ""}
            onInput={(text) => onChange({ ...texts, [name]: text })}
            problem={fieldProblem(error, `budget.${name}`)}
          />
        ))}
      </div>
    </details>
  );
}
