/** The dialog of an action on a key. Stays open when the key disappears from the list meanwhile. */

import { useSignal } from "@preact/signals";
import type { KeyView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Confirm } from "../../part/Confirm.tsx";
import { messages } from "../../state/locale.ts";
import { EditDialog } from "./EditDialog.tsx";
import type { KeyTool } from "./KeyTable.tsx";
import { RotateDialog } from "./RotateDialog.tsx";

interface Props {
  entry: KeyView;
  onChange: () => void;
  onClose: () => void;
}

const dialogs = { edit: EditDialog, rotate: RotateDialog, revoke: RevokeDialog };

export function KeyToolDialog({ tool, ...props }: Props & { tool: KeyTool }) {
  const Dialog = dialogs[tool];
  return <Dialog {...props} />;
}

function RevokeDialog({ entry, onChange, onClose }: Props) {
  const t = messages.value.keys;
  return (
    <Confirm
      isOpen={useSignal(true)}
      title={t.revokeTitle(entry.name)}
      text={t.revokeText}
      action={t.revokeAction}
      onConfirm={async () => {
        await api.revokeKey(entry.id);
        onChange();
      }}
      onClose={onClose}
    />
  );
}
