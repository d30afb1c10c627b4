/** How to connect a machine: the client's config.yaml with the reader's token in it, and how to start it. */

import { useSignal } from "@preact/signals";
import { clientConfig, type UpstreamName, upstreams } from "../snippet.ts";
import { messages } from "../state/locale.ts";
import { Choice } from "./Choice.tsx";
import { Code } from "./Code.tsx";
import { masked } from "./CopyField.tsx";

const names = Object.keys(upstreams) as UpstreamName[];

interface Props {
  /** The gateway's. */
  address: string;
  token: string;
  isShown: boolean;
}

export function SharePanel({ address, token, isShown }: Props) {
  const t = messages.value.dashboard;
  const upstream = useSignal<UpstreamName>("Ollama");
  const config = (clientToken: string) => clientConfig(address, clientToken, upstream.value);
  return (
    <section id="share" aria-labelledby="share-title">
      <h2 id="share-title">{t.shareTitle}</h2>
      <p class="section-lead">{t.shareText}</p>
      <div class="toolbar">
        <Choice label={t.upstream} options={names} value={upstream} />
      </div>
      <Code
        title="config.yaml"
        shown={config(isShown ? token : masked(token))}
        copied={config(token)}
      />
      <Code title={t.shareRun} shown="./client --config config.yaml" />
    </section>
  );
}
