/** What administrators say about models: a note, whether lists show them, who may call them, defaults. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { GroupView, ModelSettings as Settings } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { EditForm } from "../../part/EditForm.tsx";
import { Icon } from "../../part/Icon.tsx";
import { Field } from "../../part/Field.tsx";
import { fieldProblem } from "../../part/Notice.tsx";
import { Table } from "../../part/Table.tsx";
import { buttonClass } from "../../part/button.ts";
import { useChanging } from "../../state/changing.ts";
import { serverNow } from "../../state/clock.ts";
import { useLive } from "../../state/live.ts";
import { formatList } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { CreateForm } from "./CreateForm.tsx";
import { Listed } from "./Listed.tsx";
import { liveModels } from "../nodes/node_state.ts";
import { texts } from "./texts.ts";
import * as chipStyle from "../../part/chip.module.css";
import * as tableStyle from "../../part/Table.module.css";

export function ModelSettings() {
  const t = texts.value;
  const { live, reload } = useChanging("settings", api.modelSettings);
  const groups = useChanging("groups", api.groups).live.value.data?.groups ?? [];
  const { data, error } = live.value;
  const edited = useSignal<Settings | null>(null);
  return (
    <section>
      <Chooser
        onChoose={(name) =>
          edited.value = data?.models.find((one) => one.name === name) ?? { name }}
      />
      <Listed
        items={data?.models}
        error={error}
        empty={{ icon: "model", title: t.noModelSettingsTitle, text: t.noModelSettingsText }}
      >
        {(models) => (
          <SettingsTable
            models={models}
            groups={groups}
            onEdit={(settings) => edited.value = settings}
          />
        )}
      </Listed>
      {edited.value && (
        <SettingsDialog
          key={edited.value.name}
          before={edited.value}
          isKnown={data?.models.some(({ name }) => name === edited.value?.name) === true}
          groups={groups}
          onChange={reload}
          onClose={() => edited.value = null}
        />
      )}
    </section>
  );
}

const REFRESH_MS = 30_000;

/** The model to say something about: one that is offered, or any that is typed. */
function Chooser({ onChoose }: { onChoose: (name: string) => void }) {
  const t = texts.value;
  const id = useId();
  const nodes = useLive(api.nodes, REFRESH_MS).value.data?.nodes ?? [];
  return (
    <>
      <CreateForm
        fields={{ model: { label: t.modelName, list: id } }}
        action={t.setModel}
        onSubmit={({ model }) => {
          if (model.trim() !== "") onChoose(model.trim());
          return Promise.resolve();
        }}
      />
      <datalist id={id}>
        {liveModels(nodes, serverNow()).map((model) => <option key={model} value={model} />)}
      </datalist>
    </>
  );
}

interface TableProps {
  models: readonly Settings[];
  groups: readonly GroupView[];
  onEdit: (settings: Settings) => void;
}

