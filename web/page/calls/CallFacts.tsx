/** The details of a call, its attempts as a waterfall, and filters for calls like it. */

import type { AttemptView, CallView, ReplaysView } from "../../../api/mod.ts";
import { CopyButton } from "../../part/CopyButton.tsx";
import { Facts } from "../../part/Facts.tsx";
import { nodePath } from "../../route.ts";
import { formatDuration, formatNumber, messages } from "../../state/locale.ts";
import { has } from "../../state/words.ts";
import { ChoiceTable } from "./ChoiceTable.tsx";
import type { Narrowing } from "./narrowing.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./CallFacts.module.css";

interface Props {
  call: CallView;
  onNarrow: (name: Narrowing, value: string) => void;
}

export function CallFacts({ call, onNarrow }: Props) {
  const t = messages.value.calls;
  const alike: readonly [Narrowing, string | null, string | null][] = [
    ["model", call.model, call.model],
    ["key", call.key_id, call.key_name === "" ? messages.value.keys.ownKey : call.key_name],
    ["node", call.node, call.node_name],
    ["status", String(call.status), String(call.status)],
    ["endpoint", call.endpoint, call.endpoint],
  ];
  const id = (
    <span class={style.id}>
      <code>{call.id}</code> <CopyButton text={call.id} label={t.facts.id} />
    </span>
  );
  return (
    <div class={style.details}>
      <Waterfall call={call} />
      <ChoiceTable {...call} />
      <Facts rows={[[t.facts.id, id], ...factsOf(call)]} />
      <div class={style.more}>
        {alike.map(([name, value, text]) =>
          value !== null && (
            <button
              key={name}
              type="button"
              class={buttonClass("small")}
              onClick={() => onNarrow(name, value)}
            >
              {t.only(t.narrowings[name], text ?? value)}
            </button>
          )
        )}
      </div>
    </div>
  );
}

function factsOf(call: CallView): [string, string][] {
  const t = messages.value.calls;
  const { errors } = messages.value;
  const { cause, estimated, completion_tokens } = call;
  const facts: [string, string | null][] = [
    [t.facts.endpoint, `${call.endpoint}${call.stream ? ` (${t.streamed})` : ""}`],
    [t.facts.alias, call.alias],
    [t.facts.cause, cause && (has(errors, cause) ? `${errors[cause]} (${cause})` : cause)],
    [t.facts.queued, call.queued_ms > 0 ? formatDuration(call.queued_ms) : null],
    [t.facts.route, call.route && t.routes[call.route]],
    [t.facts.replays, call.replays && replaysText(call.replays)],
    [t.facts.delivered, t.bytes(formatNumber(call.delivered_bytes))],
    [t.facts.counted, estimated && completion_tokens !== null ? t.estimated : null],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

/** How often callers came back, and the last few: when, and from where they went on. */
function replaysText({ count, last }: ReplaysView): string {
  const t = messages.value.calls;
  const each = last.map(({ at_ms, after_event, was_ended }) =>
    t.replay(
      formatDuration(at_ms),
      after_event === null ? null : formatNumber(after_event),
      was_ended,
    )
  );
  return [t.replays(count), ...each].join(" · ");
}

/** Each attempt as a bar on the call's time line. */
function Waterfall({ call }: { call: CallView }) {
  const t = messages.value.calls;
  const { attempts, duration_ms, first_byte_ms } = call;
  if (attempts.length === 0) return <p class="hint">{t.noAttempt}</p>;
  const wholeMs = Math.max(
    duration_ms,
    ...attempts.map((one) => one.start_ms + one.duration_ms),
    1,
  );
  return (
    <ol class={style.waterfall} aria-label={t.waterfall}>
      {attempts.map((attempt, i) => (
        <li key={i}>
          <span class={style.node}>
            <a href={nodePath(attempt.node)}>{attempt.node_name ?? t.goneNode}</a>
          </span>
          <span class={style.track} aria-hidden="true">
            <i
              class={attempt.end === "ok" ? style.good : style.bad}
              style={{
                left: `${(100 * attempt.start_ms) / wholeMs}%`,
                width: `${Math.max(0.5, (100 * attempt.duration_ms) / wholeMs)}%`,
              }}
            />
            {first_byte_ms !== null && i === attempts.length - 1 && (
              <b style={{ left: `${(100 * first_byte_ms) / wholeMs}%` }} title={t.firstByte} />
            )}
          </span>
          <span class={style.end}>
            {t.span(formatDuration(attempt.start_ms), formatDuration(attempt.duration_ms))}
            {" · "}
            {ending(attempt)}
          </span>
        </li>
      ))}
    </ol>
  );
}

function ending({ end }: AttemptView): string {
  const { calls, errors, nodes } = messages.value;
  if (has(calls.ends, end)) return calls.ends[end];
  if (has(nodes.faults, end)) return nodes.faults[end].cause;
  return has(errors, end) ? errors[end] : end;
}
