/** One node: name, models, load, and why it takes calls or does not. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { api } from "../../api.ts";
import { Confirm } from "../../part/Confirm.tsx";
import { Meter } from "../../part/Meter.tsx";
import { State, type Tone } from "../../part/State.tsx";
import { modelPath, nodePath } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import { formatAge, formatMoment, formatNumber, messages } from "../../state/locale.ts";
import { session } from "../../state/session.ts";
import { causes } from "./causes.ts";
import { gpusOf, systemOf } from "./machine.ts";
import { sharing } from "./sharing.ts";
import { type ListedNode, type ListedState, stateOf } from "./listed.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./NodeRow.module.css";
import * as chipStyle from "../../part/chip.module.css";

const tones: Readonly<Record<ListedState, Tone>> = {
  ready: "good",
  busy: "warning",
  probing: "warning",
  penalized: "bad",
  draining: "quiet",
  paused: "quiet",
  unapproved: "warning",
  reconnecting: "warning",
  away: "quiet",
};

/** A node's state as an icon and a word. */
export function StateMark({ state }: { state: ListedState }) {
  return <State tone={tones[state]} icon={state} text={messages.value.nodes.states[state]} />;
}

interface RowProps {
  node: ListedNode;
  /** Called after the node was forgotten; absent: this user may not do so. */
  onForget?: () => void;
}

export function NodeRow({ node, onForget }: RowProps) {
  const t = messages.value.nodes;
  return (
    <div class={style.row} data-part="node-row">
      <div class={style.name}>
        <h2>
          {session.value.state === "in" ? <a href={nodePath(node.id)}>{node.name}</a> : node.name}
          {node.mark !== null && <span class="hint">{node.mark}</span>}
          {node.isMine && <span class={chipStyle.soft}>{t.mine}</span>}
          {node.live?.mine && !node.live.share_with?.includes("everyone") && (
            <span class={chipStyle.soft}>{sharing(node.live)}</span>
          )}
        </h2>
        <Since node={node} />
      </div>
      <NodeState node={node} isShort>
        {node.live === null && onForget && <Forget node={node} onForget={onForget} />}
      </NodeState>
      <Models names={node.models} />
      <Speed node={node} />
      {node.live
        ? (
          <Meter
            label={t.slotsLabel}
            text={t.slots(node.live.active_tasks, node.live.max_parallel)}
            value={node.live.active_tasks}
            max={node.live.max_parallel}
          />
        )
        : <span class={style.empty} />}
      <Program node={node} />
    </div>
  );
}

function Speed({ node: { speed } }: { node: ListedNode }) {
  const t = messages.value;
  const rate = speed?.tokens_per_second ?? null;
  if (rate === null) return <span class={style.empty} />;
  return (
    <p class={style.speed} title={t.nodes.lastDay}>
      {t.nodes.perSecond(formatNumber(Math.round(rate)))}
    </p>
  );
}

/** The node's program, and what it says of its machine. */
function Program({ node: { agent, machine } }: { node: ListedNode }) {
  const system = machine && systemOf(machine);
  const gpus = machine === null ? [] : gpusOf(machine);
  if (agent === null && machine === null) return <span class={style.empty} />;
  return (
    <div class={style.program}>
      {agent !== null && <p>{agent.startsWith(AGENT) ? agent.slice(AGENT.length) : agent}</p>}
      {system !== null && <p class="hint">{system}</p>}
      {gpus.map((gpu) => <p key={gpu} class="hint">{gpu}</p>)}
    </div>
  );
}

/** Before the version of the project's own node program. */
export const AGENT = "co-link/";

function Forget({ node, onForget }: Required<RowProps>) {
  const t = messages.value.nodes;
  const isOpen = useSignal(false);
  const forget = async () => {
    await api.forgetNode(node.id);
    onForget();
  };
  return (
    <>
      <button
        type="button"
        class={buttonClass("quiet", "small")}
        aria-label={t.forgetNode(node.name)}
        onClick={() => isOpen.value = true}
      >
        {t.forget}
      </button>
      <Confirm
        isOpen={isOpen}
        title={t.forgetNode(node.name)}
        text={t.forgetText}
        action={t.forget}
        onConfirm={forget}
      />
    </>
  );
}

function Since({ node: { live, owner, isMine } }: { node: ListedNode }) {
  const t = messages.value.nodes;
  const connected = live && t.connected(formatAge(serverNow(now.value) - live.connected_at));
  const text = [isMine ? null : owner, connected].filter(Boolean).join(" · ");
  return <p class="hint" title={live ? formatMoment(live.connected_at) : undefined}>{text}</p>;
}

interface NodeStateProps {
  node: ListedNode;
  /** Whether the state is written large, as on the node's own page. */
  isLarge?: boolean;
  /** Without the texts that say no more than the state's name and the load do, as in a list. */
  isShort?: boolean;
  /** Below its causes. */
  children?: ComponentChildren;
}

/** The node's state, its causes, and for the owner how to fix each. */
export function NodeState({ node, isLarge = false, isShort = false, children }: NodeStateProps) {
  const t = messages.value.nodes;
  const state = stateOf(node);
  const all = causes(node, serverNow(now.value));
  const shown = isShort && (state === "ready" || state === "busy") ? all.slice(1) : all;
  return (
    <div class={isLarge ? `${style.state} ${style.large}` : style.state}>
      <p>
        <StateMark state={state} />
      </p>
      {shown.map(({ text, fix }, i) => (
        <p key={i} class="hint">
          {text}
          {node.isMine && fix !== null && <span class={style.fix}>{t.gap}{fix}</span>}
        </p>
      ))}
      {children}
    </div>
  );
}

/** Models shown at first; the others fold away. */
const SHOWN = 4;

function Models({ names }: { names: readonly string[] }) {
  const t = messages.value.nodes;
  const isOpen = useSignal(false);
  const isUser = session.value.state === "in";
  if (names.length === 0) return <p class={`${style.models} hint`}>{t.noModels}</p>;
  const shown = isOpen.value ? names : names.slice(0, SHOWN);
  return (
    <div class={style.models} data-part="models">
      <ul class={chipStyle.chips} aria-label={t.models}>
        {shown.map((name) => (
          <li key={name}>
            {isUser
              ? <a class={chipStyle.chip} href={modelPath(name)} title={t.seeModel(name)}>{name}</a>
              : <span class={chipStyle.chip}>{name}</span>}
          </li>
        ))}
      </ul>
      {names.length > SHOWN && (
        <button
          type="button"
          class={buttonClass("quiet", "small")}
          aria-expanded={isOpen.value}
          onClick={() => isOpen.value = !isOpen.value}
        >
          {isOpen.value ? t.fewer : t.more(names.length - SHOWN)}
        </button>
      )}
    </div>
  );
}
