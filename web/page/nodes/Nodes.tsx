/** Every machine that is connected now, as it changes. */

import type { NodeView } from "../../../protocol/api.ts";
import { api } from "../../api.ts";
import { Meter } from "../../part/Meter.tsx";
import { NodeRow } from "./NodeRow.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { Skeleton } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { session } from "../../state/session.ts";

const REFRESH_MS = 2000;

export function Nodes() {
  const t = messages.value.nodes;
  const live = useLive(api.nodes, REFRESH_MS).value;
  if (!live.data && !live.error) return <Skeleton />;
  const nodes = [...live.data?.nodes ?? []].sort(byName);
  return (
    <Page
      title={t.title}
      lead={t.lead}
      action={nodes.length > 0 && <a class="button" href={addNodePath()}>{t.add}</a>}
    >
      {live.error && live.error.code !== "unreachable" && <ErrorNotice error={live.error} />}
      {live.data && (nodes.length === 0 ? <Nobody /> : <Connected nodes={nodes} />)}
    </Page>
  );
}

function Connected({ nodes }: { nodes: readonly NodeView[] }) {
  const t = messages.value.nodes;
  const busy = nodes.reduce((sum, node) => sum + node.active_tasks, 0);
  const slots = nodes.reduce((sum, node) => sum + node.max_parallel, 0);
  const models = new Set(nodes.flatMap((node) => node.supported_models)).size;
  return (
    <>
      <div class="summary">
        <span>{messages.value.online(nodes.length, models)}</span>
        <Meter label={t.slotsLabel} text={t.summary(busy, slots)} value={busy} max={slots} />
      </div>
      <ul class="nodes">
        {nodes.map((node) => <NodeRow key={node.id} node={node} />)}
      </ul>
    </>
  );
}

function Nobody() {
  const t = messages.value.nodes;
  const isSignedIn = session.value.state === "in";
  return (
    <section class="empty">
      <h2>{t.emptyTitle}</h2>
      <p>{t.emptyText}</p>
      <a class="button primary" href={addNodePath()}>
        {isSignedIn ? t.emptySignedIn : t.emptySignedOut}
      </a>
    </section>
  );
}

function addNodePath(): string {
  return session.value.state === "in" ? `${paths.dashboard}#share` : paths.register;
}

/** The gateway lists nodes in no order; on screen they should stay where they are. */
function byName(a: NodeView, b: NodeView): number {
  return a.name.localeCompare(b.name) || a.id.localeCompare(b.id);
}
