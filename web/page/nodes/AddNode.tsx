/** How to connect a machine: the text to paste there, and a status line that turns green once it has connected. */

import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { NodeView, UserView } from "../../../api/mod.ts";
import { Choice } from "../../part/Choice.tsx";
import { Code } from "../../part/Code.tsx";
import { masked } from "../../part/CopyField.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { nodePath, tryPath } from "../../route.ts";
import { type UpstreamName, upstreams } from "../../snippet.ts";
import { useGatewayAddress } from "../../state/address.ts";
import { messages } from "../../state/locale.ts";
import { type ShellName, shells } from "./setup.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./AddNode.module.css";
import * as pageStyle from "../../part/Page.module.css";
import * as buttonStyle from "../../part/button.module.css";
import { LookOut } from "../../part/LookOut.tsx";

interface Props {
  user: UserView;
  /** The nodes connected now. */
  connected: readonly NodeView[];
  onClose: () => void;
}

const shellNames = Object.keys(shells) as ShellName[];
const upstreamNames = Object.keys(upstreams) as UpstreamName[];

export function AddNode({ user, connected, onClose }: Props) {
  const t = messages.value.nodes.adding;
  const isOpen = useSignal(true);
  const isShown = useSignal(false);
  const shell = useSignal<ShellName>(isWindows() ? "Windows" : "Linux · macOS");
  const upstream = useSignal<UpstreamName>("Ollama");
  const address = useGatewayAddress();
  const written = (clientToken: string) =>
    shells[shell.value]({ address, clientToken, upstream: upstream.value });
  const hint = useComputed(() => messages.value.nodes.adding.upstreamHints[upstream.value]);
  return (
    <Dialog isOpen={isOpen} title={t.title} width="wide" onClose={onClose}>
      <ol class={style.numbered}>
        <li>
          <h3>{t.programTitle}</h3>
          <p>{t.programText}</p>
        </li>
        <li>
          <h3>{t.commandTitle}</h3>
          <p>{hint}</p>
          <div class={pageStyle.toolbar}>
            <Choice label={t.upstream} options={upstreamNames} value={upstream} />
            <Choice label={t.system} options={shellNames} value={shell} />
          </div>
          <Code
            title={messages.value.setup.terminal}
            shown={written(isShown.value ? user.client_token : masked(user.client_token))}
            copied={written(user.client_token)}
          />
          <button
            type="button"
            class={`${buttonStyle.link} ${style.toggle}`}
            aria-pressed={isShown.value}
            onClick={() => isShown.value = !isShown.value}
          >
            {isShown.value ? t.hideToken : t.showToken}
          </button>
        </li>
        <li>
          <JoinStatus connected={connected} />
        </li>
      </ol>
    </Dialog>
  );
}

/** Turns green with the first node of the user's that has connected since the dialog opened. */
function JoinStatus({ connected }: { connected: readonly NodeView[] }) {
  const t = messages.value.nodes.adding;
  const before = useRef(new Map(connected.map(({ id, connected_at }) => [id, connected_at])));
  const fresh = connected.find(({ id, mine, connected_at }) =>
    mine && before.current.get(id) !== connected_at
  );
  if (!fresh) return <LookOut isDone={false}>{t.waiting}</LookOut>;
  const [model] = fresh.supported_models;
  return (
    <LookOut isDone>
      <p>
        <strong>{t.here(fresh.name, fresh.supported_models.length)}</strong>
      </p>
      <div class={buttonStyle.actions}>
        {model && <a class={buttonClass("primary", "small")} href={tryPath(model)}>{t.tryIt}</a>}
        <a class={buttonClass("small")} href={nodePath(fresh.id)}>{t.see}</a>
      </div>
    </LookOut>
  );
}

function isWindows(): boolean {
  return /Win/.test(navigator.userAgent);
}
