/** A secret of the user's: masked until shown, copied without being shown. */

import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { messages } from "../state/locale.ts";
import { CopyButton } from "./CopyButton.tsx";
import { Icon } from "./Icon.tsx";
import { buttonClass } from "./button.ts";
import * as style from "./CopyField.module.css";
import * as buttonStyle from "./button.module.css";

interface Props {
  label: string;
  hint: string;
  value: string;
  /** Whether the secret is shown at first. */
  isShownAtFirst?: boolean;
  /** Further buttons. */
  children?: ComponentChildren;
}

export function CopyField({ label, hint, value, isShownAtFirst = false, children }: Props) {
  const t = messages.value;
  const isShown = useSignal(isShownAtFirst);
  return (
    <section class={style.copyField} aria-label={label} data-part="copy-field">
      <div>
        <h3>{label}</h3>
        <p class="hint">{hint}</p>
      </div>
      <code class={style.secret}>{isShown.value ? value : masked(value)}</code>
      <div class={buttonStyle.actions}>
        <CopyButton text={value} label={label} />
        <button
          type="button"
          class={buttonClass("small")}
          aria-pressed={isShown.value}
          aria-label={`${isShown.value ? t.hide : t.show}: ${label}`}
          onClick={() => isShown.value = !isShown.value}
        >
          <Icon name={isShown.value ? "eyeOff" : "eye"} />
          {isShown.value ? t.hide : t.show}
        </button>
        {children}
      </div>
    </section>
  );
}

/** Keeps the prefix and the last four characters readable, to tell secrets apart. */
export function masked(value: string): string {
  const kind = /^(sk-colink-|client-)/.exec(value)?.[0] ?? "";
  return `${kind}••••••••${value.slice(-4)}`;
}
