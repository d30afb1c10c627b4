/** Code that calls a model: shown with the key masked, copied with the real key. */

import { useSignal } from "@preact/signals";
import { callSnippets, type SnippetName } from "../snippet.ts";
import { useGatewayAddress } from "../state/address.ts";
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

export function CallExamples({ token, model }: Props) {
  const t = messages.value;
  const language = useSignal<SnippetName>("curl");
  const address = useGatewayAddress();
  const written = (apiToken: string) => callSnippets[language.value]({ address, apiToken, model });
  return (
    <div class={style.examples}>
      <Choice label={t.programmingLanguage} options={names} value={language} />
      <Code title={language.value} shown={written(masked(token))} copied={written(token)} />
    </div>
  );
}
