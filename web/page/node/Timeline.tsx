/** The events of a node, newest first. */

import type { NodeEvent, NodeEventKind } from "../../../api/mod.ts";
import { Icon, type IconName } from "../../part/Icon.tsx";
import type { Tone } from "../../part/State.tsx";
import { formatRecent, messages } from "../../state/locale.ts";
import { has } from "../../state/words.ts";
import { faultOf, nodeSays } from "../nodes/causes.ts";
import * as style from "./Timeline.module.css";
import * as chipStyle from "../../part/chip.module.css";
import { texts } from "./texts.ts";

const signs: Readonly<Record<NodeEventKind, { icon: IconName; tone: Tone }>> = {
  connected: { icon: "check", tone: "good" },
  disconnected: { icon: "away", tone: "quiet" },
  offer: { icon: "model", tone: "quiet" },
  penalized: { icon: "penalized", tone: "bad" },
  recovered: { icon: "check", tone: "good" },
  paused: { icon: "paused", tone: "quiet" },
  resumed: { icon: "play", tone: "good" },
  drain: { icon: "draining", tone: "quiet" },
  renamed: { icon: "edit", tone: "quiet" },
  approved: { icon: "shield", tone: "good" },
  unapproved: { icon: "shield", tone: "warning" },
  token_rotated: { icon: "key", tone: "quiet" },
  notice: { icon: "warning", tone: "warning" },
};

/** Events shown at first; the others fold away. */
const SHOWN = 20;

export function Timeline({ events }: { events: readonly NodeEvent[] }) {
  const t = texts.value;
  if (events.length === 0) return <p class="hint">{t.nothingHappened}</p>;
  const early = events.slice(SHOWN);
  return (
    <>
      <Events events={events.slice(0, SHOWN)} />
      {early.length > 0 && (
        <details>
          <summary>{t.earlier(early.length)}</summary>
          <Events events={early} />
        </details>
      )}
    </>
  );
}

function Events({ events }: { events: readonly NodeEvent[] }) {
  const t = texts.value;
  return (
    <ol class={style.timeline}>
      {events.map((event, i) => {
        const { icon, tone } = signs[event.kind];
        return (
          <li key={`${event.at} ${i}`}>
            <span class={style.sign} data-tone={tone}>
              <Icon name={icon} />
            </span>
            <div>
              <p>
                {t.events[event.kind]}
                {event.model !== null && <code class={chipStyle.chip}>{event.model}</code>}
              </p>
              <p class="hint">
                {[why(event), detailOf(event)].filter(Boolean).join(messages.value.nodes.gap)}
              </p>
            </div>
            <time dateTime={new Date(event.at).toISOString()} class="hint">
              {formatRecent(event.at)}
            </time>
          </li>
        );
      })}
    </ol>
  );
}

/** By its meaning where that is known; else the node's own words, or the names that people gave. */
function detailOf({ kind, code, detail, message, offer }: NodeEvent): string | null {
  if (kind === "penalized" && code !== null && faultOf(code) !== null) return null;
  if (message !== null) return nodeSays(detail ?? "", message);
  return offer === null ? detail : texts.value.offer(offer.models, offer.max_parallel);
}

function why({ kind, code }: NodeEvent): string | null {
  const { goneBy } = messages.value.nodes;
  if (code === null) return null;
  if (kind === "disconnected" && has(goneBy, code)) return goneBy[code].cause;
  return faultOf(code)?.cause ?? code;
}
