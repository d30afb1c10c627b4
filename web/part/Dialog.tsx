/** The browser's own modal dialog: it holds the focus, closes on Escape and gives the focus back. */

import type { ComponentChildren } from "preact";
import type { Signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { messages } from "../state/locale.ts";
import { Icon } from "./Icon.tsx";
import { useModal } from "./use_modal.ts";

interface Props {
  isOpen: Signal<boolean>;
  title: string;
  /** A sentence under the title. */
  text?: string;
  width?: "narrow" | "wide";
  /** Told once it is closed, whichever way. */
  onClose?: () => void;
  /** Drawn while it is open only, so that what it holds starts afresh each time. */
  children: ComponentChildren;
}

export function Dialog({ isOpen, title, text, width = "narrow", onClose, children }: Props) {
  const dialog = useModal(isOpen);
  const id = useId();
  const close = () => {
    isOpen.value = false;
  };
  return (
    <dialog
      ref={dialog}
      class={`dialog ${width}`}
      aria-labelledby={`${id}-title`}
      aria-describedby={text ? `${id}-text` : undefined}
      onClose={() => {
        close();
        onClose?.();
      }}
    >
      <div class="dialog-head">
        {/* Read first, and no button is pressed by an Enter too many. */}
        <h2 id={`${id}-title`} tabIndex={-1} autofocus>{title}</h2>
        <button
          type="button"
          class="button icon-only"
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
