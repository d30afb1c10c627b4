/** How to connect a machine: one command to paste there, and a status line that turns green once it has connected. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JoinCode, NodeView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Choice } from "../../part/Choice.tsx";
import { Code } from "../../part/Code.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { nodePath, paths, tryPath } from "../../route.ts";
import { useGatewayAddress } from "../../state/address.ts";
import { firstChoice } from "../../state/chat_models.ts";
import { serverNow } from "../../state/clock.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { joinCommand, type SystemName, systemNames } from "./setup.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./AddNode.module.css";
import * as pageStyle from "../../part/Page.module.css";
import * as buttonStyle from "../../part/button.module.css";
import { LookOut } from "../../part/LookOut.tsx";

interface Props {
  /** The nodes connected now. */
  connected: readonly NodeView[];
  onClose: () => void;
}

export function AddNode({ connected, onClose }: Props) {
  const t = messages.value.nodes.adding;
  const isOpen = useSignal(true);
  return (
    <Dialog isOpen={isOpen} title={t.title} width="wide" onClose={onClose}>
      <ol class={style.numbered}>
        <li>
          <h3>{t.commandTitle}</h3>
          <Command />
          <p>
            {t.commandText} <a href={paths.keys}>{t.byHand}</a>
          </p>
        </li>
        <li>
          <JoinStatus connected={connected} />
        </li>
      </ol>
    </Dialog>
  );
}

function Command() {
  const t = messages.value.nodes.adding;
  const system = useSignal<SystemName>(isWindows() ? "windows" : "unix");
  const address = useGatewayAddress();
  const { code, error } = useJoinCode();
  return (
    <>
      <div class={pageStyle.toolbar}>
        <Choice
          label={t.system}
          options={systemNames}
          value={system}
          name={(name) => t.systems[name]}
        />
      </div>
      {error && <ErrorNotice error={error} />}
      {code !== null
        ? (
          <Code
            title={messages.value.setup.terminal}
            shown={joinCommand(system.value, { address, code })}
          />
        )
        : !error && <Bones count={1} />}
    </>
  );
}

/** A join code, replaced by another one when it expires. */
function useJoinCode() {
  const joinCode = useSignal<JoinCode | null>(null);
  const { error, run } = useSubmit();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isGone = false;
    const make = () =>
      run(async () => {
        const made = await api.createJoinCode();
        if (isGone) return;
        joinCode.value = made;
        timer = setTimeout(make, Math.max(1000, made.expires_at - serverNow(Date.now())));
      });
    void make();
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, []);
  return { code: joinCode.value?.code ?? null, error: error.value };
}

/** Turns green with the first node of the user's that has connected since the dialog opened. */
function JoinStatus({ connected }: { connected: readonly NodeView[] }) {
  const t = messages.value.nodes.adding;
  const before = useRef(new Map(connected.map(({ id, connected_at }) => [id, connected_at])));
  const fresh = connected.find(({ id, mine, connected_at }) =>
    mine && before.current.get(id) !== connected_at
  );
  const { data: models } = useLive(api.models, fresh ? REFRESH_MODELS_MS : null, [fresh?.id]).value;
  if (!fresh) return <LookOut isDone={false}>{t.waiting}</LookOut>;
  // The node's own models, of which some may be for embeddings alone.
  const model = firstChoice(
    models?.models.filter(({ nodes }) => nodes.some(({ id }) => id === fresh.id)) ?? [],
    [],
  );
  return (
    <LookOut isDone>
      <p>
        <strong>{t.here(fresh.name, fresh.supported_models.length)}</strong>
      </p>
      {fresh.state === "unapproved" && <p>{messages.value.nodes.causes.unapproved}</p>}
      <div class={buttonStyle.actions}>
        {model !== "" && fresh.state !== "unapproved" && (
          <a class={buttonClass("primary", "small")} href={tryPath(model)}>{t.tryIt}</a>
        )}
        <a class={buttonClass("small")} href={nodePath(fresh.id)}>{t.see}</a>
      </div>
    </LookOut>
  );
}

const REFRESH_MODELS_MS = 5_000;

function isWindows(): boolean {
  return /Win/.test(navigator.userAgent);
}
