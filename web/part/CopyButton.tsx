/** A button that puts a text on the clipboard and says whether it did. */

import { useSignal } from "@preact/signals";
import { messages } from "../state/locale.ts";
import { Icon } from "./Icon.tsx";

/** How long the button says what happened. */
const SAID_MS = 2000;

/** `label` names what is copied, for those who cannot see what the button stands beside. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const said = useSignal<"copied" | "copyFailed" | null>(null);
  const t = messages.value;

  const onClick = async () => {
    said.value = await copy(text) ? "copied" : "copyFailed";
    setTimeout(() => said.value = null, SAID_MS);
  };

  const shown = said.value ? t[said.value] : t.copy;
  return (
    <button type="button" class="button small" onClick={onClick} aria-label={`${shown}: ${label}`}>
      <Icon name={said.value === "copied" ? "check" : "copy"} />
      <span role="status">{shown}</span>
    </button>
  );
}

/** The clipboard's own way exists on HTTPS and localhost only; a gateway in a home network is neither. */
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
