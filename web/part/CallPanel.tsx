/** How to call a model from here: ready programs with the reader's key and a live model in them. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { callSnippets, type SnippetName } from "../snippet.ts";
import { messages } from "../state/locale.ts";
import { Choice } from "./Choice.tsx";
import { Code } from "./Code.tsx";
import { masked } from "./CopyField.tsx";
import { Notice } from "./Notice.tsx";

interface Props {
  /** The gateway's. */
  address: string;
  token: string;
  isShown: boolean;
  /** Online now; null while that is not known. */
  models: readonly string[] | null;
}

const names = Object.keys(callSnippets) as SnippetName[];
/** Stands where no model is online. */
const PLACEHOLDER = "model-name";

export function CallPanel({ address, token, isShown, models }: Props) {
  const t = messages.value.dashboard;
  const language = useSignal<SnippetName>("curl");
  const chosen = useSignal("");
  // A model that has gone offline while chosen gives way to one that is there.
  const model = models?.includes(chosen.value) ? chosen.value : models?.[0] ?? PLACEHOLDER;
  const snippet = (apiToken: string) => callSnippets[language.value]({ address, apiToken, model });

  return (
    <section id="call" aria-labelledby="call-title">
      <h2 id="call-title">{t.callTitle}</h2>
      <p class="section-lead">{t.callText}</p>
      {models?.length === 0 && <Notice tone="info">{t.noModel}</Notice>}
      <div class="toolbar">
        <Choice label={t.language} options={names} value={language} />
        {models && models.length > 1 && (
          <ModelSelect
            models={models}
            model={model}
            onSelect={(name) => chosen.value = name}
          />
        )}
      </div>
      <Code
        title={language.value}
        shown={snippet(isShown ? token : masked(token))}
        copied={snippet(token)}
      />
    </section>
  );
}

interface SelectProps {
  models: readonly string[];
  model: string;
  onSelect: (model: string) => void;
}

function ModelSelect({ models, model, onSelect }: SelectProps) {
  const id = useId();
  return (
    <div class="select">
      <label for={id}>{messages.value.dashboard.model}</label>
      <select id={id} value={model} onChange={(event) => onSelect(event.currentTarget.value)}>
        {models.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </div>
  );
}
