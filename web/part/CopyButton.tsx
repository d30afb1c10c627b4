/** A button that copies a text to the clipboard and shows whether that succeeded. */

import { useSignal } from "@preact/signals";
import { messages } from "../state/locale.ts";
import { Icon } from "./Icon.tsx";
import { buttonClass } from "./button.ts";

/** How long the button shows the result. */
const RESULT_MS = 2000;

/** `label` names the copied text for screen readers. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const result = useSignal<"copied" | "copyFailed" | null>(null);
  const t = messages.value;

  const onClick = async () => {
    result.value = await copy(text) ? "copied" : "copyFailed";
    setTimeout(() => result.value = null, RESULT_MS);
  };

  const shown = result.value ? t[result.value] : t.copy;
  return (
    <button
      type="button"
      class={buttonClass("small")}
      onClick={onClick}
      aria-label={`${shown}: ${label}`}
    >
      <Icon name={result.value === "copied" ? "check" : "copy"} />
      <span role="status">{shown}</span>
    </button>
  );
}

/** Falls back to a selection, because the clipboard API exists on HTTPS and localhost only. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
