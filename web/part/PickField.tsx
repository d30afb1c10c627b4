/** A field in which one of many is looked for by its name. */

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
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
  /** What was looked for and picked nothing, and how many names it fits. */
  const missed = useSignal<{ typed: string; names: number } | null>(null);
  const field = useRef<HTMLInputElement>(null);
  /** Whether a text was entered before the options were known. */
  const isWaiting = useRef(false);
  const named = options && distinct(options);
  const pick = (input: HTMLInputElement, isWhole: boolean) => {
    const typed = input.value.trim();
    isWaiting.current = named === undefined && isWhole;
    const found = named && typed !== "" ? matches(named, typed) : [];
    const only = found.length === 1 ? found[0] : undefined;
    if (only && (isWhole || only.name === typed)) {
      input.value = "";
      missed.value = null;
      onPick(only.id);
    } else {
      const isMissed = named !== undefined && isWhole && typed !== "";
      missed.value = isMissed ? { typed, names: found.length } : null;
    }
  };
  const isKnown = named !== undefined;
  useEffect(() => {
    if (isKnown && isWaiting.current && field.current) pick(field.current, true);
  }, [isKnown]);
  const problem = missed.value === null
    ? ""
    : messages.value.pick(missed.value.typed, missed.value.names);
  return (
    <div>
      <input
        ref={field}
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
          else {
            missed.value = null;
            isWaiting.current = false;
          }
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
