/** A field in which one of many is looked for by its name. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { messages } from "../state/locale.ts";
import * as formStyle from "./form.module.css";
import { distinct, isChosen, matches, type Option } from "./pick.ts";

interface Props {
  label: string;
  /** Undefined: not known yet. */
  options: readonly Option[] | undefined;
  onPick: (id: string) => void;
  /** Called when the options may be needed. */
  onOpen?: () => void;
}

export function PickField({ label, options, onPick, onOpen }: Props) {
  const id = useId();
  /** What was looked for and picked nothing. */
  const missed = useSignal("");
  const named = options && distinct(options);
  const pick = (input: HTMLInputElement, isWhole: boolean) => {
    const typed = input.value.trim();
    const found = named && typed !== "" ? matches(named, typed) : [];
    const only = found.length === 1 ? found[0] : undefined;
    if (only && (isWhole || only.name === typed)) {
      input.value = "";
      missed.value = "";
      onPick(only.id);
    } else {
      missed.value = isWhole ? typed : "";
    }
  };
  const problem = named && missed.value !== ""
    ? messages.value.pick(missed.value, matches(named, missed.value).length)
    : "";
  return (
    <div>
      <input
        class={formStyle.select}
        list={id}
        aria-label={label}
        aria-invalid={problem !== ""}
        aria-describedby={`${id}-problem`}
        placeholder={label}
        autocomplete="off"
        spellcheck={false}
        onFocus={onOpen}
        onInput={(event) => {
          if (isChosen((event as InputEvent).inputType)) pick(event.currentTarget, false);
          else missed.value = "";
        }}
        onChange={(event) => pick(event.currentTarget, true)}
      />
      <datalist id={id}>
        {named?.map((option) => <option key={option.id} value={option.name} />)}
      </datalist>
      <p class={formStyle.problem} id={`${id}-problem`} role="status">{problem}</p>
    </div>
  );
}
