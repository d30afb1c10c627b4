/** The page of one node: state, events, speed, and its owner's actions. */

import { useRoute } from "preact-iso/router";
import { useSignal } from "@preact/signals";
import type { NodeDetail as Detail, OwnNodeView } from "../../../api/mod.ts";
import { api, type ApiError } from "../../api.ts";
import { Facts } from "../../part/Facts.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { late } from "../../part/late.tsx";
import { Meter } from "../../part/Meter.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { Skeleton } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { formatAge, formatList, formatMoment, messages } from "../../state/locale.ts";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import type { ListedNode } from "../nodes/listed.ts";
import { AGENT, NodeState } from "../nodes/NodeRow.tsx";
import { gpusOf, systemOf } from "../nodes/machine.ts";
import { OwnerActions } from "./OwnerActions.tsx";
import { SpeedTable } from "./SpeedTable.tsx";
import { Terms } from "./Terms.tsx";
import { Timeline } from "./Timeline.tsx";
import { buttonClass } from "../../part/button.ts";
import * as style from "./NodeDetail.module.css";
import * as panelStyle from "../../part/panel.module.css";
import * as buttonStyle from "../../part/button.module.css";
import { texts } from "./texts.ts";

// What stands below the first view is loaded after it.
const NodeUsage = late(() => import("./NodeUsage.tsx").then(({ NodeUsage }) => NodeUsage));
const MeasureTable = late(() => import("./MeasureTable.tsx").then((all) => all.MeasureTable));
const LentTable = late(() => import("./LentTable.tsx").then(({ LentTable }) => LentTable));

/** Poll interval; the feed reports changes in between. */
const REFRESH_MS = 10_000;

export function NodeDetail() {
  const { params: { id = "" } } = useRoute();
  // The router keeps the page from one node to another, whose data and open dialogs are not this one's.
  return <Guarded>{() => <LoadedNode key={id} id={id} />}</Guarded>;
}

function LoadedNode({ id }: { id: string }) {
  const changes = useSignal(0);
  const live = useLive((signal) => api.node(id, signal), REFRESH_MS, [id, changes.value]);
  const changed = (what: { id: string }) => what.id === id && changes.value++;
  useFeed("node", changed);
  useFeed("node_gone", changed);
  useFeed("load", (load) => {
    const { data, ...rest } = live.peek();
    const active = load[id];
    if (!data?.live || active === undefined) return;
    live.value = { ...rest, data: { ...data, live: { ...data.live, active_tasks: active } } };
  });
  const { data, error } = live.value;

  if (!data) return error ? <Missing error={error} /> : <Skeleton />;
  return <Node id={id} detail={data} onChange={() => changes.value++} />;
}

interface NodeProps {
  id: string;
  detail: Detail;
  onChange: () => void;
}

function Node({ id, detail, onChange }: NodeProps) {
  const t = texts.value;
  const { live, own, timeline, speed, measured } = detail;
  const name = own?.name ?? live?.name ?? id;
  return (
    <Page
      title={name}
      lead={<a href={paths.nodes}>← {messages.value.nodes.title}</a>}
      action={own && <OwnerActions node={own} onChange={onChange} />}
    >
      <div class={style.facts}>
        <section class={panelStyle.panel} aria-label={t.stateTitle}>
          <NodeState node={asListed(id, detail)} isLarge />
          {live && (
            <Meter
              label={messages.value.nodes.slotsLabel}
              text={messages.value.nodes.inFlight(live.active_tasks, live.max_parallel)}
              value={live.active_tasks}
              max={live.max_parallel}
            />
          )}
          {live && live.share !== null && live.share < live.max_parallel && (
            <p class="hint">{t.earning(live.share, live.max_parallel)}</p>
          )}
          <NodeFacts detail={detail} />
        </section>
        {live && <Terms node={live} />}
      </div>
      <section class={panelStyle.panel}>
        <div class={panelStyle.head}>
          <h2>{t.speedTitle}</h2>
          <span class="hint">{messages.value.nodes.lastDay}</span>
        </div>
        <SpeedTable
          node={live && own ? id : null}
          speed={speed}
          models={live?.supported_models ?? own?.models ?? []}
        />
      </section>
      {own && <NodeUsage id={id} name={name} />}
      {live && (
        <section class={panelStyle.panel}>
          <div class={panelStyle.head}>
            <h2>{t.measuredTitle}</h2>
            <span class="hint">{t.measuredHint}</span>
          </div>
          <MeasureTable measured={measured} />
        </section>
      )}
      {own && (
        <section class={panelStyle.panel}>
          <div class={panelStyle.head}>
            <h2>{t.lentTitle}</h2>
            <span class="hint">{t.lentHint}</span>
          </div>
          <LentTable id={id} />
        </section>
      )}
      <section class={panelStyle.panel}>
        <div class={panelStyle.head}>
          <h2>{t.timelineTitle}</h2>
        </div>
        <Timeline events={timeline} />
      </section>
    </Page>
  );
}

function NodeFacts({ detail: { live, own } }: { detail: Detail }) {
  const t = texts.value.facts;
  const gateway = useLive(api.info, REFRESH_INFO_MS).value.data?.version;
  const nowMs = serverNow(now.value);
  const machine = live?.machine ?? own?.machine ?? null;
  const rows: readonly [string, string | null][] = [
    [
      t.connected,
      live && `${formatAge(nowMs - live.connected_at)} (${formatMoment(live.connected_at)})`,
    ],
    [t.lastSeen, own && !live ? formatMoment(own.last_seen_at) : null],
    [t.firstSeen, own && formatMoment(own.first_seen_at)],
    [t.ownName, own ? ownName(own) : null],
    [t.system, machine && systemOf(machine)],
    [t.gpus, machine && (formatList(gpusOf(machine)) || null)],
    [t.agent, withSkew(live?.agent ?? own?.agent ?? null, gateway)],
  ];
  return <Facts rows={rows.filter(([, value]) => value !== null)} />;
}

/** The node's version and, where it is another release's, the gateway's. */
function withSkew(agent: string | null, gateway: string | undefined): string | null {
  const own = agent?.startsWith(AGENT) ? agent.slice(AGENT.length) : null;
  return agent === null || own === null || gateway === undefined || own === gateway
    ? agent
    : `${agent} (${texts.value.facts.skew(gateway)})`;
}

/** The gateway's version changes with its restart. */
const REFRESH_INFO_MS = 60_000;

/** The node's reported name, where its owner has given it another. */
function ownName({ label, live }: OwnNodeView): string | null {
  return label !== null && live && live.name !== label ? live.name : null;
}

function asListed(id: string, { live, own }: Detail): ListedNode {
  return {
    id,
    name: own?.name ?? live?.name ?? id,
    isMine: own !== null,
    live,
    gone: own?.gone ?? null,
    models: live?.supported_models ?? own?.models ?? [],
    agent: live?.agent ?? own?.agent ?? null,
    machine: live?.machine ?? own?.machine ?? null,
    speed: null,
    lastSeenMs: own?.last_seen_at ?? null,
    owner: null,
    mark: null,
  };
}

function Missing({ error }: { error: ApiError }) {
  const t = texts.value;
  return (
    <Page title={t.missingTitle} lead={error.status === 404 && t.missingText} width="narrow">
      {error.status !== 404 && <ErrorNotice error={error} />}
      <div class={buttonStyle.actions}>
        <a class={buttonClass("primary")} href={paths.nodes}>{t.missingAction}</a>
      </div>
    </Page>
  );
}
