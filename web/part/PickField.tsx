/** A field in which one of many is looked for by its name. */

import { useId } from "preact/hooks";
import * as formStyle from "./form.module.css";
import { distinct, isChosen, onlyMatch, type Option } from "./pick.ts";

interface Props {
  label: string;
  options: readonly Option[];
  onPick: (id: string) => void;
  /** Called when the options may be needed. */
  onOpen?: () => void;
}

export function PickField({ label, options, onPick, onOpen }: Props) {
  const id = useId();
  const named = distinct(options);
  const pick = (input: HTMLInputElement, isWhole: boolean) => {
    const typed = input.value.trim();
    const found = named.find(({ name }) => name === typed) ??
      (isWhole ? onlyMatch(named, typed) : undefined);
    if (found === undefined) return;
    input.value = "";
    onPick(found.id);
  };
  return (
    <>
      <input
        class={formStyle.select}
        list={id}
        aria-label={label}
        placeholder={label}
        autocomplete="off"
        spellcheck={false}
        onFocus={onOpen}
        onInput={(event) => {
          if (isChosen((event as InputEvent).inputType)) pick(event.currentTarget, false);
        }}
        onChange={(event) => pick(event.currentTarget, true)}
      />
      <datalist id={id}>
        {named.map((option) => <option key={option.id} value={option.name} />)}
      </datalist>
    </>
  );
}
