/** A node's new token, which is shown only once. */

import { useSignal } from "@preact/signals";
import { CopyField } from "../../part/CopyField.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { messages } from "../../state/locale.ts";
import { buttonClass } from "../../part/button.ts";
import * as buttonStyle from "../../part/button.module.css";
import { texts } from "./texts.ts";

export function NewTokenDialog({ token, onClose }: { token: string; onClose: () => void }) {
  const t = texts.value;
  const isOpen = useSignal(true);
  return (
    <Dialog isOpen={isOpen} title={t.newToken} text={t.newTokenText} width="wide" onClose={onClose}>
      <CopyField
        label={messages.value.keys.nodeToken}
        hint={messages.value.keys.kinds.client}
        value={token}
      />
      <div class={buttonStyle.actionsEnd}>
        <button
          type="button"
          class={buttonClass("primary")}
          onClick={() =>
            isOpen.value = false}
        >
          {messages.value.keys.saved}
        </button>
      </div>
    </Dialog>
  );
}
