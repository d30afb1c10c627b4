/** Invites: created with a note, copied as a link, revoked. */

import { useSignal } from "@preact/signals";
import type { CreatedInvite, InviteView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { CopyButton } from "../../part/CopyButton.tsx";
import { Empty } from "../../part/Empty.tsx";
import { ErrorNotice, Failure, fieldProblem, Notice } from "../../part/Notice.tsx";
import { Field } from "../../part/Field.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { Table } from "../../part/Table.tsx";
import { useChanging } from "../../state/changing.ts";
import { useGatewayAddress } from "../../state/address.ts";
import { formatMoment, messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { CreateForm } from "./CreateForm.tsx";
import { buttonClass } from "../../part/button.ts";
import * as style from "./Invites.module.css";
import * as tableStyle from "../../part/Table.module.css";

export function Invites() {
  const t = messages.value.admin;
  const { live, reload } = useChanging("invites", api.invites);
  const { data, error } = live.value;
  return (
    <section>
      <NewInvite onChange={reload} />
      <Failure error={error} />
      {!data && !error && <Bones count={2} />}
      {data?.invites.length === 0 && (
        <Empty icon="user" title={t.noInvitesTitle} text={t.noInvitesText} />
      )}
      {data && data.invites.length > 0 && <InviteTable invites={data.invites} onChange={reload} />}
    </section>
  );
}

const days = ["1", "7", "30"] as const;

function NewInvite({ onChange }: { onChange: () => void }) {
  const t = messages.value.admin;
  const note = useSignal("");
  const lifetime = useSignal<typeof days[number]>("7");
  const created = useSignal<CreatedInvite | null>(null);
  const submit = useSubmit();
  const create = async () => {
    created.value = await api.createInvite({
      note: note.value.trim() || undefined,
      days: Number(lifetime.value),
    });
    note.value = "";
    onChange();
  };
  return (
    <CreateForm
      submit={submit}
      fields={["note"]}
      action={t.invite}
      onSubmit={create}
      after={created.value && <InviteLink code={created.value.code} />}
    >
      <Field
        label={t.note}
        name="note"
        autocomplete="off"
        placeholder={t.notePlaceholder}
        value={note.value}
        onInput={(text) => note.value = text}
        problem={fieldProblem(submit.error.value, "note")}
      />
      <SelectField
        label={t.goodFor}
        name="days"
        options={days}
        chosen={lifetime.value}
        nameOf={(one) => t.days(Number(one))}
        onChoose={(one) => lifetime.value = one}
      />
    </CreateForm>
  );
}

function InviteLink({ code }: { code: string }) {
  const t = messages.value.admin;
  const address = useGatewayAddress();
  const link = `${address}/register?invite=${encodeURIComponent(code)}`;
  return (
    <Notice tone="good">
      <p>{t.linkReady}</p>
      <p class={style.link} data-part="invite-link">
        <code>{link}</code> <CopyButton text={link} label={t.link} />
      </p>
    </Notice>
  );
}

/** What the gateway gives in the place of a deleted account's address. */
const DELETED = "deleted account";

function nameOf(email: string | null): string | null {
  return email === DELETED ? messages.value.admin.deletedAccount : email;
}

interface InviteTableProps {
  invites: readonly InviteView[];
  onChange: () => void;
}

function InviteTable({ invites, onChange }: InviteTableProps) {
  const t = messages.value.admin;
  const { isBusy, error, run } = useSubmit();
  const revoke = (id: string) =>
    run(async () => {
      await api.revokeInvite(id);
      onChange();
    });
  return (
    <>
      {error.value && <ErrorNotice error={error.value} />}
      <Table
        columns={[
          { name: t.note },
          { name: t.inviteColumns.state },
          { name: t.inviteColumns.usedBy },
          { name: t.inviteColumns.by },
          { name: t.inviteColumns.until },
        ]}
        hasTools
      >
        {invites.map(({ id, note, state, used_by, created_by, expires_at }) => (
          <tr key={id} class={state === "open" ? undefined : tableStyle.faded}>
            <th scope="row">{note || "–"}</th>
            <td data-label={t.inviteColumns.state}>{t.inviteStates[state]}</td>
            <td data-label={t.inviteColumns.usedBy}>{nameOf(used_by) ?? "–"}</td>
            <td data-label={t.inviteColumns.by}>{nameOf(created_by) ?? t.commandLine}</td>
            <td data-label={t.inviteColumns.until}>{formatMoment(expires_at)}</td>
            <td class={tableStyle.tight}>
              {state === "open" && (
                <button
                  type="button"
                  class={buttonClass("small")}
                  aria-label={t.revokeInvite(note)}
                  aria-disabled={isBusy.value}
                  onClick={() => revoke(id)}
                >
                  {messages.value.admin.revoke}
                </button>
              )}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}
