/** What the policy `auto` expects of each model on a node, as the gateway has measured it lately. */

import type { NodeMeasure } from "../../../api/mod.ts";
import { Table } from "../../part/Table.tsx";
import { formatDuration, formatNumber, formatShare } from "../../state/locale.ts";
import * as tableStyle from "../../part/Table.module.css";
import { texts } from "./texts.ts";

export function MeasureTable({ measured }: { measured: readonly NodeMeasure[] }) {
  const t = texts.value.measured;
  if (measured.length === 0) return <p class="hint">{t.nothing}</p>;
  const names = [t.prefill, t.decode, t.load, t.hits, t.firstError, t.endError];
  return (
    <Table
      columns={[{ name: t.model }, ...names.map((name) => ({ name, isNumber: true }))]}
      isInset
    >
      {measured.map((one) => {
        const decode = one.decode.map(({ running, tokens_per_second: rate }) =>
          t.atOnce(formatRate(rate), formatNumber(running))
        );
        const cells = [
          one.prefill_chars_per_second === null
            ? null
            : t.chars(formatRate(one.prefill_chars_per_second)),
          decode.length === 0 ? null : decode.map((one) => <div key={one}>{one}</div>),
          one.load_ms === null ? null : formatDuration(one.load_ms),
          one.prefix_hit_rate === null ? null : formatShare(one.prefix_hit_rate),
          one.first_token_error === null ? null : formatShare(one.first_token_error),
          one.end_error === null ? null : formatShare(one.end_error),
        ];
        return (
          <tr key={`${one.model} ${one.endpoint}`}>
            <th scope="row">
              <code>{one.model}</code> <span class="hint">{one.endpoint}</span>
            </th>
            {cells.map((text, i) => (
              <td key={i} class={tableStyle.number} data-label={names[i]}>
                <div>{text ?? "–"}</div>
              </td>
            ))}
          </tr>
        );
      })}
    </Table>
  );
}

function formatRate(perSecond: number): string {
  return formatNumber(perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond));
}
