/** The fields of a key: name, models, rate limit and expiry. */

import { useId } from "preact/hooks";
import type { ApiError } from "../../api.ts";
import { api } from "../../api.ts";
import { Choices } from "../../part/Choice.tsx";
import { Field } from "../../part/Field.tsx";
import { fieldProblem } from "../../part/Notice.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { serverNow } from "../../state/clock.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { liveModels } from "../nodes/node_state.ts";
import { lifetimes, type Limits, problems, routes } from "./limits.ts";
import * as formStyle from "../../part/form.module.css";
import * as style from "./LimitFields.module.css";

interface Props {
  limits: Limits;
  onChange: (limits: Limits) => void;
  /** Whether the key has an expiry that can be kept. */
  hasExpiry: boolean;
  wasSubmitted: boolean;
  error: ApiError | null;
}

const REFRESH_MS = 30_000;

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
      <ModelFields
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

interface ModelProps {
  chosen: readonly string[] | null;
  onChoose: (models: readonly string[] | null) => void;
  problem: string | undefined;
}

function ModelFields({ chosen, onChoose, problem }: ModelProps) {
  const t = messages.value.keys;
  const id = useId();
  const nodes = useLive(api.nodes, REFRESH_MS).value.data?.nodes ?? [];
  const all = [...new Set([...liveModels(nodes, serverNow()), ...chosen ?? []])].sort();
  const toggle = (model: string) =>
    onChoose(
      chosen?.includes(model) ? chosen.filter((one) => one !== model) : [...chosen ?? [], model],
    );
  return (
    <div class={formStyle.field}>
      <span class={formStyle.label}>{t.columns.models}</span>
      <Choices<"all" | "some">
        label={t.columns.models}
        options={["all", "some"]}
        chosen={chosen === null ? "all" : "some"}
        name={(one) => (one === "all" ? t.allModels : t.someModels)}
        onChoose={(one) => onChoose(one === "all" ? null : [])}
      />
      {chosen !== null && (
        <ul class={style.models} aria-describedby={problem ? `${id}-problem` : undefined}>
          {all.map((model) => (
            <li key={model}>
              <label>
                <input
                  type="checkbox"
                  checked={chosen.includes(model)}
                  onChange={() => toggle(model)}
                />
                <code>{model}</code>
              </label>
            </li>
          ))}
          {all.length === 0 && <li class="hint">{messages.value.models.emptyTitle}</li>}
        </ul>
      )}
      {problem && <p class={formStyle.problem} id={`${id}-problem`}>{problem}</p>}
    </div>
  );
}
