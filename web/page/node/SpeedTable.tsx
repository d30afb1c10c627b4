/** Speed and errors of each model on a node, from the calls of the last day. */

import type { NodeModelSpeed } from "../../../api/mod.ts";
import { Table } from "../../part/Table.tsx";
import { modelPath } from "../../route.ts";
import { formatDuration, formatNumber, formatShare, messages } from "../../state/locale.ts";
import { TestModel } from "./TestModel.tsx";
import * as style from "./SpeedTable.module.css";
import * as tableStyle from "../../part/Table.module.css";
import { texts } from "./texts.ts";

interface Props {
  /** The connected node that this user may test; null: there is nothing to test. */
  node: string | null;
  speed: readonly NodeModelSpeed[];
  /** All models that the node offers, including those without calls. */
  models: readonly string[];
}

export function SpeedTable({ node, speed, models }: Props) {
  const t = texts.value.speed;
  const known = new Map(speed.map((one) => [one.model, one]));
  const names = [...new Set([...models, ...known.keys()])].sort();
  if (names.length === 0) return <p class="hint">{messages.value.nodes.noModels}</p>;
  return (
    <Table
      columns={[
        { name: t.model },
        { name: t.calls, isNumber: true },
        { name: t.errors, isNumber: true },
        { name: t.p50, isNumber: true },
        { name: t.p95, isNumber: true },
        { name: t.rate, isNumber: true },
      ]}
      hasTools
      isInset
    >
      {names.map((name) => {
        const one = known.get(name);
        const { first_token_p50_ms: p50 = null, first_token_p95_ms: p95 = null } = one ?? {};
        const rate = one?.tokens_per_second ?? null;
        return (
          <tr key={name}>
            <th scope="row">
              <a href={modelPath(name)}>
                <code>{name}</code>
              </a>
            </th>
            <td class={tableStyle.number} data-label={t.calls}>{formatNumber(one?.calls ?? 0)}</td>
            <td class={tableStyle.number} data-label={t.errors}>
              {one && one.calls > 0 ? formatShare(one.errors / one.calls) : "–"}
            </td>
            <td class={tableStyle.number} data-label={t.p50}>
              {p50 === null ? "–" : formatDuration(p50)}
            </td>
            <td class={tableStyle.number} data-label={t.p95}>
              {p95 === null ? "–" : formatDuration(p95)}
            </td>
            <td class={tableStyle.number} data-label={t.rate}>
              {rate === null ? "–" : messages.value.nodes.perSecond(formatNumber(Math.round(rate)))}
            </td>
            <td>
              <div class={style.tools}>
                {node !== null && models.includes(name) && <TestModel node={node} model={name} />}
              </div>
            </td>
          </tr>
        );
      })}
    </Table>
  );
}
