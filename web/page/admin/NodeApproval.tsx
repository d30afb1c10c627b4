/** All users' nodes: approved, withdrawn, paused. */

import type { AdminNodeChange, AdminNodeView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Empty } from "../../part/Empty.tsx";
import { ErrorNotice, Failure } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { State } from "../../part/State.tsx";
import { Table } from "../../part/Table.tsx";
import { nodePath } from "../../route.ts";
import { useChanging } from "../../state/changing.ts";
import { serverNow } from "../../state/clock.ts";
import { useFeed } from "../../state/feed.ts";
import { now } from "../../state/live.ts";
import { formatAge, formatList, messages } from "../../state/locale.ts";
import { useAtMost } from "../../state/throttle.ts";
import { useSubmit } from "../../state/submit.ts";
import { buttonClass } from "../../part/button.ts";
import { texts } from "./texts.ts";
import * as tableStyle from "../../part/Table.module.css";
import * as buttonStyle from "../../part/button.module.css";

/** Shortest time between two reloads, however often nodes change. */
const CHANGES_EVERY_MS = 2000;

export function NodeApproval() {
  const t = texts.value;
  const { live, reload } = useChanging("nodes", api.adminNodes);
  const { data, error } = live.value;
  const changed = useAtMost(CHANGES_EVERY_MS, reload);
  useFeed("node", changed);
  useFeed("node_gone", changed);
  const changing = useSubmit();
  const change = (id: string, what: AdminNodeChange) =>
    changing.run(async () => {
      await api.changeAdminNode(id, what);
      reload();
    });
  if (!data) return error ? <Failure error={error} /> : <Bones count={3} />;
  if (data.nodes.length === 0) {
    return <Empty icon="server" title={t.noNodesTitle} text={t.noNodesText} />;
  }
  return (
    <section>
      <Failure error={error} />
      {changing.error.value && <ErrorNotice error={changing.error.value} />}
      <Table
        columns={[
          { name: t.nodeColumns.name },
          { name: t.nodeColumns.state },
          { name: t.nodeColumns.owner },
          { name: messages.value.nodes.models },
          { name: t.nodeColumns.firstSeen },
        ]}
        hasTools
      >
        {data.nodes.map((node) => (
          <Row
            key={node.id}
            node={node}
            onChange={(what) => void change(node.id, what)}
          />
        ))}
      </Table>
    </section>
  );
}

interface RowProps {
  node: AdminNodeView;
  onChange: (change: AdminNodeChange) => void;
}

function Row({ node, onChange }: RowProps) {
  const t = texts.value;
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
      <td data-label={messages.value.nodes.models}>{formatList(node.models)}</td>
      <td data-label={t.nodeColumns.firstSeen}>
        {formatAge(Math.max(0, serverNow(now.value) - node.first_seen_at))}
      </td>
      <td class={tableStyle.tight}>
        <div class={buttonStyle.actionsEnd}>
          <button
            type="button"
            class={isApproved ? buttonClass("small") : buttonClass("small", "primary")}
            onClick={() => onChange({ approved: !isApproved })}
          >
            {isApproved ? t.unapprove : t.approve}
          </button>
          <button
            type="button"
            class={buttonClass("small")}
            onClick={() => onChange({ paused: !isPaused })}
          >
            {isPaused ? messages.value.nodes.resume : messages.value.nodes.pause}
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
    ? <State tone="good" icon="ready" text={texts.value.connected} />
    : <State tone="quiet" icon="away" text={t.nodes.states.away} />;
}
