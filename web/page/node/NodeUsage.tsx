/** What a node served over time: load, speed and errors, for its owner and administrators. */

import { useSignal } from "@preact/signals";
import { api } from "../../api.ts";
import { Choices } from "../../part/Choice.tsx";
import * as pageStyle from "../../part/Page.module.css";
import { paths } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { rangeMs, type RangeName, rangeNames } from "../dashboard/ranges.ts";
import { Trend } from "../dashboard/Trend.tsx";
import { texts } from "./texts.ts";

const REFRESH_MS = 30_000;

export function NodeUsage({ id, name }: { id: string; name: string }) {
  const t = messages.value;
  const range = useSignal<RangeName>("24h");
  const load = (signal: AbortSignal) => {
    const to = serverNow();
    return api.nodeUsage(id, { from: to - rangeMs[range.value], to }, signal);
  };
  const { data } = useLive(load, REFRESH_MS, [id, range.value]).value;
  if (!data) return null;
  return (
    <section>
      <div class={pageStyle.toolbar}>
        <h2>{texts.value.usageTitle}</h2>
        <Choices<RangeName>
          label={t.dashboard.range}
          options={rangeNames}
          chosen={range.value}
          name={(one) => t.dashboard.ranges[one]}
          onChoose={(one) => range.value = one}
        />
      </div>
      <Trend view={data} names={names} file={`co-link-${name}.csv`} />
      <p>
        <a href={`${paths.calls}?side=provided&node=${encodeURIComponent(id)}`}>
          {texts.value.itsCalls}
        </a>
      </p>
    </section>
  );
}

/** A node's load and speed. */
const names = ["calls", "speed", "firstToken", "errors"] as const;
