/** Invites: created with a note, copied as a link, revoked. */

import { useSignal } from "@preact/signals";
import type { CreatedInvite, InviteView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { CopyButton } from "../../part/CopyButton.tsx";
import { ErrorNotice, Notice } from "../../part/Notice.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { Table } from "../../part/Table.tsx";
import { useChanging } from "../../state/changing.ts";
import { useGatewayAddress } from "../../state/address.ts";
import { formatMoment } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { CreateForm } from "./CreateForm.tsx";
import { Listed } from "./Listed.tsx";
import { buttonClass } from "../../part/button.ts";
import { texts } from "./texts.ts";
import * as style from "./Invites.module.css";
import * as tableStyle from "../../part/Table.module.css";

export function Invites() {
  const t = texts.value;
  const { live, reload } = useChanging("invites", api.invites);
  const { data, error } = live.value;
  return (
    <section>
      <NewInvite onChange={reload} />
      <Listed
        items={data?.invites}
        error={error}
        empty={{ icon: "user", title: t.noInvitesTitle, text: t.noInvitesText }}
      >
        {(invites) => <InviteTable invites={invites} onChange={reload} />}
      </Listed>
    </section>
  );
}

const days = ["1", "7", "30"] as const;

function NewInvite({ onChange }: { onChange: () => void }) {
  const t = texts.value;
  const lifetime = useSignal<typeof days[number]>("7");
  const created = useSignal<CreatedInvite | null>(null);
  return (
    <CreateForm
      fields={{ note: { label: t.note, placeholder: t.notePlaceholder } }}
      action={t.invite}
      onSubmit={async ({ note }) => {
        created.value = await api.createInvite({
          note: note.trim() || undefined,
          days: Number(lifetime.value),
        });
        onChange();
      }}
      after={created.value && <InviteLink code={created.value.code} />}
    >
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
  const t = texts.value;
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
  return email === DELETED ? texts.value.deletedAccount : email;
}

interface InviteTableProps {
  invites: readonly InviteView[];
  onChange: () => void;
}

function InviteTable({ invites, onChange }: InviteTableProps) {
  const t = texts.value;
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
                  {texts.value.revoke}
                </button>
              )}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}
