/** The system prompt and the sampling parameters. */

import { useId } from "preact/hooks";
import { messages } from "../../state/locale.ts";
import type { Parameters } from "./chat_request.ts";
import type { Conversation } from "./conversation.ts";
import * as style from "./Settings.module.css";
import * as formStyle from "../../part/form.module.css";

interface Range {
  name: keyof Parameters;
  min: number;
  max: number;
  step: number;
}

const ranges: readonly Range[] = [
  { name: "temperature", min: 0, max: 2, step: 0.1 },
  { name: "topP", min: 0, max: 1, step: 0.05 },
  { name: "maxTokens", min: 1, max: 1_000_000, step: 1 },
];

interface Props {
  conversation: Conversation;
}

/** Beside the conversation. */
export function Settings({ conversation }: Props) {
  return (
    <aside class={style.settings} aria-label={messages.value.playground.settings}>
      <SettingFields conversation={conversation} />
    </aside>
  );
}

export function SettingFields({ conversation }: Props) {
  const t = messages.value.playground;
  const id = useId();
  const set = (name: keyof Parameters, value: number | null) =>
    conversation.parameters.value = { ...conversation.parameters.value, [name]: value };
  return (
    <>
      <div class={formStyle.field}>
        <label for={id}>{t.system}</label>
        <textarea
          id={id}
          rows={6}
          placeholder={t.systemPlaceholder}
          value={conversation.system.value}
          onInput={(event) => conversation.system.value = event.currentTarget.value}
        />
      </div>
      {ranges.map((range) => (
        <NumberField
          key={range.name}
          range={range}
          label={t.parameters[range.name].label}
          hint={t.parameters[range.name].hint}
          value={conversation.parameters.value[range.name]}
          onChange={(value) => set(range.name, value)}
        />
      ))}
    </>
  );
}

interface NumberProps {
  range: Range;
  label: string;
  hint: string;
  value: number | null;
  onChange: (value: number | null) => void;
}

/** Empty means the model's default. */
function NumberField({ range: { min, max, step }, label, hint, value, onChange }: NumberProps) {
  const id = useId();
  return (
    <div class={formStyle.field}>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={min}
        max={max}
        step={step}
        placeholder={messages.value.playground.asModel}
        defaultValue={value ?? ""}
        aria-describedby={`${id}-hint`}
        onInput={({ currentTarget: input }) => {
          const isGood = input.value !== "" && input.validity.valid;
          onChange(isGood ? input.valueAsNumber : null);
        }}
      />
      <p class="hint" id={`${id}-hint`}>{hint}</p>
    </div>
  );
}
