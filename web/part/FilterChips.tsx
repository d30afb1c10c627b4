/** The filters in use, each with a button that removes it. */

import { messages } from "../state/locale.ts";
import * as chipStyle from "./chip.module.css";
import { Icon } from "./Icon.tsx";

interface Props<N extends string> {
  filters: readonly { name: N; value: string; text: string }[];
  onRemove: (name: N) => void;
}

export function FilterChips<N extends string>({ filters, onRemove }: Props<N>) {
  const t = messages.value.dashboard;
  return (
    <ul class={chipStyle.chips} aria-label={t.narrowed}>
      {filters.map(({ name, value, text }) => (
        <li key={name}>
          <button
            type="button"
            class={chipStyle.chip}
            aria-label={t.widen(value)}
            onClick={() => onRemove(name)}
          >
            {text} <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
