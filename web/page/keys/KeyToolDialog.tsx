/** The dialog of an action on a key. Stays open when the key disappears from the list meanwhile. */

import { useSignal } from "@preact/signals";
import type { KeyView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Confirm } from "../../part/Confirm.tsx";
import { messages } from "../../state/locale.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { EditDialog } from "./EditDialog.tsx";
import { FreshKey } from "./FreshKey.tsx";
import type { KeyTool } from "./KeyTable.tsx";
import { nameOf } from "./limits.ts";
import { RotateDialog } from "./RotateDialog.tsx";

interface Props {
  entry: KeyView;
  /** The account's own token of that kind. */
  token: string;
  onChange: () => void;
  onClose: () => void;
}

const dialogs = { use: UseDialog, edit: EditDialog, rotate: RotateDialog, revoke: RevokeDialog };

export function KeyToolDialog({ tool, ...props }: Props & { tool: KeyTool }) {
  const Dialog = dialogs[tool];
  return <Dialog {...props} />;
}

/** What to do with one of the account's own tokens, which stay copyable. */
function UseDialog({ entry, token, onClose }: Props) {
  const t = messages.value;
  const isOpen = useSignal(true);
  return (
    <Dialog
      isOpen={isOpen}
      title={t.keys.use(nameOf(entry))}
      text={t.keys.useText[entry.kind]}
      width="wide"
      onClose={onClose}
    >
      <FreshKey
        created={{ key: entry, token }}
        done={t.close}
        onDone={() => isOpen.value = false}
      />
    </Dialog>
  );
}

function RevokeDialog({ entry, onChange, onClose }: Props) {
  const t = messages.value.keys;
  return (
    <Confirm
      isOpen={useSignal(true)}
      title={t.revokeTitle(nameOf(entry))}
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
