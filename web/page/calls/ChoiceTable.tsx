/** Why a call's node was chosen: what was expected of the nodes compared, and what the answer really took. */

import { useSignal } from "@preact/signals";
import type { CallView, CandidateView, ChoiceView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Table } from "../../part/Table.tsx";
import { nodePath } from "../../route.ts";
import { formatDuration, formatNumber, messages } from "../../state/locale.ts";
import { serverNow } from "../../state/clock.ts";
import { pause, useLive } from "../../state/live.ts";
import * as chipStyle from "../../part/chip.module.css";
import * as style from "./ChoiceTable.module.css";
import * as tableStyle from "../../part/Table.module.css";

/** A call is listed a moment before it is in the database. */
const WRITTEN_AFTER_MS = 2_000;
const ASK_AGAIN_MS = 5_000;

export function ChoiceTable({ id, started_at, duration_ms }: CallView) {
  const isLoaded = useSignal(false);
  const loaded = useLive(
    async (signal) => {
      const endedMs = serverNow(Date.now()) - started_at - duration_ms;
      await pause(Math.max(0, WRITTEN_AFTER_MS - endedMs), signal);
      const { call } = await api.call(id, signal);
      isLoaded.value = true;
      return call.choice;
    },
    isLoaded.value ? null : ASK_AGAIN_MS,
    [id],
  );
  const choice = loaded.value.data;
  return choice && <Candidates choice={choice} />;
}

function Candidates({ choice }: { choice: ChoiceView }) {
  const t = messages.value.calls.choice;
  const { candidates, trial, real_first_ms: firstMs, real_end_ms: endMs } = choice;
  const real = [
    firstMs === null ? null : t.realFirst(formatDuration(firstMs)),
    endMs === null ? null : t.realEnd(formatDuration(endMs)),
  ].filter((text) => text !== null);
  return (
    <section class={style.choice} aria-label={t.title}>
      <h2>{t.title}</h2>
      {trial && <p class="hint">{t.trial}</p>}
      <Table
        columns={[
          { name: t.node },
          { name: t.first, isNumber: true },
          { name: t.end, isNumber: true },
          { name: t.load, isNumber: true },
          { name: t.held, isNumber: true },
          { name: t.free, isNumber: true },
        ]}
        isInset
      >
        {candidates.map((candidate, i) => <Candidate key={i} candidate={candidate} />)}
      </Table>
      {real.length > 0 && <p>{t.real(real)}</p>}
    </section>
  );
}

function Candidate({ candidate }: { candidate: CandidateView }) {
  const { calls: { choice: t, goneNode } } = messages.value;
  const { node, node_name, chosen, measured } = candidate;
  const first = formatDuration(candidate.expected_first_ms);
  const end = formatDuration(candidate.expected_end_ms);
  return (
    <tr>
      <th scope="row">
        {node === null ? t.hidden : <a href={nodePath(node)}>{node_name ?? goneNode}</a>}{" "}
        {chosen && <span class={chipStyle.soft}>{t.chosen}</span>}{" "}
        {!measured && <span class={chipStyle.soft}>{t.unmeasured}</span>}
      </th>
      <td class={tableStyle.number} data-label={t.first}>{first}</td>
      <td class={tableStyle.number} data-label={t.end}>{end}</td>
      <td class={tableStyle.number} data-label={t.load}>
        {candidate.load_ms > 0 ? formatDuration(candidate.load_ms) : "–"}
      </td>
      <td class={tableStyle.number} data-label={t.held}>
        {candidate.held_chars > 0 ? t.chars(formatNumber(candidate.held_chars)) : "–"}
      </td>
      <td class={tableStyle.number} data-label={t.free}>{formatNumber(candidate.free_slots)}</td>
    </tr>
  );
}
