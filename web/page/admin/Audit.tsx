/** The audit log: who did what, when and from where. */

import type { AuditAction, AuditEntry } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Failure } from "../../part/Notice.tsx";
import { SearchField } from "../../part/SearchField.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { ListNote } from "../../part/ListNote.tsx";
import { FEW_ROWS, LongTable } from "../../part/LongTable.tsx";
import { formatMoment } from "../../state/locale.ts";
import { has } from "../../state/words.ts";
import { useChoices } from "../../state/url.ts";
import { MoreButton } from "./MoreButton.tsx";
import { usePages } from "./use_pages.ts";
import { texts } from "./texts.ts";
import * as pageStyle from "../../part/Page.module.css";
import * as formStyle from "../../part/form.module.css";

export function Audit() {
  const t = texts.value;
  const choices = useChoices();
  const actor = choices.get("q");
  const action = choices.get("action");
  const pages = usePages({
    what: "audit",
    key: `${actor}\n${action}`,
    load: async (cursor, signal) => {
      const { entries, next_cursor, following } = await api.audit(
        { actor, action, cursor },
        signal,
      );
      return { items: entries, next: next_cursor, following };
    },
  });
  const actions = Object.keys(t.actions) as AuditAction[];
  return (
    <section>
      <div class={pageStyle.toolbar}>
        <SearchField label={t.searchActor} value={actor} onInput={(q) => choices.set({ q })} />
        <select
          class={formStyle.select}
          aria-label={t.action}
          value={action}
          onChange={(event) => choices.set({ action: event.currentTarget.value })}
        >
          <option value="">{t.anyAction}</option>
          {actions.map((one) => <option key={one} value={one}>{t.actions[one]}</option>)}
        </select>
      </div>
      <Failure error={pages.error} retry={pages.retry} />
      {pages.items && <ListNote {...pages} rows={pages.items.length} few={FEW_ROWS} />}
      {pages.items ? <Entries entries={pages.items} /> : !pages.error && <Bones count={3} />}
      {pages.items?.length === 0 && <p class={pageStyle.none}>{t.noEntries}</p>}
      <MoreButton pages={pages} />
    </section>
  );
}

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  const t = texts.value;
  return (
    <LongTable
      columns={[
        { name: t.auditColumns.action },
        { name: t.auditColumns.target },
        { name: t.auditColumns.actor },
        { name: t.auditColumns.address },
        { name: t.auditColumns.at },
      ]}
      items={entries}
      keyOf={({ id }) => String(id)}
    >
      {({ at, actor, action, target, detail, address }, row) => (
        <tr {...row}>
          <th scope="row">{has(t.actions, action) ? t.actions[action] : action}</th>
          <td data-label={t.auditColumns.target}>
            <span>
              {target ?? (details(detail) === "" && "–")}{" "}
              {details(detail) && <code class="hint">{details(detail)}</code>}
            </span>
          </td>
          <td data-label={t.auditColumns.actor}>
            {actor ?? (address === null ? t.commandLine : t.nobodySignedIn)}
          </td>
          <td data-label={t.auditColumns.address}>{address ?? "–"}</td>
          <td data-label={t.auditColumns.at}>{formatMoment(at)}</td>
        </tr>
      )}
    </LongTable>
  );
}

function details(detail: AuditEntry["detail"]): string {
  return Object.entries(detail).map(([name, value]) => `${name}=${value}`).join(" ");
}
