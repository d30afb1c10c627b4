/** Home for a member, day by day: what the calls used and why some failed, the machines, and what they gave. */

import type { ComponentChildren } from "preact";
import type { CallView, OwnNodeView, UsageFigures, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { buttonClass } from "../../part/button.ts";
import { Failure } from "../../part/Notice.tsx";
import * as panelStyle from "../../part/panel.module.css";
import { Bones } from "../../part/Skeleton.tsx";
import { nodePath, paths } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { useLive } from "../../state/live.ts";
import {
  formatAge,
  formatDuration,
  formatNumber,
  formatRecent,
  formatShort,
  messages,
} from "../../state/locale.ts";
import { has } from "../../state/words.ts";
import { StateMark } from "../nodes/NodeRow.tsx";
import * as style from "./Daily.module.css";

const REFRESH_MS = 30_000;
const DAY_MS = 24 * 60 * 60_000;
const GIVEN_DAYS = 30;
const MAX_NODES = 6;
const MAX_ERRORS = 5;

export function Daily({ user }: { user: UserView }) {
  const t = messages.value.home.daily;
  // Totals change with every call, so that figures are loaded again when one has ended.
  const { data, error } = useLive(load, REFRESH_MS, [
    user.total_api_calls,
    user.total_provided_calls,
  ]).value;
  if (!data) return error ? <Failure error={error} /> : <Bones count={3} />;
  const { used, given, errors, nodes } = data;
  return (
    <div class={style.panels}>
      <Panel title={t.usedTitle} hint={t.day} href={paths.dashboard} action={t.more}>
        {used.calls === 0
          ? (
            <p class="hint">
              {t.nothingUsed} <a href={paths.playground}>{t.tryOne}</a>
            </p>
          )
          : <Figures figures={used} />}
      </Panel>
      <Panel
        title={t.errorsTitle}
        hint={t.day}
        href={`${paths.calls}?outcome=failed`}
        action={t.more}
      >
        {errors.length === 0
          ? <p class="hint">{t.noErrors}</p>
          : <Errors calls={errors.slice(0, MAX_ERRORS)} />}
      </Panel>
      <Panel title={t.nodesTitle} href={`${paths.nodes}?view=mine`} action={t.more}>
        {nodes.length === 0
          ? (
            <p class="hint">
              {t.noNodes} <a href={`${paths.nodes}?add=1`}>{messages.value.nodes.add}</a>
            </p>
          )
          : <OwnNodes nodes={nodes} />}
      </Panel>
      <Panel
        title={t.givenTitle}
        hint={t.days(GIVEN_DAYS)}
        href={`${paths.dashboard}?side=provided&range=30d`}
        action={t.more}
      >
        {given.calls === 0 ? <p class="hint">{t.nothingGiven}</p> : <Figures figures={given} />}
      </Panel>
    </div>
  );
}

async function load(signal: AbortSignal) {
  const to = serverNow();
  const [used, given, failed, own] = await Promise.all([
    api.usage({ side: "made", from: to - DAY_MS, to, step: "hour" }, signal),
    api.usage({ side: "provided", from: to - GIVEN_DAYS * DAY_MS, to, step: "day" }, signal),
    api.calls({ outcome: "failed", from: to - DAY_MS, limit: MAX_ERRORS }, signal),
    api.ownNodes(signal),
  ]);
  return { used: used.total, given: given.total, errors: failed.calls, nodes: own.nodes };
}

interface PanelProps {
  title: string;
  hint?: string;
  href: string;
  action: string;
  children: ComponentChildren;
}

function Panel({ title, hint, href, action, children }: PanelProps) {
  return (
    <section class={panelStyle.panel} aria-label={title}>
      <div class={panelStyle.head}>
        <h2>
          {title} {hint && <span class="hint">{hint}</span>}
        </h2>
        <a
          class={`${buttonClass("quiet", "small")} ${panelStyle.flush}`}
          href={href}
          aria-label={`${action}: ${title}`}
        >
          {action}
        </a>
      </div>
      {children}
    </section>
  );
}

function Figures({ figures }: { figures: UsageFigures }) {
  const { figures: names } = messages.value.dashboard;
  const { first_token_p50_ms: p50 } = figures;
  const rows: [string, string][] = [
    [names.calls, formatNumber(figures.calls)],
    [names.tokens, formatShort(figures.prompt_tokens + figures.completion_tokens)],
    [names.errors, formatNumber(figures.errors)],
    [names.firstToken, p50 === null ? "–" : formatDuration(p50)],
  ];
  return (
    <dl class={style.figures}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Errors({ calls }: { calls: readonly CallView[] }) {
  const { errors, calls: t } = messages.value;
  const why = ({ cause, outcome }: CallView) =>
    cause !== null && has(errors, cause) ? errors[cause] : t.outcomes[outcome];
  return (
    <ul class={style.rows}>
      {calls.map((call) => (
        <li key={call.id}>
          <a href={`${paths.calls}?id=${encodeURIComponent(call.id)}`}>{call.model}</a>
          <span class="hint">{formatRecent(call.started_at)}</span>
          <p class="hint">{why(call)}</p>
        </li>
      ))}
    </ul>
  );
}

function OwnNodes({ nodes }: { nodes: readonly OwnNodeView[] }) {
  const t = messages.value;
  const shown = nodes.toSorted((a, b) => Number(b.live !== null) - Number(a.live !== null));
  return (
    <ul class={style.rows}>
      {shown.slice(0, MAX_NODES).map(({ id, name, live, last_seen_at: seen }) => (
        <li key={id}>
          <a href={nodePath(id)}>{name}</a>
          <StateMark state={live?.state ?? "away"} />
          <p class="hint">
            {live
              ? t.nodes.inFlight(live.active_tasks, live.max_parallel)
              : t.nodes.awaySince(formatAge(serverNow() - seen))}
          </p>
        </li>
      ))}
      {nodes.length > MAX_NODES && <li class="hint">{t.nodes.more(nodes.length - MAX_NODES)}</li>}
    </ul>
  );
}
