/** A choice of one among a few: radio buttons in a row. */

import type { Signal } from "@preact/signals";
import { useId } from "preact/hooks";
import * as style from "./Choice.module.css";

interface Props<T extends string> {
  label: string;
  options: readonly T[];
  value: Signal<T>;
  /** The label of an option; default: the option itself. */
  name?: (option: T) => string;
}

export function Choice<T extends string>({ value, ...props }: Props<T>) {
  return <Choices {...props} chosen={value.value} onChoose={(option) => value.value = option} />;
}

type ChoicesProps<T extends string> = Omit<Props<T>, "value"> & {
  chosen: T;
  onChoose: (option: T) => void;
};

/** The same, for a choice that is not in a signal, such as one in the page's address. */
export function Choices<T extends string>(
  { label, options, chosen, onChoose, name = (option) => option }: ChoicesProps<T>,
) {
  const group = useId();
  return (
    <fieldset class={style.choice}>
      <legend class="off-screen">{label}</legend>
      {options.map((option) => (
        <label key={option}>
          <input
            type="radio"
            name={group}
            checked={chosen === option}
            onChange={() => onChoose(option)}
          />
          <span>{name(option)}</span>
        </label>
      ))}
    </fieldset>
  );
}
