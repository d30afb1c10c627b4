/** Everybody who has an account: what they use, what they give, and what they may. */

import { useSignal } from "@preact/signals";
import type { AdminUserView } from "../../../protocol/api.ts";
import { api } from "../../api.ts";
import { Failure } from "../../part/Failure.tsx";
import { Icon } from "../../part/Icon.tsx";
import { SearchField } from "../../part/SearchField.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { formatDay, formatNumber, messages } from "../../state/locale.ts";
import { useChoices } from "../../state/url.ts";
import { MoreButton } from "./MoreButton.tsx";
import { usePages } from "./use_pages.ts";
import { UserDialog } from "./UserDialog.tsx";

export function Users() {
  const t = messages.value.admin;
  const choices = useChoices();
  const search = choices.get("q");
  const pages = usePages(async (cursor, signal) => {
    const { users, next_cursor } = await api.users({ search, cursor }, signal);
    return { items: users, next: next_cursor };
  }, search);
  return (
    <section>
      <SearchField label={t.searchUsers} value={search} onInput={(q) => choices.set({ q })} />
      <Failure error={pages.error} />
      {pages.items ? <Table users={pages.items} onChange={pages.again} /> : <Bones count={3} />}
      {pages.items?.length === 0 && <p class="none">{t.nobody}</p>}
      <MoreButton pages={pages} />
    </section>
  );
}

interface TableProps {
  users: readonly AdminUserView[];
  onChange: () => void;
}

function Table({ users, onChange }: TableProps) {
  const t = messages.value.admin.userColumns;
  return (
    <div class="table-box">
      <table class="table cards">
        <thead>
          <tr>
            <th scope="col">{t.email}</th>
            <th scope="col">{t.since}</th>
            <th scope="col" class="number">{t.made}</th>
            <th scope="col" class="number">{t.provided}</th>
            <th scope="col" class="number">{t.keys}</th>
            <th scope="col" class="number">{t.nodes}</th>
            <th scope="col" class="number">{t.rpm}</th>
            <th scope="col">
              <span class="off-screen">{messages.value.keys.columns.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => <Row key={user.id} user={user} onChange={onChange} />)}
        </tbody>
      </table>
    </div>
  );
}

function Row({ user, onChange }: { user: AdminUserView; onChange: () => void }) {
  const t = messages.value.admin;
  const isEditing = useSignal(false);
  return (
    <tr class={user.disabled_at === null ? undefined : "faded"}>
      <th scope="row">
        {user.email}{" "}
        {user.role === "admin" && <span class="chip soft">{messages.value.nav.roles.admin}</span>}
        {user.disabled_at !== null && <span class="chip soft">{t.disabled}</span>}
      </th>
      <td data-label={t.userColumns.since}>{formatDay(user.created_at)}</td>
      <td data-label={t.userColumns.made} class="number">{formatNumber(user.total_api_calls)}</td>
      <td data-label={t.userColumns.provided} class="number">
        {formatNumber(user.total_provided_calls)}
      </td>
      <td data-label={t.userColumns.keys} class="number">{formatNumber(user.keys)}</td>
      <td data-label={t.userColumns.nodes} class="number">{formatNumber(user.nodes)}</td>
      <td data-label={t.userColumns.rpm} class="number">
        {user.rpm === null ? t.asDefault : formatNumber(user.rpm)}
      </td>
      <td class="tight">
        <button
          type="button"
          class="button small"
          aria-label={t.editUser(user.email)}
          onClick={() => isEditing.value = true}
        >
          <Icon name="edit" /> {t.edit}
        </button>
        {isEditing.value && (
          <UserDialog
            user={user}
            onChange={onChange}
            onClose={() => isEditing.value = false}
          />
        )}
      </td>
    </tr>
  );
}
