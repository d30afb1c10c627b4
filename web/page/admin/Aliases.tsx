/** Aliases for everybody: saved, removed, and what they lead to. Conditions are set through the API and the command line. */

import type { AliasView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Icon } from "../../part/Icon.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { Table } from "../../part/Table.tsx";
import { buttonClass } from "../../part/button.ts";
import { useChanging } from "../../state/changing.ts";
import { messages } from "../../state/locale.ts";
import { namesIn } from "../../state/name_list.ts";
import { useSubmit } from "../../state/submit.ts";
import { CreateForm } from "./CreateForm.tsx";
import { Listed } from "./Listed.tsx";
import { texts } from "./texts.ts";
import * as tableStyle from "../../part/Table.module.css";

export function Aliases() {
  const t = texts.value;
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
      {removing.error.value && <ErrorNotice error={removing.error.value} />}
      <Listed
        items={data?.aliases}
        error={error}
        empty={{ icon: "server", title: t.noAliasesTitle, text: t.noAliasesText }}
      >
        {(aliases) => (
          <Table
            columns={[{ name: t.aliasColumns.name }, { name: t.aliasColumns.targets }]}
            hasTools
          >
            {aliases.map(({ name, leads_to, fault }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td data-label={t.aliasColumns.targets}>
                  <span>
                    {fault
                      ? faultText(fault)
                      : leads_to.map(({ model, offered }, i) => (
                        <span key={model}>
                          {i > 0 && messages.value.separator}
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
      </Listed>
    </section>
  );
}

function faultText({ code, limit, way }: NonNullable<AliasView["fault"]>): string {
  return messages.value.fieldFaults[`alias_${code}`](limit ?? 0, way.join(" → "));
}

function NewAliasForm({ onChange }: { onChange: () => void }) {
  const t = texts.value;
  return (
    <CreateForm
      fields={{ name: { label: t.aliasColumns.name }, targets: { label: t.aliasColumns.targets } }}
      action={t.saveAlias}
      onSubmit={async ({ name, targets }) => {
        await api.saveAlias({ name, targets: namesIn(targets).map((model) => ({ model })) });
        onChange();
      }}
      after={<p class="hint">{t.aliasTargetsHint}</p>}
    />
  );
}
