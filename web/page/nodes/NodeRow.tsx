/** One node: who it is, what it offers, how full it is, and why it takes calls or does not. */

import { useSignal } from "@preact/signals";
import type { NodeView } from "../../../protocol/api.ts";
import { type Obstacle, obstacles } from "./node_state.ts";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import { formatAge, formatMoment, messages } from "../../state/locale.ts";
import { Meter } from "../../part/Meter.tsx";
import { State, type Tone } from "../../part/State.tsx";

const tones: Readonly<Record<NodeView["state"], Tone>> = {
  ready: "good",
  busy: "warning",
  probing: "warning",
  penalized: "bad",
  draining: "quiet",
  paused: "quiet",
  unapproved: "warning",
};

export function NodeRow({ node }: { node: NodeView }) {
  const t = messages.value.nodes;
  const nowMs = serverNow(now.value);
  return (
    <li class="node-row">
      <div class="node-name">
        <h2>{node.name}</h2>
        <p class="hint" title={formatMoment(node.connected_at)}>
          {t.connected(formatAge(nowMs - node.connected_at))}
        </p>
        {node.agent && <p class="hint">{node.agent}</p>}
      </div>
      <Models names={node.supported_models} />
      <Meter
        label={t.slotsLabel}
        text={t.slots(node.active_tasks, node.max_parallel)}
        value={node.active_tasks}
        max={node.max_parallel}
      />
      <div class="node-state">
        <p>
          <State tone={tones[node.state]} icon={node.state} text={t.states[node.state]} />
        </p>
        {causes(node, nowMs).map((text, i) => <p key={i} class="hint">{text}</p>)}
      </div>
    </li>
  );
}

/** So many names stand in a row before the others fold away. */
const SHOWN = 4;

function Models({ names }: { names: readonly string[] }) {
  const t = messages.value.nodes;
  const isOpen = useSignal(false);
  if (names.length === 0) return <p class="models hint">{t.noModels}</p>;
  const shown = isOpen.value ? names : names.slice(0, SHOWN);
  return (
    <div class="models">
      <ul aria-label={t.models}>
        {shown.map((name) => <li key={name}>{name}</li>)}
      </ul>
      {names.length > SHOWN && (
        <button
          type="button"
          class="button quiet small"
          aria-expanded={isOpen.value}
          onClick={() => isOpen.value = !isOpen.value}
        >
          {isOpen.value ? t.fewer : t.more(names.length - SHOWN)}
        </button>
      )}
    </div>
  );
}

/** Why it takes calls or does not, sentence by sentence. */
function causes(node: NodeView, nowMs: number): string[] {
  const t = messages.value.nodes;
  const own = t.causes[node.state];
  const against = obstacles(node, nowMs).map((one) => told(one));
  return own === "" ? against : [own, ...against];
}

function told({ model, reason, secondsLeft }: Obstacle): string {
  const t = messages.value.nodes;
  const why = asSentence(reason ?? t.unknownReason);
  const text = secondsLeft > 0 ? t.away(why, secondsLeft) : t.tried(why);
  return model === null ? text : t.ofModel(model, text);
}

/** The gateway's reasons are parts of sentences; here one stands before another sentence. */
function asSentence(reason: string): string {
  const whole = reason.charAt(0).toUpperCase() + reason.slice(1);
  return whole.replace(/[.。\s]*$/, messages.value.nodes.fullStop);
}
