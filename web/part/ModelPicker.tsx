/** Picks models: all, or some of those that are offered now; further names can be typed, and are warned of. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { api } from "../api.ts";
import { serverNow } from "../state/clock.ts";
import { useLive } from "../state/live.ts";
import { messages } from "../state/locale.ts";
import { namesIn } from "../state/name_list.ts";
import { liveModels } from "../page/nodes/node_state.ts";
import { buttonClass } from "./button.ts";
import { Choices } from "./Choice.tsx";
import * as chipStyle from "./chip.module.css";
import * as formStyle from "./form.module.css";
import * as style from "./ModelPicker.module.css";

interface Props {
  /** Null: all. */
  chosen: readonly string[] | null;
  onChoose: (models: readonly string[] | null) => void;
  problem: string | undefined;
}

const REFRESH_MS = 30_000;

export function ModelPicker({ chosen, onChoose, problem }: Props) {
  const t = messages.value.keys;
  const id = useId();
  return (
    <div class={formStyle.field}>
      <span class={formStyle.label}>{t.models}</span>
      <Choices<"all" | "some">
        label={t.models}
        options={["all", "some"]}
        chosen={chosen === null ? "all" : "some"}
        name={(one) => (one === "all" ? t.allModels : t.someModels)}
        onChoose={(one) => onChoose(one === "all" ? null : [])}
      />
      {chosen !== null && (
        <div aria-describedby={problem ? `${id}-problem` : undefined}>
          <Some chosen={chosen} onChoose={onChoose} />
        </div>
      )}
      {problem && <p class={formStyle.problem} id={`${id}-problem`}>{problem}</p>}
    </div>
  );
}

interface SomeProps {
  chosen: readonly string[];
  onChoose: (models: readonly string[]) => void;
}

function Some({ chosen, onChoose }: SomeProps) {
  const t = messages.value.keys;
  const { data } = useLive(api.nodes, REFRESH_MS).value;
  const offered = data && liveModels(data.nodes, serverNow());
  const all = [...new Set([...offered ?? [], ...chosen])].sort();
  const toggle = (model: string) =>
    onChoose(
      chosen.includes(model) ? chosen.filter((one) => one !== model) : [...chosen, model],
    );
  return (
    <>
      <ul class={style.models}>
        {all.map((model) => (
          <li key={model}>
            <label>
              <input
                type="checkbox"
                checked={chosen.includes(model)}
                onChange={() => toggle(model)}
              />
              <code>{model}</code>
              {offered && !offered.includes(model) && (
                <span class={chipStyle.soft}>{t.notOffered}</span>
              )}
            </label>
          </li>
        ))}
        {all.length === 0 && <li class="hint">{messages.value.models.emptyTitle}</li>}
      </ul>
      <OtherNames onAdd={(names) => onChoose([...new Set([...chosen, ...names])])} />
    </>
  );
}

/** Aliases, and models that are offered at other times. */
function OtherNames({ onAdd }: { onAdd: (names: readonly string[]) => void }) {
  const t = messages.value.keys;
  const text = useSignal("");
  const add = () => {
    onAdd(namesIn(text.value));
    text.value = "";
  };
  return (
    <div class={style.others}>
      <input
        aria-label={t.otherModels}
        placeholder={t.otherModels}
        autocomplete="off"
        spellcheck={false}
        value={text.value}
        onInput={(event) => text.value = event.currentTarget.value}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          // Not the whole form.
          event.preventDefault();
          add();
        }}
      />
      <button type="button" class={buttonClass("small")} onClick={add}>{t.addModels}</button>
    </div>
  );
}
