/** The filters in use, each with a button that removes it. */

import { messages } from "../state/locale.ts";
import type { Choices } from "../state/url.ts";
import * as chipStyle from "./chip.module.css";
import { Icon } from "./Icon.tsx";

interface Props<N extends string> {
  /** The filters in use, by their names in the address. */
  names: readonly N[];
  choices: Choices;
  /** Whether Back restores a removed filter. */
  isStep?: boolean;
  /** What precedes a filter's value; default: nothing. */
  labelOf?: (name: N) => string;
  /** A filter's value as people know it; default: as in the address. */
  valueOf?: (name: N, value: string) => string;
}

export function FilterChips<N extends string>(
  { names, choices, isStep, labelOf, valueOf = (_, value) => value }: Props<N>,
) {
  const t = messages.value.dashboard;
  return (
    <ul class={chipStyle.chips} aria-label={t.narrowed}>
      {names.map((name) => (
        <li key={name}>
          <button
            type="button"
            class={chipStyle.chip}
            aria-label={t.widen(valueOf(name, choices.get(name)))}
            onClick={() => choices.set({ [name]: "" }, isStep)}
          >
            {labelOf?.(name)} {valueOf(name, choices.get(name))} <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
