/** The bar above the conversation: its models and actions. */

import type { Signal } from "@preact/signals";
import { Icon, type IconName } from "../../part/Icon.tsx";
import { type ChatModels, withModels } from "../../state/chat_models.ts";
import { messages } from "../../state/locale.ts";
import type { Conversation } from "./conversation.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./Toolbar.module.css";
import * as buttonStyle from "../../part/button.module.css";

interface Props {
  conversation: Conversation;
  /** Models online now; null until known. */
  models: readonly ChatModels[] | null;
  areSettingsOpen: Signal<boolean>;
  onNew: () => void;
  onCode: () => void;
  onHistory: () => void;
}

export function Toolbar({ conversation, models, areSettingsOpen, ...on }: Props) {
  const t = messages.value.playground;
  const chosen = conversation.models.value;
  const isComparing = chosen.length > 1;
  const choose = (column: number, model: string) =>
    conversation.models.value = chosen.map((one, i) => (i === column ? model : one));
  const compare = () => {
    const [first = ""] = chosen;
    const names = namesIn(models);
    const both = [first, ""];
    // Before models are known, the second stays empty until they are.
    const compared = names ? withModels(both, first, names) : both;
    conversation.models.value = isComparing ? [first] : compared;
  };
  return (
    <div class={style.bar}>
      <div class={style.models}>
        {chosen.map((model, column) => (
          <ModelPicker
            key={column}
            label={isComparing ? t.modelOf(column + 1) : t.model}
            models={models}
            model={model}
            onChoose={(name) => choose(column, name)}
          />
        ))}
      </div>
      <div class={`${buttonStyle.actions} ${style.buttons}`} data-part="tools">
        <Tool icon="split" text={t.compare} isPressed={isComparing} onClick={compare} />
        <Tool icon="code" text={t.asCode} onClick={on.onCode} />
        <Tool icon="list" text={t.history} onClick={on.onHistory} />
        <Tool
          icon="settings"
          text={t.settings}
          isPressed={areSettingsOpen.value}
          onClick={() => areSettingsOpen.value = !areSettingsOpen.value}
        />
        <Tool icon="plus" text={t.newChat} onClick={on.onNew} />
      </div>
    </div>
  );
}

interface PickerProps {
  label: string;
  models: readonly ChatModels[] | null;
  model: string;
  onChoose: (model: string) => void;
}

/** A model that has gone offline stays chosen and is marked as offline. */
function ModelPicker({ label, models, model, onChoose }: PickerProps) {
  const t = messages.value.playground;
  const isGone = model !== "" && namesIn(models)?.includes(model) === false;
  return (
    <select
      class={style.picker}
      aria-label={label}
      value={model}
      onChange={(event) => onChoose(event.currentTarget.value)}
    >
      {models?.length === 0 && model === "" && <option value="">{t.noModel}</option>}
      {isGone && <option value={model}>{t.gone(model)}</option>}
      {models?.map(({ state, names }) => {
        const options = names.map((name) => (
          <option key={name} value={name} selected={name === model}>{name}</option>
        ));
        return models.length === 1
          ? options
          : <optgroup key={state} label={t.modelStates[state]}>{options}</optgroup>;
      })}
    </select>
  );
}

function namesIn(models: readonly ChatModels[] | null): string[] | undefined {
  return models?.flatMap(({ names }) => names);
}

interface ToolProps {
  icon: IconName;
  text: string;
  isPressed?: boolean;
  onClick: () => void;
}

function Tool({ icon, text, isPressed, onClick }: ToolProps) {
  return (
    <button
      type="button"
      class={`${buttonClass("quiet")} ${style.tool}`}
      aria-pressed={isPressed}
      onClick={onClick}
    >
      <Icon name={icon} /> <span>{text}</span>
    </button>
  );
}
