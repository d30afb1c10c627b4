/** Code that calls a model: shown with the key masked, copied with the real key. */

import { useSignal } from "@preact/signals";
import { api } from "../api.ts";
import { callSnippets, gatewayAddress, type SnippetName } from "../snippet.ts";
import { useLive } from "../state/live.ts";
import { messages } from "../state/locale.ts";
import { Choice } from "./Choice.tsx";
import { Code } from "./Code.tsx";
import { masked } from "./CopyField.tsx";
import * as style from "./CallExamples.module.css";

interface Props {
  token: string;
  model: string;
}

const names = Object.keys(callSnippets) as SnippetName[];
/** The gateway's address rarely changes. */
const REFRESH_ADDRESS_MS = 60_000;

export function CallExamples({ token, model }: Props) {
  const t = messages.value;
  const language = useSignal<SnippetName>("curl");
  const address = gatewayAddress(useLive(api.info, REFRESH_ADDRESS_MS).value.data);
  const written = (apiToken: string) => callSnippets[language.value]({ address, apiToken, model });
  return (
    <div class={style.examples}>
      <Choice label={t.programmingLanguage} options={names} value={language} />
      <Code title={language.value} shown={written(masked(token))} copied={written(token)} />
    </div>
  );
}
