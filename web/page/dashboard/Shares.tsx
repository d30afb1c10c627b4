/** Figures by model, key, node, account or group; a click filters by one, where that is offered. */

import type { UsageShare } from "../../../api/mod.ts";
import {
  formatDuration,
  formatNumber,
  formatShare,
  formatShort,
  messages,
} from "../../state/locale.ts";
import * as style from "./Shares.module.css";
import * as panelStyle from "../../part/panel.module.css";

type Part = "model" | "key" | "node" | "account" | "group";

interface Props {
  parts: readonly (readonly [Part, readonly UsageShare[]])[];
  onNarrow?: (part: Part, id: string) => void;
}

export function Shares({ parts, onNarrow }: Props) {
  return (
    <div class={style.shares}>
      {parts.filter(([, shares]) => shares.length > 0).map(([part, shares]) => (
        <SharePanel key={part} part={part} shares={shares} onNarrow={onNarrow} />
      ))}
    </div>
  );
}

/** Lines shown per panel. */
const SHOWN = 8;

interface PanelProps {
  part: Part;
  shares: readonly UsageShare[];
  onNarrow: ((part: Part, id: string) => void) | undefined;
}

function SharePanel({ part, shares, onNarrow }: PanelProps) {
  const t = messages.value.dashboard;
  const most = Math.max(...shares.map(({ calls }) => calls), 1);
  return (
    <section class={panelStyle.panel} aria-label={t.by[part]}>
      <div class={panelStyle.head}>
        <h2>{t.by[part]}</h2>
      </div>
      <ul class={style.list}>
        {shares.slice(0, SHOWN).map((share) => (
          <li key={share.id}>
            {onNarrow
              ? (
                <button type="button" class={style.share} onClick={() => onNarrow(part, share.id)}>
                  <Line part={part} share={share} most={most} />
                </button>
              )
              : (
                <div class={style.share}>
                  <Line part={part} share={share} most={most} />
                </div>
              )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The account's own key has no name of its own; what is gone has none any more. */
function nameOf(part: Part, { name }: UsageShare): string {
  const t = messages.value;
  if (part === "key" && name === "") return t.keys.ownKey;
  return name ?? (part === "account" ? t.dashboard.goneAccount : t.dashboard.gone);
}

function Line({ part, share, most }: { part: Part; share: UsageShare; most: number }) {
  const name = nameOf(part, share);
  return (
    <>
      <span class={style.name} title={name}>{name}</span>
      <span class={style.calls}>{formatNumber(share.calls)}</span>
      <span class={style.bar} aria-hidden="true">
        <i style={{ width: `${(100 * share.calls) / most}%` }} />
      </span>
      <span class="hint">{details(share)}</span>
    </>
  );
}

function details({ calls, errors, prompt_tokens, completion_tokens, ...rest }: UsageShare): string {
  const t = messages.value.dashboard.asides;
  const { first_token_p50_ms: p50 } = rest;
  return [
    t.tokensShort(formatShort(prompt_tokens + completion_tokens)),
    p50 !== null && t.p50(formatDuration(p50)),
    errors > 0 && t.failed(formatShare(errors / calls)),
  ].filter(Boolean).join(" · ");
}
