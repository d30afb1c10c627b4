/** The user's usage, made and served, over time and by model, key and node. */

import type { Side, UsageFilter, UsageView, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Choices } from "../../part/Choice.tsx";
import { Empty } from "../../part/Empty.tsx";
import { Failure } from "../../part/Notice.tsx";
import { FilterChips } from "../../part/FilterChips.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { Page } from "../../part/Page.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { isFed, useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { formatDay, messages } from "../../state/locale.ts";
import { countCalls, refreshSession } from "../../state/session.ts";
import { zone } from "../../state/zone.ts";
import { type Choices as UrlChoices, useChoices } from "../../state/url.ts";
import { incremented } from "./increment.ts";
import { rangeMs, type RangeName, rangeNames, rangeOf } from "./ranges.ts";
import { Shares } from "./Shares.tsx";
import { Totals } from "./Totals.tsx";
import { Trend } from "./Trend.tsx";
import { buttonClass } from "../../part/button.ts";
import * as pageStyle from "../../part/Page.module.css";

/** Poll interval; the feed reports changes in between. */
const REFRESH_MS = 30_000;
/** Short, because a call that ended just before the page opened is in neither the feed nor the first answer. */
const REFRESH_USER_FED_MS = 10_000;
/** Poll interval without the feed. */
const REFRESH_USER_MS = 5000;

export function Dashboard() {
  return <Guarded>{(user) => <Overview user={user} />}</Guarded>;
}

const sides: readonly Side[] = ["made", "provided"];
/** The filters of the figures, by their names in the address. */
const filters = ["model", "key", "node"] as const;

function Overview({ user }: { user: UserView }) {
  const t = messages.value.dashboard;
  const choices = useChoices();
  const side = sides.find((one) => one === choices.get("side")) ?? "made";
  const range = rangeOf(choices.get("range"));
  useLive(refreshSession, isFed.value ? REFRESH_USER_FED_MS : REFRESH_USER_MS);
  useFeed("usage", countCalls);

  return (
    <Page
      title={t.title}
      lead={`${user.email} · ${t.memberSince(formatDay(user.created_at))}`}
      action={
        <div class={pageStyle.toolbar}>
          <Choices<Side>
            label={t.side}
            options={sides}
            chosen={side}
            name={(one) => t.sides[one]}
            onChoose={(one) => choices.set({ side: one === "made" ? "" : one, key: "" }, true)}
          />
          <Choices<RangeName>
            label={t.range}
            options={rangeNames}
            chosen={range}
            name={(one) => t.ranges[one]}
            onChoose={(one) => choices.set({ range: one }, true)}
          />
        </div>
      }
    >
      <Totals user={user} />
      <Usage side={side} range={range} choices={choices} />
    </Page>
  );
}

interface UsageProps {
  side: Side;
  range: RangeName;
  choices: UrlChoices;
}

function Usage({ side, range, choices }: UsageProps) {
  const chosen = Object.fromEntries(
    filters.map((name) => [name, choices.get(name) || undefined]),
  ) as Pick<UsageFilter, typeof filters[number]>;
  const load = (signal: AbortSignal) => {
    const to = serverNow();
    return api.usage({ side, from: to - rangeMs[range], to, zone: zone.value, ...chosen }, signal);
  };
  const query = [side, range, zone.value, chosen.model, chosen.key, chosen.node].join("\n");
  const live = useLive(load, REFRESH_MS, [query]);
  useFeed("usage", (increments) => {
    const { data, ...rest } = live.peek();
    if (!data) return;
    live.value = { ...rest, data: incremented(data, increments, chosen, serverNow()) };
  });
  const { data: view, error } = live.value;

  if (!view) return error ? <Failure error={error} /> : <Bones count={2} />;
  const inUse = filters.filter((name) => chosen[name] !== undefined);
  const isNarrowed = inUse.length > 0;
  if (view.total.calls === 0 && view.before.calls === 0 && !isNarrowed) {
    return <Nothing side={side} />;
  }
  return (
    <>
      <Failure error={error} />
      {isNarrowed && (
        <FilterChips
          names={inUse}
          choices={choices}
          valueOf={(name, value) => nameIn(view, name, value)}
        />
      )}
      <Trend view={view} scope={side === "made" ? "own" : null} />
      <Shares
        parts={[["model", view.by_model], ["key", view.by_key], ["node", view.by_node]]}
        onNarrow={(name, id) => choices.set({ [name]: id }, true)}
      />
    </>
  );
}

/** The name of what the figures are narrowed to. */
function nameIn(view: UsageView, part: typeof filters[number], id: string): string {
  const shares = { model: view.by_model, key: view.by_key, node: view.by_node }[part];
  const name = shares.find((share) => share.id === id)?.name;
  return part === "key" && name === "" ? messages.value.keys.ownKey : name ?? id;
}

function Nothing({ side }: { side: Side }) {
  const t = messages.value.dashboard.nothing[side];
  const href = side === "made" ? paths.playground : `${paths.nodes}?add=1`;
  return (
    <Empty icon="chart" title={t.title} text={t.text}>
      <a class={buttonClass("primary")} href={href}>{t.action}</a>
    </Empty>
  );
}