function SettingsTable({ models, groups, onEdit }: TableProps) {
  const t = texts.value;
  const nameOf = (id: string) => groups.find((group) => group.id === id)?.name ?? id;
  return (
    <Table
      columns={[
        { name: t.modelName },
        { name: t.note },
        { name: t.modelGroups },
        { name: t.modelDefaults },
      ]}
      hasTools
    >
      {models.map((settings) => (
        <tr key={settings.name}>
          <th scope="row">
            <code>{settings.name}</code>{" "}
            {settings.hidden && <span class={chipStyle.soft}>{t.hidden}</span>}
          </th>
          <td data-label={t.note}>{settings.note || "–"}</td>
          <td data-label={t.modelGroups}>
            {settings.groups ? formatList(settings.groups.map(nameOf)) : t.everyone}
          </td>
          <td data-label={t.modelDefaults}>
            {formatList(
              Object.entries(settings.defaults ?? {}).map(([name, value]) => `${name} ${value}`),
            ) || "–"}
          </td>
          <td class={tableStyle.tight}>
            <button
              type="button"
              class={buttonClass("small")}
              aria-label={t.editUser(settings.name)}
              onClick={() => onEdit(settings)}
            >
              <Icon name="edit" /> {t.edit}
            </button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

const fields = ["note", "defaults.temperature", "defaults.max_tokens"] as const;

interface DialogProps {
  before: Settings;
  /** Whether something is said about the model already. */
  isKnown: boolean;
  groups: readonly GroupView[];
  onChange: () => void;
  onClose: () => void;
}

function SettingsDialog({ before, isKnown, groups, onChange, onClose }: DialogProps) {
  const t = texts.value;
  const isOpen = useSignal(true);
  const note = useSignal(before.note ?? "");
  const isHidden = useSignal(before.hidden === true);
  const members = useSignal<readonly string[]>(before.groups ?? []);
  const temperature = useSignal(textOf(before.defaults?.temperature));
  const maxTokens = useSignal(textOf(before.defaults?.max_tokens));
  const { isBusy, error, run } = useSubmit();
  const done = () => {
    isOpen.value = false;
    onChange();
  };
  const save = () =>
    void run(async () => {
      const defaults = {
        ...numberIn("temperature", temperature.value),
        ...numberIn("max_tokens", maxTokens.value),
      };
      await api.saveModelSettings({
        name: before.name,
        ...(note.value.trim() !== "" && { note: note.value }),
        ...(isHidden.value && { hidden: true }),
        ...(members.value.length > 0 && { groups: [...members.value] }),
        ...(Object.keys(defaults).length > 0 && { defaults }),
      });
      done();
    });
  const problem = (name: typeof fields[number]) => fieldProblem(error.value, name);
  const forget = () =>
    run(async () => {
      await api.removeModelSettings(before.name);
      done();
    });
  return (
    <Dialog isOpen={isOpen} title={before.name} text={t.modelSettingsText} onClose={onClose}>
      <EditForm
        isBusy={isBusy}
        error={error.value}
        fields={fields}
        onSubmit={save}
        aside={isKnown && (
          <button
            type="button"
            class={buttonClass("danger")}
            aria-disabled={isBusy.value}
            onClick={() => void forget()}
          >
            {t.forgetModel}
          </button>
        )}
      >
        <Field
          label={t.note}
          name="note"
          autocomplete="off"
          value={note.value}
          onInput={(text) => note.value = text}
          hint={t.modelNoteHint}
          problem={problem("note")}
        />
        <label>
          <input
            type="checkbox"
            checked={isHidden.value}
            onChange={(event) => isHidden.value = event.currentTarget.checked}
          />{" "}
          {t.hideModel}
        </label>
        <fieldset>
          <legend>{t.modelGroups}</legend>
          <p class="hint">{groups.length === 0 ? t.noGroupsText : t.modelGroupsHint}</p>
          {groups.map(({ id, name }) => (
            <label key={id}>
              <input
                type="checkbox"
                checked={members.value.includes(id)}
                onChange={() =>
                  members.value = members.value.includes(id)
                    ? members.value.filter((one) => one !== id)
                    : [...members.value, id]}
              />{" "}
              {name}
            </label>
          ))}
        </fieldset>
        <Field
          label="temperature"
          name="temperature"
          autocomplete="off"
          value={temperature.value}
          onInput={(text) => temperature.value = text}
          hint={t.modelDefaultsHint}
          problem={problem("defaults.temperature")}
        />
        <Field
          label="max_tokens"
          name="max_tokens"
          type="number"
          autocomplete="off"
          value={maxTokens.value}
          onInput={(text) => maxTokens.value = text}
          problem={problem("defaults.max_tokens")}
        />
      </EditForm>
    </Dialog>
  );
}

function textOf(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}

/** The gateway refuses what is no number. */
function numberIn(name: "temperature" | "max_tokens", text: string): Record<string, number> {
  return text.trim() === "" ? {} : { [name]: Number(text) };
}
