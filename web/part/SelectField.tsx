/** A labelled choice of one among many. */

import { useId } from "preact/hooks";
import * as formStyle from "./form.module.css";

interface Props<T extends string> {
  label: string;
  name?: string;
  options: readonly T[];
  chosen: T;
  onChoose: (option: T) => void;
  /** The label of an option; default: the option itself. */
  nameOf?: (option: T) => string;
  hint?: string;
  /** Whether the label stands beside the choice, as in a toolbar. */
  isInline?: boolean;
}

export function SelectField<T extends string>(
  { label, name, options, chosen, onChoose, nameOf = (option) => option, hint, isInline }: Props<T>,
) {
  const id = useId();
  return (
    <div class={isInline ? formStyle.inline : formStyle.field}>
      <label for={id}>{label}</label>
      <select
        id={id}
        name={name}
        value={chosen}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChoose(event.currentTarget.value as T)}
      >
        {options.map((option) => <option key={option} value={option}>{nameOf(option)}</option>)}
      </select>
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}
