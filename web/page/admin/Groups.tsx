/** Groups of accounts: made, renamed, weighed, filled with members, deleted. */

import { useSignal } from "@preact/signals";
import type { GroupView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { BudgetFields } from "../../part/BudgetFields.tsx";
import { Confirm } from "../../part/Confirm.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { EditForm } from "../../part/EditForm.tsx";
import { Icon } from "../../part/Icon.tsx";
import { Field } from "../../part/Field.tsx";
import { ModelPicker } from "../../part/ModelPicker.tsx";
import { Failure, fieldProblem, FormFailure } from "../../part/Notice.tsx";
import { Table } from "../../part/Table.tsx";
import { buttonClass } from "../../part/button.ts";
import { budgetIn, budgetMembers, budgetTexts, groupBudgetNames } from "../../state/budget.ts";
import { useChanging } from "../../state/changing.ts";
import { formatNumber, messages } from "../../state/locale.ts";
import { useChoices } from "../../state/url.ts";
import { useSubmit } from "../../state/submit.ts";
import { CreateForm } from "./CreateForm.tsx";
import { Listed } from "./Listed.tsx";
import { texts } from "./texts.ts";
import * as tableStyle from "../../part/Table.module.css";
import * as style from "./CreateForm.module.css";

export function Groups() {
  const t = texts.value;
  const { live, reload } = useChanging("groups", api.groups);
  const { data, error } = live.value;
  const choices = useChoices();
  const edited = data?.groups.find(({ id }) => id === choices.get("group"));
  return (
    <section>
      <NewGroupForm onChange={reload} />
      <Listed
        items={data?.groups}
        error={error}
        empty={{ icon: "user", title: t.noGroupsTitle, text: t.noGroupsText }}
      >
        {(groups) => (
          <Table
            columns={[
              { name: t.groupColumns.name },
              { name: t.groupColumns.members, isNumber: true },
              { name: t.groupColumns.weight, isNumber: true },
            ]}
            hasTools
          >
            {groups.map((group) => (
              <tr key={group.id}>
                <th scope="row">{group.name}</th>
                <td data-label={t.groupColumns.members} class={tableStyle.number}>
                  {formatNumber(group.members)}
                </td>
                <td data-label={t.groupColumns.weight} class={tableStyle.number}>
                  {formatNumber(group.weight)}
                </td>
                <td class={tableStyle.tight}>
                  <button
                    type="button"
                    class={buttonClass("small")}
                    aria-label={t.editGroup(group.name)}
                    onClick={() => choices.set({ group: group.id })}
                  >
                    <Icon name="edit" /> {t.edit}
                  </button>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Listed>
      {edited && (
        <GroupDialog
          key={edited.id}
          group={edited}
          onChange={reload}
          onClose={() => choices.set({ group: "" })}
        />
      )}
    </section>
  );
}

function NewGroupForm({ onChange }: { onChange: () => void }) {
  const t = texts.value;
  return (
    <CreateForm
      fields={{ name: { label: t.groupColumns.name } }}
      action={t.createGroup}
      onSubmit={async ({ name }) => {
        await api.createGroup({ name });
        onChange();
      }}
    />
  );
}

const fields = [
  "name",
  "weight",
  "budget.models",
  ...budgetMembers(groupBudgetNames),
] as const;

interface GroupDialogProps {
  group: GroupView;
  onChange: () => void;
  onClose: () => void;
}

function GroupDialog({ group, onChange, onClose }: GroupDialogProps) {
  const t = texts.value;
  const isOpen = useSignal(true);
  const name = useSignal(group.name);
  const weight = useSignal(String(group.weight));
  const budget = useSignal(budgetTexts(group.budget));
  const models = useSignal<readonly string[] | null>(group.budget?.models ?? null);
  const seesNodes = useSignal(group.members_see_nodes);
  const isDeleting = useSignal(false);
  const { isBusy, error, run } = useSubmit();
  const problem = (field: typeof fields[number]) => fieldProblem(error.value, field);
  const save = () =>
    void run(async () => {
      await api.changeGroup(group.id, {
        name: name.value,
        weight: Number(weight.value),
        members_see_nodes: seesNodes.value,
        budget: budgetIn(budget.value, models.value),
      });
      isOpen.value = false;
      onChange();
    });
  return (
    <Dialog isOpen={isOpen} title={t.editGroup(group.name)} onClose={onClose}>
      <EditForm
        isBusy={isBusy}
        error={error.value}
        fields={fields}
        onSubmit={save}
        onCancel={() => isOpen.value = false}
        aside={
          <button
            type="button"
            class={buttonClass("danger")}
            onClick={() => isDeleting.value = true}
          >
            {t.deleteGroup}
          </button>
        }
      >
        <Field
          label={t.groupColumns.name}
          name="group-name"
          autocomplete="off"
          value={name.value}
          onInput={(text) => name.value = text}
          problem={problem("name")}
        />
        <Field
          label={t.groupColumns.weight}
          name="weight"
          type="number"
          autocomplete="off"
          value={weight.value}
          onInput={(text) => weight.value = text}
          hint={t.weightHint}
          problem={problem("weight")}
        />
        <label>
          <input
            type="checkbox"
            checked={seesNodes.value}
            onChange={(event) => seesNodes.value = event.currentTarget.checked}
          />{" "}
          {t.membersSeeNodes}
        </label>
        <ModelPicker
          chosen={models.value}
          onChoose={(chosen) => models.value = chosen}
          problem={problem("budget.models")}
        />
        <BudgetFields
          names={groupBudgetNames}
          texts={budget.value}
          onChange={(texts) => budget.value = texts}
          hint={messages.value.budgets.groupHint}
          error={error.value}
        />
      </EditForm>
      <Members group={group} onChange={onChange} />
      <Confirm
        isOpen={isDeleting}
        title={t.deleteGroup}
        text={t.deleteGroupText(group.name)}
        action={t.deleteGroup}
        onConfirm={async () => {
          await api.deleteGroup(group.id);
          isOpen.value = false;
          onChange();
        }}
      />
    </Dialog>
  );
}

function Members({ group, onChange }: { group: GroupView; onChange: () => void }) {
  const t = texts.value;
  const { live, reload } = useChanging("groups", (signal) => api.groupMembers(group.id, signal));
  const { data, error: unread } = live.value;
  const email = useSignal("");
  const { isBusy, error, run } = useSubmit();
  const change = (members: { add?: string[]; remove?: string[] }) =>
    run(async () => {
      await api.changeGroup(group.id, members);
      email.value = "";
      reload();
      onChange();
    });
  return (
    <section>
      <h3>{t.groupColumns.members}</h3>
      <Failure error={unread} />
      {data?.members.length === 0 && <p>{t.noMembers}</p>}
      <ul>
        {data?.members.map((member) => (
          <li key={member.id}>
            {member.email}{" "}
            <button
              type="button"
              class={buttonClass("small")}
              aria-label={t.removeMember(member.email)}
              aria-disabled={isBusy.value}
              onClick={() => change({ remove: [member.id] })}
            >
              {t.remove}
            </button>
          </li>
        ))}
      </ul>
      <form
        class={style.create}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void change({ add: [email.value.trim()] });
        }}
      >
        <Field
          label={t.memberEmail}
          name="member"
          type="email"
          autocomplete="off"
          value={email.value}
          onInput={(text) => email.value = text}
          problem={fieldProblem(error.value, "")}
        />
        <button type="submit" class={buttonClass()} aria-disabled={isBusy.value}>
          {t.addMember}
        </button>
      </form>
      <FormFailure error={error.value} fields={[""]} />
    </section>
  );
}
