/** Asks before something is done that cannot be undone. */

import type { Signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { messages } from "../state/locale.ts";
import { useSubmit } from "../state/submit.ts";
import { ErrorNotice } from "./Notice.tsx";

interface Props {
  isOpen: Signal<boolean>;
  title: string;
  text: string;
  /** On the button that does it. */
  action: string;
  onConfirm: () => Promise<void>;
}

/** The browser's own modal dialog: it holds the focus, closes on Escape and gives the focus back. */
export function Confirm({ isOpen, title, text, action, onConfirm }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const { isBusy, error, run } = useSubmit();

  useEffect(() => {
    if (!isOpen.value) return dialog.current?.close();
    dialog.current?.showModal();
  }, [isOpen.value]);

  const confirm = () =>
    run(async () => {
      await onConfirm();
      isOpen.value = false;
    });

  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      onClose={() => isOpen.value = false}
    >
      <h2 id={`${id}-title`}>{title}</h2>
      <p id={`${id}-text`}>{text}</p>
      {error.value && <ErrorNotice error={error.value} />}
      <div class="actions end">
        <button type="button" class="button" onClick={() => isOpen.value = false}>
          {messages.value.cancel}
        </button>
        <button type="button" class="button danger" aria-disabled={isBusy.value} onClick={confirm}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
