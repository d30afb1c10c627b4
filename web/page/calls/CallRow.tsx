/** One call in a line, which opens to its details. */

import { signal } from "@preact/signals";
import type { CallOutcome, CallView } from "../../../api/mod.ts";
import { Icon, type IconName } from "../../part/Icon.tsx";
import { State, type Tone } from "../../part/State.tsx";
import { formatDuration, formatRecentExactly, messages } from "../../state/locale.ts";
import { CallFacts } from "./CallFacts.tsx";
import type { Narrowing } from "./narrowing.ts";
import * as style from "./CallRow.module.css";
import * as chipStyle from "../../part/chip.module.css";

interface Props {
  call: CallView;
  /** Whether it was searched for: it is open then, unless it was closed. */
  isSearched?: boolean;
  onNarrow: (name: Narrowing, value: string) => void;
}

/** Ids of the open calls, kept here because the list unmounts rows outside the window. */
const opened = signal<ReadonlySet<string>>(new Set());

const signs: Readonly<Record<CallOutcome, { tone: Tone; icon: IconName }>> = {
  ok: { tone: "good", icon: "check" },
  upstream_error: { tone: "bad", icon: "penalized" },
  node_lost: { tone: "bad", icon: "penalized" },
  timeout: { tone: "bad", icon: "unapproved" },
  interrupted: { tone: "bad", icon: "penalized" },
  rejected: { tone: "warning", icon: "warning" },
  cancelled: { tone: "quiet", icon: "stop" },
};

export function CallRow({ call, isSearched = false, onNarrow }: Props) {
  const t = messages.value.calls;
  const isOpen = opened.value.has(call.id) !== isSearched;
  const { prompt_tokens, completion_tokens, first_byte_ms, attempts } = call;
  const tokens = prompt_tokens === null && completion_tokens === null
    ? "–"
    : t.tokens(prompt_tokens ?? 0, completion_tokens ?? 0);
  const key = call.key_name === "" ? messages.value.keys.ownKey : call.key_name ?? "–";
  return (
    <div class={isOpen ? style.open : undefined}>
      <button
        type="button"
        class={style.line}
        aria-expanded={isOpen}
        onClick={() => toggle(call.id)}
      >
        <span class={style.time}>
          <Icon name="down" /> {formatRecentExactly(call.started_at)}
        </span>
        <span class={style.outcome}>
          <State {...signs[call.outcome]} text={`${call.status} ${t.outcomes[call.outcome]}`} />
        </span>
        <code title={call.model ?? undefined}>{call.model}</code>
        <span title={key}>{key}</span>
        <span class={style.node} title={call.node_name ?? undefined}>
          {call.node_name ?? "–"}
          {attempts.length > 1 && <span class={chipStyle.soft}>{t.attempts(attempts.length)}</span>}
        </span>
        <span class={style.number} title={tokens}>{tokens}</span>
        <span class={style.number}>
          {first_byte_ms === null ? "–" : formatDuration(first_byte_ms)}
        </span>
        <span class={style.number}>{formatDuration(call.duration_ms)}</span>
      </button>
      {isOpen && <CallFacts call={call} onNarrow={onNarrow} />}
    </div>
  );
}

function toggle(id: string): void {
  const next = new Set(opened.peek());
  if (!next.delete(id)) next.add(id);
  opened.value = next;
}
