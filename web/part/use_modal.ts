/** Opens and closes the browser's modal dialog with a signal. */

import type { Signal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/** For the `ref` of a `<dialog>`. Opens it in a layout effect, so that the next key already reaches it. */
export function useModal(isOpen: Signal<boolean>): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    if (isOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen.value]);
  return dialog;
}
