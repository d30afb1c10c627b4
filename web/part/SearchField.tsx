/** The filter of a page's list; the `/` key moves the focus to it. */

import { Icon } from "./Icon.tsx";
import * as style from "./SearchField.module.css";

interface Props {
  label: string;
  value: string;
  onInput: (value: string) => void;
}

export function SearchField({ label, value, onInput }: Props) {
  return (
    <div class={style.search}>
      <Icon name="search" />
      <input
        type="search"
        data-filter
        aria-label={label}
        placeholder={label}
        spellcheck={false}
        autocomplete="off"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}
