/** What a node gave: hours, calls and tokens by how near the callers are, energy, and why it was closed. */

import type { LentDayView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Failure } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { Table } from "../../part/Table.tsx";
import { useLive } from "../../state/live.ts";
import { formatDay, formatNumber, formatShort, messages } from "../../state/locale.ts";
import { nodeSays } from "../nodes/causes.ts";
import * as tableStyle from "../../part/Table.module.css";
import { texts } from "./texts.ts";

const REFRESH_MS = 60_000;
const JOULES_PER_KWH = 3_600_000;

export function LentTable({ id }: { id: string }) {
  const t = texts.value.lent;
  const { data, error } = useLive((signal) => api.nodeLent(id, signal), REFRESH_MS, [id]).value;
  if (!data) return error ? <Failure error={error} /> : <Bones count={2} />;
  if (data.days.length === 0) return <p class="hint">{t.nothing}</p>;
  const hasEnergy = data.days.some(({ energy_j }) => energy_j !== null);
  return (
    <Table
      columns={[
        { name: t.day },
        { name: t.open, isNumber: true },
        { name: t.own, isNumber: true },
        { name: t.group, isNumber: true },
        { name: t.any, isNumber: true },
        ...(hasEnergy ? [{ name: t.energy, isNumber: true }] : []),
        { name: t.closed },
      ]}
      isInset
    >
      {data.days.map((one) => (
        <tr key={one.day}>
          <th scope="row">{formatDay(one.day)}</th>
          <td class={tableStyle.number} data-label={t.open}>{hours(one.open_s)}</td>
          {(["own", "group", "any"] as const).map((route) => (
            <td key={route} class={tableStyle.number} data-label={t[route]}>
              {served(one.served[route])}
            </td>
          ))}
          {hasEnergy && (
            <td class={tableStyle.number} data-label={t.energy}>
              {one.energy_j === null ? "–" : t.kwh(tenths(one.energy_j / JOULES_PER_KWH))}
            </td>
          )}
          <td data-label={t.closed}>{closed(one)}</td>
        </tr>
      ))}
    </Table>
  );
}

function hours(seconds: number): string {
  return texts.value.lent.hours(tenths(seconds / 3600));
}

function tenths(value: number): string {
  return formatNumber(Math.round(value * 10) / 10);
}

function served({ calls, prompt_tokens, completion_tokens }: LentDayView["served"]["own"]): string {
  if (calls === 0) return "–";
  return texts.value.lent.served(
    formatNumber(calls),
    formatShort(prompt_tokens + completion_tokens),
  );
}

/** The reasons, the longest first. */
function closed({ closed: reasons, refused }: LentDayView): string {
  const t = texts.value.lent;
  const parts = [...reasons].sort((a, b) => b.seconds - a.seconds)
    .map(({ reason, message, seconds }) => t.closedFor(hours(seconds), nodeSays(reason, message)));
  if (refused > 0) parts.push(t.refused(refused));
  return parts.join(messages.value.nodes.gap) || "–";
}
