/** What to set in a client so that it calls a model: shown with the key masked, copied with the real key. */

import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import type { Client, ClientSnippet } from "../../api/clients.ts";
import { useGatewayAddress } from "../state/address.ts";
import { locale, messages } from "../state/locale.ts";
import { Code } from "./Code.tsx";
import { masked } from "./CopyField.tsx";
import { OtherVersion, persistently } from "./late.tsx";
import { Bones } from "./Skeleton.tsx";
import * as style from "./CallExamples.module.css";
import * as formStyle from "./form.module.css";

interface Props {
  token: string;
  model: string;
}

/** Loaded when it is needed: the table is longer than most pages. */
const table = () => import("../../api/clients.ts");
type Table = Awaited<ReturnType<typeof table>>;

export function CallExamples(props: Props) {
  const loaded = useSignal<Table | "gone" | null>(null);
  useEffect(() => {
    persistently(table).then(
      (clients) => loaded.value = clients,
      () => loaded.value = "gone",
    );
  }, []);
  if (loaded.value === null) return <Bones count={1} />;
  return loaded.value === "gone" ? <OtherVersion /> : <Examples {...props} groups={loaded.value} />;
}

function Examples({ token, model, groups }: Props & { groups: Table }) {
  const t = messages.value.clients;
  const clients = [...groups.libraries, ...groups.programs];
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
