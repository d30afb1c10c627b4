/** The browser's modal dialog: keeps the focus, closes on Escape and returns the focus. */

import type { ComponentChildren } from "preact";
import type { Signal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { messages } from "../state/locale.ts";
import { Icon } from "./Icon.tsx";
import { useModal } from "./use_modal.ts";
import { buttonClass } from "./button.ts";
import * as style from "./Dialog.module.css";

interface Props {
  isOpen: Signal<boolean>;
  title: string;
  /** A sentence below the title. */
  text?: string | undefined;
  /** A sheet stands at the window's lower edge. */
  width?: "narrow" | "wide" | "sheet";
  /** Called once the dialog is closed. */
  onClose?: (() => void) | undefined;
  /** Mounted only while the dialog is open, so that its state starts afresh each time. */
  children: ComponentChildren;
}

const widths = { narrow: "", wide: style.wide, sheet: style.sheet } as const;

export function Dialog({ isOpen, title, text, width = "narrow", onClose, children }: Props) {
  const dialog = useModal(isOpen);
  const id = useId();
  // What had the focus may be gone with what the dialog showed before, as the form of a key that is made.
  useEffect(() => {
    const heading = document.getElementById(`${id}-title`);
    if (isOpen.value && !dialog.current?.contains(document.activeElement)) heading?.focus();
  }, [title]);
  const close = () => {
    isOpen.value = false;
  };
  return (
    <dialog
      ref={dialog}
      class={`${style.dialog} ${widths[width]}`}
      aria-labelledby={`${id}-title`}
      aria-describedby={text ? `${id}-text` : undefined}
      onClose={() => {
        close();
        onClose?.();
      }}
    >
      <div class={style.head}>
        {/* Focused first: it is read out, and a stray Enter presses no button. */}
        <h2 id={`${id}-title`} tabIndex={-1} autofocus>{title}</h2>
        <button
          type="button"
          class={buttonClass("iconOnly")}
          aria-label={messages.value.close}
          onClick={close}
        >
          <Icon name="close" />
        </button>
      </div>
      {text && <p id={`${id}-text`}>{text}</p>}
      {isOpen.value && children}
    </dialog>
  );
}
