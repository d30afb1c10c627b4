/** Edits an account: its role, its limits, and whether it is enabled. */

import { useSignal } from "@preact/signals";
import type { AdminUserView, Role } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { BudgetFields } from "../../part/BudgetFields.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { EditForm } from "../../part/EditForm.tsx";
import { Field } from "../../part/Field.tsx";
import { fieldProblem } from "../../part/Notice.tsx";
import { ModelPicker } from "../../part/ModelPicker.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { budgetIn, budgetMembers, budgetNames, budgetTexts } from "../../state/budget.ts";
import { messages } from "../../state/locale.ts";
import { session } from "../../state/session.ts";
import { useSubmit } from "../../state/submit.ts";
import { buttonClass } from "../../part/button.ts";
import { UserActions } from "./UserActions.tsx";
import { texts } from "./texts.ts";

interface Props {
  user: AdminUserView;
  onChange: (user: AdminUserView) => void;
  onDeleted: (id: string) => void;
  onClose: () => void;
}

const roles: readonly Role[] = ["user", "admin"];
const fields = ["rpm", "weight", "models", ...budgetMembers(budgetNames)] as const;

export function UserDialog({ user, onChange, onDeleted, onClose }: Props) {
  const t = texts.value;
  const isOpen = useSignal(true);
  const role = useSignal<Role>(user.role);
  const rpm = useSignal(user.rpm === null ? "" : String(user.rpm));
  const weight = useSignal(user.weight === null ? "" : String(user.weight));
  const models = useSignal<readonly string[] | null>(user.models);
  const budget = useSignal(budgetTexts(user.budget));
  const { isBusy, error, run } = useSubmit();
  const current = session.value;
  // Administrators cannot take away their own rights.
  const isSelf = current.state === "in" && current.user.id === user.id;
  const change = (what: Parameters<typeof api.changeUser>[1]) =>
    run(async () => {
      const changed = await api.changeUser(user.id, what);
      isOpen.value = false;
      onChange(changed.user);
    });
  const save = () =>
    void change({
      role: role.value,
      rpm: rpm.value.trim() === "" ? null : Number(rpm.value),
      weight: weight.value.trim() === "" ? null : Number(weight.value),
      models: models.value === null ? null : [...models.value],
      budget: budgetIn(budget.value),
    });
  const problem = (name: typeof fields[number]) => fieldProblem(error.value, name);
  return (
    <Dialog isOpen={isOpen} title={t.editUser(user.email)} onClose={onClose}>
      <EditForm
        isBusy={isBusy}
        error={error.value}
        fields={fields}
        onSubmit={save}
        onCancel={() => isOpen.value = false}
        aside={!isSelf && (
          <button
            type="button"
            class={user.disabled_at === null ? buttonClass("danger") : buttonClass()}
            aria-disabled={isBusy.value}
            onClick={() => change({ disabled: user.disabled_at === null })}
          >
            {user.disabled_at === null ? t.disable : t.enable}
          </button>
        )}
      >
        {!isSelf && (
          <SelectField
            label={t.role}
            name="role"
            options={roles}
            chosen={role.value}
            nameOf={(one) => messages.value.nav.roles[one]}
            onChoose={(one) => role.value = one}
          />
        )}
        <Field
          label={messages.value.keys.rpm}
          name="rpm"
          type="number"
          autocomplete="off"
          placeholder={t.asDefault}
          value={rpm.value}
          onInput={(text) => rpm.value = text}
          hint={t.userRpmHint}
          problem={problem("rpm")}
        />
        <Field
          label={t.groupColumns.weight}
          name="weight"
          type="number"
          autocomplete="off"
          placeholder={t.asDefault}
          value={weight.value}
          onInput={(text) => weight.value = text}
          hint={t.userWeightHint}
          problem={problem("weight")}
        />
        <ModelPicker
          chosen={models.value}
          onChoose={(chosen) => models.value = chosen}
          problem={problem("models")}
        />
        <BudgetFields
          names={budgetNames}
          texts={budget.value}
          onChange={(texts) => budget.value = texts}
          hint={messages.value.budgets.userHint}
          error={error.value}
        />
      </EditForm>
      <UserActions
        user={user}
        isSelf={isSelf}
        onDeleted={() => {
          isOpen.value = false;
          onDeleted(user.id);
        }}
      />
    </Dialog>
  );
}
