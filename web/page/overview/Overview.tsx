/** The administrators' overview: the whole gateway now and over time, and what needs attention. */

import { useSignal } from "@preact/signals";
import type { NetworkView, OverviewView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Choices } from "../../part/Choice.tsx";
import { Failure } from "../../part/Notice.tsx";
import * as pageStyle from "../../part/Page.module.css";
import * as panelStyle from "../../part/panel.module.css";
import { Bones } from "../../part/Skeleton.tsx";
import { serverNow } from "../../state/clock.ts";
import { isFed, useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { formatNumber, messages } from "../../state/locale.ts";
import { useChoices } from "../../state/url.ts";
import { zone } from "../../state/zone.ts";
import { has } from "../../state/words.ts";
import { rangeMs, type RangeName, rangeNames, rangeOf } from "../dashboard/ranges.ts";
import { Shares } from "../dashboard/Shares.tsx";
import { Trend } from "../dashboard/Trend.tsx";
import { Attention } from "./Attention.tsx";
import * as style from "./Overview.module.css";
import { texts } from "./texts.ts";

/** Poll interval with the feed, which reports nodes and calls in between. */
const REFRESH_FED_MS = 10_000;
const REFRESH_MS = 5_000;

export function Overview() {
  const t = messages.value;
  const choices = useChoices();
  const range = rangeOf(choices.get("range"));
  const network = useSignal<NetworkView | null>(null);
  const load = (signal: AbortSignal) => {
    const to = serverNow();
    return api.overview({ from: to - rangeMs[range], to, zone: zone.value }, signal);
  };
  const { data: view, error } =
    useLive(load, isFed.value ? REFRESH_FED_MS : REFRESH_MS, [range, zone.value]).value;
  useFeed("snapshot", (snapshot) => network.value = snapshot.network);
  useFeed("network", (now) => network.value = now);

  if (!view) return error ? <Failure error={error} /> : <Bones count={3} />;
  return (
    <>
      <Failure error={error} />
      <div class={pageStyle.toolbar}>
        <p class={pageStyle.aside}>{texts.value.lead(view.gateways, view.version)}</p>
        <Choices<RangeName>
          label={t.dashboard.range}
          options={rangeNames}
          chosen={range}
          name={(one) => t.dashboard.ranges[one]}
          onChoose={(one) => choices.set({ range: one }, true)}
        />
      </div>
      <Attention findings={view.attention} />
      <Now view={view} network={network.value} />
      <Trend view={view.usage} file="co-link-everyone.csv" scope="all" />
      <div class={style.pair}>
        <Causes view={view} />
        <Queues view={view} />
      </div>
      <Shares
        parts={[
          ["model", view.usage.by_model],
          ["node", view.usage.by_node],
          ["account", view.usage.by_account],
          ["group", view.usage.by_group],
        ]}
      />
    </>
  );
}

const nowNames = ["nodes", "models", "running", "waiting"] as const;

function Now({ view, network }: { view: OverviewView; network: NetworkView | null }) {
  const t = texts.value;
  const figures = network ?? { ...view, running: Math.max(0, view.running - view.waiting) };
  const isHere = (name: string) => view.gateways > 1 && (name === "running" || name === "waiting");
  return (
    <dl class={style.now} aria-label={t.now}>
      {nowNames.map((name) => (
        <div key={name}>
          <dt>{t.nowFigures[name]}</dt>
          <dd>{formatNumber(figures[name])}</dd>
          {isHere(name) && <dd class="hint">{t.hereHint}</dd>}
        </div>
      ))}
    </dl>
  );
}

function Causes({ view: { causes } }: { view: OverviewView }) {
  const { errors } = messages.value;
  const t = texts.value;
  return (
    <section class={panelStyle.panel} aria-labelledby="causes">
      <div class={panelStyle.head}>
        <h2 id="causes">{t.causesTitle}</h2>
      </div>
      {causes.length === 0 && <p class="hint">{t.noErrors}</p>}
      {causes.length > 0 && (
        <ul class={style.rows}>
          {causes.map(({ code, calls }) => (
            <li key={code}>
              <span>
                <code>{code}</code>{" "}
                <span class="hint">{has(errors, code) ? errors[code] : ""}</span>
              </span>
              <strong>{formatNumber(calls)}</strong>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Queues({ view: { queues } }: { view: OverviewView }) {
  const t = texts.value;
  return (
    <section class={panelStyle.panel} aria-labelledby="queues">
      <div class={panelStyle.head}>
        <h2 id="queues">{t.queuesTitle}</h2>
      </div>
      {queues.length === 0 && <p class="hint">{t.noQueues}</p>}
      {queues.length > 0 && (
        <ul class={style.rows}>
          {queues.map(({ model, waiting, running, slots }) => (
            <li key={model}>
              <span>
                <bdi>{model}</bdi> <span class="hint">{t.slots(running, slots)}</span>
              </span>
              <strong>{t.queue(waiting)}</strong>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
