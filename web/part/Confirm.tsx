/** Asks for confirmation of an action that cannot be undone. */

import type { Signal } from "@preact/signals";
import { messages } from "../state/locale.ts";
import { useSubmit } from "../state/submit.ts";
import { Dialog } from "./Dialog.tsx";
import { ErrorNotice } from "./Notice.tsx";
import { buttonClass } from "./button.ts";
import * as buttonStyle from "./button.module.css";

interface Props {
  isOpen: Signal<boolean>;
  title: string;
  text: string;
  /** Label of the confirming button. */
  action: string;
  onConfirm: () => Promise<void>;
  /** Called once the dialog is closed, confirmed or not. */
  onClose?: () => void;
}

export function Confirm({ isOpen, title, text, action, onConfirm, onClose }: Props) {
  const { isBusy, error, run } = useSubmit();
  const confirm = () =>
    run(async () => {
      await onConfirm();
      isOpen.value = false;
    });
  return (
    <Dialog isOpen={isOpen} title={title} text={text} onClose={onClose}>
      {error.value && <ErrorNotice error={error.value} />}
      <div class={buttonStyle.actionsEnd}>
        <button type="button" class={buttonClass()} onClick={() => isOpen.value = false}>
          {messages.value.cancel}
        </button>
        <button
          type="button"
          class={buttonClass("danger")}
          aria-disabled={isBusy.value}
          onClick={confirm}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
