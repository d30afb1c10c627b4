/** One of a few, all in sight: radio buttons in a row, with the keys that radio buttons have. */

import type { Signal } from "@preact/signals";
import { useId } from "preact/hooks";

interface Props<T extends string> {
  label: string;
  options: readonly T[];
  value: Signal<T>;
}

export function Choice<T extends string>({ label, options, value }: Props<T>) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="off-screen">{label}</legend>
      {options.map((option) => (
        <label key={option}>
          <input
            type="radio"
            name={name}
            checked={value.value === option}
            onChange={() => value.value = option}
          />
          <span>{option}</span>
        </label>
      ))}
    </fieldset>
  );
}
