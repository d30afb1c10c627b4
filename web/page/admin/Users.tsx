/** The accounts: their usage, their contribution and their limits. */

import { useSignal } from "@preact/signals";
import type { AdminUserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Failure } from "../../part/Notice.tsx";
import { Icon } from "../../part/Icon.tsx";
import { SearchField } from "../../part/SearchField.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { ListNote } from "../../part/ListNote.tsx";
import { FEW_ROWS, LongTable, type RowProps } from "../../part/LongTable.tsx";
import { formatDay, formatList, formatNumber, formatShort, messages } from "../../state/locale.ts";
import { useChanging } from "../../state/changing.ts";
import { useChoices } from "../../state/url.ts";
import { MoreButton } from "./MoreButton.tsx";
import { usePages } from "./use_pages.ts";
import { UserDialog } from "./UserDialog.tsx";
import { buttonClass } from "../../part/button.ts";
import { texts } from "./texts.ts";
import * as buttonStyle from "../../part/button.module.css";
import * as formStyle from "../../part/form.module.css";
import * as pageStyle from "../../part/Page.module.css";
import * as chipStyle from "../../part/chip.module.css";
import * as tableStyle from "../../part/Table.module.css";

const sorts = ["newest", "email", "made", "provided"] as const;

export function Users() {
  const t = texts.value;
  const choices = useChoices();
  const search = choices.get("q");
  const sort = sorts.find((one) => one === choices.get("sort")) ?? "newest";
  const group = choices.get("group");
  const groups = useChanging("groups", api.groups).live.value.data?.groups ?? [];
  const pages = usePages({
    what: "users",
    key: [search, sort, group].join("\n"),
    load: async (cursor, signal) => {
      const { users, next_cursor, following } = await api.users(
        { search, sort, group, cursor },
        signal,
      );
      return { items: users, next: next_cursor, following };
    },
  });
  return (
    <section>
      <div class={pageStyle.toolbar}>
        <SearchField label={t.searchUsers} value={search} onInput={(q) => choices.set({ q })} />
        <div class={buttonStyle.actions}>
          <select
            class={formStyle.select}
            aria-label={t.sort}
            value={sort}
            onChange={({ currentTarget: { value } }) =>
              choices.set({ sort: value === "newest" ? "" : value })}
          >
            {sorts.map((one) => <option key={one} value={one}>{t.sorts[one]}</option>)}
          </select>
          {groups.length > 0 && (
            <select
              class={formStyle.select}
              aria-label={t.group}
              value={group}
              onChange={({ currentTarget: { value } }) => choices.set({ group: value })}
            >
              <option value="">{t.anyGroup}</option>
              {groups.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
            </select>
          )}
        </div>
      </div>
      <Failure error={pages.error} retry={pages.retry} />
      {pages.items && <ListNote {...pages} rows={pages.items.length} few={FEW_ROWS} />}
      {pages.items
        ? <UserTable users={pages.items} onChange={pages.put} onDeleted={pages.drop} />
        : !pages.error && <Bones count={3} />}
      {pages.items?.length === 0 && <p class={pageStyle.none}>{t.nobody}</p>}
      <MoreButton pages={pages} />
    </section>
  );
}

interface TableProps {
  users: readonly AdminUserView[];
  onChange: (user: AdminUserView) => void;
  onDeleted: (id: string) => void;
}

function UserTable({ users, onChange, onDeleted }: TableProps) {
  const t = texts.value.userColumns;
  const edited = useSignal<AdminUserView | null>(null);
  return (
    <>
      <LongTable
        columns={[
          { name: t.email },
          { name: t.since },
          { name: t.made, isNumber: true },
          { name: t.provided, isNumber: true },
          { name: t.tokens, isNumber: true },
          { name: t.keys, isNumber: true },
          { name: t.nodes, isNumber: true },
          { name: t.rpm, isNumber: true },
        ]}
        hasTools
        items={users}
        keyOf={({ id }) => id}
      >
        {(user, row) => <Row user={user} row={row} onEdit={() => edited.value = user} />}
      </LongTable>
      {edited.value && (
        <UserDialog
          key={edited.value.id}
          user={edited.value}
          onChange={onChange}
          onDeleted={onDeleted}
          onClose={() => edited.value = null}
        />
      )}
    </>
  );
}

interface UserRowProps {
  user: AdminUserView;
  row: RowProps;
  onEdit: () => void;
}

function Row({ user, row, onEdit }: UserRowProps) {
  const t = texts.value;
  return (
    <tr {...row} class={user.disabled_at === null ? undefined : tableStyle.faded}>
      <th scope="row">
        {user.email}{" "}
        {user.role === "admin" && (
          <span class={chipStyle.soft}>{messages.value.nav.roles.admin}</span>
        )}
        {user.disabled_at !== null && <span class={chipStyle.soft}>{t.disabled}</span>}
        {user.groups.length > 0 && <div class="hint">{formatList(user.groups)}</div>}
      </th>
      <td data-label={t.userColumns.since} class={tableStyle.unbroken}>
        {formatDay(user.created_at)}
      </td>
      <td data-label={t.userColumns.made} class={tableStyle.number}>
        {formatNumber(user.total_api_calls)}
      </td>
      <td data-label={t.userColumns.provided} class={tableStyle.number}>
        {formatNumber(user.total_provided_calls)}
      </td>
      <td data-label={t.userColumns.tokens} class={tableStyle.number}>
        {formatShort(user.recent_tokens)}
      </td>
      <td data-label={t.userColumns.keys} class={tableStyle.number}>{formatNumber(user.keys)}</td>
      <td data-label={t.userColumns.nodes} class={tableStyle.number}>{formatNumber(user.nodes)}</td>
      <td data-label={t.userColumns.rpm} class={tableStyle.number}>
        {user.rpm === null ? t.asDefault : formatNumber(user.rpm)}
      </td>
      <td class={tableStyle.tight}>
        <button
          type="button"
          class={buttonClass("small")}
          aria-label={t.editUser(user.email)}
          onClick={onEdit}
        >
          <Icon name="edit" /> {t.edit}
        </button>
      </td>
    </tr>
  );
}
