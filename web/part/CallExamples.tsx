/** What to set in a client so that it calls a model: shown with the key masked, copied with the real key. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { type Client, type ClientSnippet, libraries, programs } from "../../api/clients.ts";
import { useGatewayAddress } from "../state/address.ts";
import { locale, messages } from "../state/locale.ts";
import { Code } from "./Code.tsx";
import { masked } from "./CopyField.tsx";
import * as style from "./CallExamples.module.css";
import * as formStyle from "./form.module.css";

interface Props {
  token: string;
  model: string;
}

const groups = { libraries, programs } as const;
const clients = [...libraries, ...programs];

export function CallExamples({ token, model }: Props) {
  const t = messages.value.clients;
  const chosen = useSignal(clients[0]!.name);
  const id = useId();
  const address = useGatewayAddress();
  const client = clients.find(({ name }) => name === chosen.value)!;
  const filled = ({ text }: ClientSnippet, key: string) => text({ address, key, model });
  return (
    <div class={style.examples}>
      <div class={formStyle.field}>
        <label for={id}>{t.label}</label>
        <select
          id={id}
          value={chosen.value}
          onChange={(event) => chosen.value = event.currentTarget.value}
        >
          {(["libraries", "programs"] as const).map((group) => (
            <optgroup key={group} label={t[group]}>
              {groups[group].map(({ name }) => <option key={name} value={name}>{name}</option>)}
            </optgroup>
          ))}
        </select>
      </div>
      {client.snippets.map((snippet) => (
        <Code
          key={snippet.file ?? client.name}
          title={snippet.file ?? client.name}
          shown={filled(snippet, masked(token))}
          copied={filled(snippet, token)}
        />
      ))}
      <Note client={client} />
    </div>
  );
}

/** Its only Markdown are the marks of code. */
function Note({ client: { note } }: { client: Client }) {
  if (note === undefined) return null;
  const parts = note[locale.value].split("`");
  return (
    <p class="hint">{parts.map((part, i) => i % 2 === 1 ? <code key={i}>{part}</code> : part)}</p>
  );
}
