/** A labelled input with its hint and problem. */

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { messages } from "../state/locale.ts";
import { Icon } from "./Icon.tsx";
import { buttonClass } from "./button.ts";
import * as formStyle from "./form.module.css";

const types = {
  text: { type: "text" },
  email: { type: "email" },
  password: { type: "password" },
  number: { type: "number", inputMode: "numeric", min: 0 },
} as const;

interface Props {
  label: string;
  name: string;
  type?: keyof typeof types;
  autocomplete?: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string | undefined;
  placeholder?: string;
  /** The id of a `datalist` with what may be chosen. */
  list?: string;
  /** Shown beside the field and announced by screen readers. */
  problem?: string | undefined;
}

export function Field({ label, name, type = "text", hint, problem, value, ...rest }: Props) {
  const id = useId();
  const isShown = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (problem !== undefined) leadTo(input.current);
  }, [problem]);
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div class={formStyle.field}>
      <label for={id}>{label}</label>
      <div class={formStyle.box}>
        <input
          ref={input}
          id={id}
          name={name}
          {...types[isShown.value ? "text" : type] as typeof types.text}
          autocomplete={rest.autocomplete}
          placeholder={rest.placeholder}
          list={rest.list}
          autocapitalize="off"
          spellcheck={false}
          value={value}
          onInput={(event) => rest.onInput(event.currentTarget.value)}
          aria-invalid={problem !== undefined}
          aria-describedby={described || undefined}
        />
        {type === "password" && (
          <button
            type="button"
            class={buttonClass("iconOnly")}
            aria-label={messages.value.account.showPassword}
            aria-pressed={isShown.value}
            onClick={() => isShown.value = !isShown.value}
          >
            <Icon name={isShown.value ? "eyeOff" : "eye"} />
          </button>
        )}
      </div>
      {problem && <p class={formStyle.problem} id={`${id}-problem`}>{problem}</p>}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}

/** Moves the focus to the first field of a form that has a problem, which screen readers then announce. */
function leadTo(field: HTMLInputElement | null): void {
  if (field?.form?.querySelector("[aria-invalid=true]") === field) field?.focus();
}
