/** Changes a key's name and limits. */

import { useSignal } from "@preact/signals";
import type { KeyView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { messages } from "../../state/locale.ts";
import { KeyForm } from "./KeyForm.tsx";
import { limitsOf, nameOf } from "./limits.ts";

interface Props {
  entry: KeyView;
  onChange: () => void;
  onClose: () => void;
}

export function EditDialog({ entry, onChange, onClose }: Props) {
  const isOpen = useSignal(true);
  const close = () => {
    isOpen.value = false;
  };
  return (
    <Dialog isOpen={isOpen} title={messages.value.keys.edit(nameOf(entry))} onClose={onClose}>
      <KeyForm
        before={entry}
        initial={limitsOf(entry)}
        action={messages.value.save}
        onCancel={close}
        onSubmit={async ({ name, ...limits }) => {
          await api.changeKey(entry.id, { ...limits, ...(name !== "" && { name }) });
          onChange();
          close();
        }}
      />
    </Dialog>
  );
}
