/** Creates a key; then shows its token once, with code for a first call. */

import { useSignal } from "@preact/signals";
import type { CreatedKey } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { messages } from "../../state/locale.ts";
import { FreshKey } from "./FreshKey.tsx";
import { KeyForm } from "./KeyForm.tsx";
import { noLimits } from "./limits.ts";

interface Props {
  onChange: () => void;
  onClose: () => void;
}

export function KeyDialog({ onChange, onClose }: Props) {
  const t = messages.value.keys;
  const isOpen = useSignal(true);
  const created = useSignal<CreatedKey | null>(null);
  const close = () => {
    isOpen.value = false;
  };
  const title = created.value ? t.created(created.value.key.name) : t.create;
  return (
    <Dialog
      isOpen={isOpen}
      title={title}
      text={created.value ? t.once : undefined}
      width={created.value ? "wide" : "narrow"}
      onClose={onClose}
    >
      {created.value ? <FreshKey created={created.value} done={t.saved} onDone={close} /> : (
        <KeyForm
          before={null}
          initial={noLimits}
          action={t.create}
          onCancel={close}
          onSubmit={async (limits) => {
            created.value = await api.createKey(limits);
            onChange();
          }}
        />
      )}
    </Dialog>
  );
}
