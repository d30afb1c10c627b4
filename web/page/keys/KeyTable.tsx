/** Keys in a table: what each may do, when it was used, and what can be done with it. */

import { useSignal } from "@preact/signals";
import type { KeyView } from "../../../protocol/api.ts";
import { api } from "../../api.ts";
import { Confirm } from "../../part/Confirm.tsx";
import { Icon } from "../../part/Icon.tsx";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import { formatAge, formatMoment, formatNumber, messages } from "../../state/locale.ts";
import { EditDialog } from "./EditDialog.tsx";
import { RotateDialog } from "./RotateDialog.tsx";

interface Props {
  keys: readonly KeyView[];
  onChange: () => void;
}

export function KeyTable({ keys, onChange }: Props) {
  const t = messages.value.keys.columns;
  return (
    <div class="table-box">
      <table class="table cards">
        <thead>
          <tr>
            <th scope="col">{t.name}</th>
            <th scope="col">{t.token}</th>
            <th scope="col">{t.lastUsed}</th>
            <th scope="col">{t.models}</th>
            <th scope="col" class="number">{t.rpm}</th>
            <th scope="col">{t.expires}</th>
            <th scope="col">
              <span class="off-screen">{t.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => <Row key={key.id} entry={key} onChange={onChange} />)}
        </tbody>
      </table>
    </div>
  );
}

function Row({ entry, onChange }: { entry: KeyView; onChange: () => void }) {
  const t = messages.value.keys;
  const nowMs = serverNow(now.value);
  const { name, kind, hint, state, last_used_at, models, rpm, expires_at } = entry;
  return (
    <tr>
      <th scope="row">
        {name} {kind === "client" && <span class="chip soft">{t.kinds.client}</span>}
        {state === "replaced" && <span class="chip soft">{t.replaced}</span>}
      </th>
      <td data-label={t.columns.token}>
        <code>{hint}</code>
      </td>
      <td data-label={t.columns.lastUsed}>
        {last_used_at === null ? t.never : formatAge(Math.max(0, nowMs - last_used_at))}
      </td>
      <td data-label={t.columns.models}>{models === null ? t.allModels : models.join(", ")}</td>
      <td data-label={t.columns.rpm} class="number">
        {rpm === null ? t.noLimit : formatNumber(rpm)}
      </td>
      <td data-label={t.columns.expires}>
        {expires_at === null ? t.noEnd : <Expiry atMs={expires_at} nowMs={nowMs} />}
      </td>
      <td class="tight">
        <Actions entry={entry} onChange={onChange} />
      </td>
    </tr>
  );
}

const SOON_MS = 7 * 86_400_000;

function Expiry({ atMs, nowMs }: { atMs: number; nowMs: number }) {
  const isSoon = atMs - nowMs < SOON_MS;
  return (
    <span class={isSoon ? "soon" : undefined}>
      {isSoon && <Icon name="warning" />} {formatMoment(atMs)}
    </span>
  );
}

function Actions({ entry, onChange }: { entry: KeyView; onChange: () => void }) {
  const t = messages.value.keys;
  const isEditing = useSignal(false);
  const isRotating = useSignal(false);
  const isRevoking = useSignal(false);
  const revoke = async () => {
    await api.revokeKey(entry.id);
    onChange();
  };
  const open = (dialog: { value: boolean }) => () => dialog.value = true;
  return (
    <div class="actions end">
      {entry.state === "active" && (
        <>
          <Tool icon="edit" label={t.edit(entry.name)} onClick={open(isEditing)} />
          <Tool icon="rotate" label={t.rotate(entry.name)} onClick={open(isRotating)} />
        </>
      )}
      <Tool icon="trash" label={t.revoke(entry.name)} onClick={open(isRevoking)} />
      {isEditing.value && (
        <EditDialog
          entry={entry}
          onChange={onChange}
          onClose={() => isEditing.value = false}
        />
      )}
      {isRotating.value && (
        <RotateDialog
          entry={entry}
          onChange={onChange}
          onClose={() => isRotating.value = false}
        />
      )}
      <Confirm
        isOpen={isRevoking}
        title={t.revokeTitle(entry.name)}
        text={t.revokeText}
        action={t.revokeAction}
        onConfirm={revoke}
      />
    </div>
  );
}

interface ToolProps {
  icon: "edit" | "rotate" | "trash";
  label: string;
  onClick: () => void;
}

function Tool({ icon, label, onClick }: ToolProps) {
  return (
    <button
      type="button"
      class="button icon-only small"
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
