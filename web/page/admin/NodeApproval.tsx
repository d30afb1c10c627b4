/** Every node of everybody: let in, kept out, put to rest. */

import { useSignal } from "@preact/signals";
import type { AdminNodeChange, AdminNodeView } from "../../../protocol/api.ts";
import { api } from "../../api.ts";
import { Empty } from "../../part/Empty.tsx";
import { Failure } from "../../part/Failure.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { State } from "../../part/State.tsx";
import { nodePath } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { now, useLive } from "../../state/live.ts";
import { formatAge, messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";

const REFRESH_MS = 10_000;

export function NodeApproval() {
  const t = messages.value.admin;
  const changes = useSignal(0);
  const { data, error } = useLive(api.adminNodes, REFRESH_MS, [changes.value]).value;
  const changing = useSubmit();
  const change = (id: string, what: AdminNodeChange) =>
    changing.run(async () => {
      await api.changeAdminNode(id, what);
      changes.value++;
    });
  if (!data) return error ? <Failure error={error} /> : <Bones count={3} />;
  if (data.nodes.length === 0) {
    return <Empty icon="server" title={t.noNodesTitle} text={t.noNodesText} />;
  }
  return (
    <section>
      <Failure error={error} />
      {changing.error.value && <ErrorNotice error={changing.error.value} />}
      <div class="table-box">
        <table class="table cards">
          <thead>
            <tr>
              <th scope="col">{t.nodeColumns.name}</th>
              <th scope="col">{t.nodeColumns.state}</th>
              <th scope="col">{t.nodeColumns.owner}</th>
              <th scope="col">{messages.value.nodes.models}</th>
              <th scope="col">{t.nodeColumns.firstSeen}</th>
              <th scope="col">
                <span class="off-screen">{messages.value.keys.columns.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.nodes.map((node) => (
              <Row
                key={node.id}
                node={node}
                onChange={(what) => void change(node.id, what)}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface RowProps {
  node: AdminNodeView;
  onChange: (change: AdminNodeChange) => void;
}

function Row({ node, onChange }: RowProps) {
  const t = messages.value.admin;
  const isApproved = node.approved_at !== null;
  const isPaused = node.paused_at !== null;
  return (
    <tr>
      <th scope="row">
        <a href={nodePath(node.id)}>{node.name}</a>
      </th>
      <td data-label={t.nodeColumns.state}>
        <NodeState node={node} />
      </td>
      <td data-label={t.nodeColumns.owner}>{node.owner_email}</td>
      <td data-label={messages.value.nodes.models}>{node.models.join(", ")}</td>
      <td data-label={t.nodeColumns.firstSeen}>
        {formatAge(Math.max(0, serverNow(now.value) - node.first_seen_at))}
      </td>
      <td class="tight">
        <div class="actions end">
          <button
            type="button"
            class={`button small ${isApproved ? "" : "primary"}`}
            onClick={() => onChange({ approved: !isApproved })}
          >
            {isApproved ? t.unapprove : t.approve}
          </button>
          <button
            type="button"
            class="button small"
            onClick={() => onChange({ paused: !isPaused })}
          >
            {isPaused ? messages.value.node.resume : messages.value.node.pause}
          </button>
        </div>
      </td>
    </tr>
  );
}

function NodeState({ node }: { node: AdminNodeView }) {
  const t = messages.value;
  if (node.approved_at === null) {
    return <State tone="warning" icon="unapproved" text={t.nodes.states.unapproved} />;
  }
  if (node.paused_at !== null) {
    return <State tone="quiet" icon="paused" text={t.nodes.states.paused} />;
  }
  return node.connected
    ? <State tone="good" icon="ready" text={t.admin.connected} />
    : <State tone="quiet" icon="away" text={t.nodes.states.away} />;
}
