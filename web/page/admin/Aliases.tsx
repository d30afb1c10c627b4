/** Aliases for everybody: saved, removed, and what they lead to. Conditions are set through the API and the command line. */

import { useSignal } from "@preact/signals";
import { api } from "../../api.ts";
import { Empty } from "../../part/Empty.tsx";
import { Icon } from "../../part/Icon.tsx";
import { Field } from "../../part/Field.tsx";
import { ErrorNotice, Failure, fieldProblem } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { Table } from "../../part/Table.tsx";
import { buttonClass } from "../../part/button.ts";
import { useChanging } from "../../state/changing.ts";
import { messages } from "../../state/locale.ts";
import { namesIn } from "../../state/name_list.ts";
import { useSubmit } from "../../state/submit.ts";
import { CreateForm } from "./CreateForm.tsx";
import * as tableStyle from "../../part/Table.module.css";

export function Aliases() {
  const t = messages.value.admin;
  const { live, reload } = useChanging("settings", api.aliases);
  const { data, error } = live.value;
  const removing = useSubmit();
  const remove = (name: string) =>
    removing.run(async () => {
      await api.removeAlias(name);
      reload();
    });
  return (
    <section>
      <NewAliasForm onChange={reload} />
      <Failure error={error} />
      {removing.error.value && <ErrorNotice error={removing.error.value} />}
      {!data && !error && <Bones count={2} />}
      {data?.aliases.length === 0 && (
        <Empty icon="server" title={t.noAliasesTitle} text={t.noAliasesText} />
      )}
      {data && data.aliases.length > 0 && (
        <Table
          columns={[{ name: t.aliasColumns.name }, { name: t.aliasColumns.targets }]}
          hasTools
        >
          {data.aliases.map(({ name, leads_to, problem }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td data-label={t.aliasColumns.targets}>
                <span>
                  {problem ?? leads_to.map(({ model, offered }, i) => (
                    <span key={model}>
                      {i > 0 && ", "}
                      {offered ? model : <s title={messages.value.keys.notOffered}>{model}</s>}
                    </span>
                  ))}
                </span>
              </td>
              <td class={tableStyle.tight}>
                <button
                  type="button"
                  class={buttonClass("iconOnly", "small")}
                  aria-label={t.removeAlias(name)}
                  onClick={() => void remove(name)}
                >
                  <Icon name="trash" />
                </button>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function NewAliasForm({ onChange }: { onChange: () => void }) {
  const t = messages.value.admin;
  const name = useSignal("");
  const targets = useSignal("");
  const submit = useSubmit();
  const problem = (field: string) => fieldProblem(submit.error.value, field);
  const save = async () => {
    const models = namesIn(targets.value);
    await api.saveAlias({ name: name.value, targets: models.map((model) => ({ model })) });
    name.value = "";
    targets.value = "";
    onChange();
  };
  return (
    <CreateForm
      submit={submit}
      fields={["name", "targets"]}
      action={t.saveAlias}
      onSubmit={save}
      after={<p class="hint">{t.aliasTargetsHint}</p>}
    >
      <Field
        label={t.aliasColumns.name}
        name="name"
        autocomplete="off"
        value={name.value}
        onInput={(text) => name.value = text}
        problem={problem("name")}
      />
      <Field
        label={t.aliasColumns.targets}
        name="targets"
        autocomplete="off"
        value={targets.value}
        onInput={(text) => targets.value = text}
        problem={problem("targets")}
      />
    </CreateForm>
  );
}
