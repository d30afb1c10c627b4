/** All nodes of the network, live. */

import { useSignal } from "@preact/signals";
import type { NodeView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Choices } from "../../part/Choice.tsx";
import { Empty } from "../../part/Empty.tsx";
import { Failure } from "../../part/Notice.tsx";
import { Icon } from "../../part/Icon.tsx";
import { ListNote } from "../../part/ListNote.tsx";
import { FEW_ITEMS, LongList } from "../../part/LongList.tsx";
import { Meter } from "../../part/Meter.tsx";
import { Page } from "../../part/Page.tsx";
import { SearchField } from "../../part/SearchField.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { Skeleton } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { useNodes } from "../../state/nodes.ts";
import { session } from "../../state/session.ts";
import { useChoices } from "../../state/url.ts";
import { AddNode } from "./AddNode.tsx";
import {
  isLongAway,
  listed,
  type ListedNode,
  narrowed,
  type Order,
  orderIn,
  orderText,
  type Sort,
  sorted,
  sorts,
  type View,
  views,
} from "./listed.ts";
import { NodeRow } from "./NodeRow.tsx";
import { buttonClass } from "../../part/button.ts";
import * as pageStyle from "../../part/Page.module.css";
import * as rowStyle from "./NodeRow.module.css";
import * as style from "./Nodes.module.css";

/** Poll interval of the user's own nodes, including offline ones; the feed reports changes in between. */
const REFRESH_OWN_MS = 60_000;

/** The gateway looks at them once a minute. */
const REFRESH_SPEEDS_MS = 60_000;

/** Approximate height of a row. */
const ROW_PX = 88;

export function Nodes() {
  const t = messages.value.nodes;
  const user = session.value.state === "in" ? session.value.user : null;
  const choices = useChoices();
  const nodes = useNodes().value;
  const disconnects = useSignal(0);
  useFeed("node_gone", () => disconnects.value++);
  const changes = [disconnects.value];
  const own = useLive(api.ownNodes, user ? REFRESH_OWN_MS : null, changes).value.data;
  const isAdmin = user?.role === "admin";
  const everyones = useLive(api.adminNodes, isAdmin ? REFRESH_OWN_MS : null, changes).value.data;

  const speeds = useLive(api.nodeSpeeds, user ? REFRESH_SPEEDS_MS : null).value.data;

  if (!nodes.connected && !nodes.error) return <Skeleton />;
  const all = listed(nodes, own?.nodes ?? [], everyones?.nodes, speeds?.nodes);
  const add = () => choices.set({ add: "1" });
  const addButton = user
    ? (
      <button type="button" class={buttonClass("primary")} onClick={add}>
        <Icon name="plus" /> {t.add}
      </button>
    )
    : <a class={buttonClass("primary")} href={paths.register}>{t.emptySignedOut}</a>;
  return (
    <Page title={t.title} lead={t.lead} action={all.length > 0 && addButton}>
      <Failure error={nodes.error} />
      {nodes.connected && all.length === 0 && (
        <Empty icon="server" title={t.emptyTitle} text={t.emptyText}>{addButton}</Empty>
      )}
      {all.length > 0 && (
        <Listed
          all={all}
          connected={nodes.connected}
          isAdmin={isAdmin}
          onForget={() => disconnects.value++}
        />
      )}
      {user && nodes.connected && choices.get("add") !== "" && (
        <AddNode
          connected={nodes.connected}
          onClose={() => choices.set({ add: "" })}
        />
      )}
    </Page>
  );
}

interface ListedProps {
  all: readonly ListedNode[];
  /** Null until the first answer. */
  connected: readonly NodeView[] | null;
  isAdmin: boolean;
  onForget: () => void;
}

function Listed({ all, connected, isAdmin, onForget }: ListedProps) {
  const t = messages.value.nodes;
  const choices = useChoices();
  const view = views.find((one) => one === choices.get("view")) ?? "all";
  const order = orderIn(choices.get("sort"));
  const found = sorted(narrowed(all, view, choices.get("q")), order);
  const arrange = (next: Order) => choices.set({ sort: orderText(next) });
  const nowMs = serverNow();
  const [folded, shown] = [true, false]
    .map((isFolded) => found.filter((node) => isLongAway(node, nowMs) === isFolded)) as [
      ListedNode[],
      ListedNode[],
    ];
  const row = (node: ListedNode) => (
    <NodeRow node={node} {...((node.isMine || isAdmin) && { onForget })} />
  );
  const open = session.value.state === "in" ? views : views.filter((one) => one !== "mine");
  return (
    <>
      {connected && <Summary connected={connected} />}
      <div class={pageStyle.toolbar}>
        <SearchField
          label={t.search}
          value={choices.get("q")}
          onInput={(q) => choices.set({ q })}
        />
        <div class={style.sort}>
          <SelectField<Sort>
            label={t.sort}
            isInline
            options={sorts}
            chosen={order.by}
            nameOf={(one) => t.sorts[one]}
            onChoose={(by) => arrange({ by, isReversed: false })}
          />
        </div>
        <Choices<View>
          label={t.view}
          options={open}
          chosen={view}
          name={(one) => t.views[one]}
          onChoose={(one) => choices.set({ view: one === "all" ? "" : one })}
        />
      </div>
      {found.length === 0 && <p class={pageStyle.none} role="status">{t.noneShown}</p>}
      <ListNote rows={found.length} few={FEW_ITEMS} />
      <div>
        {shown.length > 0 && <Head order={order} onArrange={arrange} />}
        <LongList
          label={t.title}
          isBordered
          items={shown}
          keyOf={({ id }) => id}
          estimatePx={ROW_PX}
        >
          {row}
        </LongList>
      </div>
      {folded.length > 0 && (
        <details class={style.folded} open={shown.length === 0}>
          <summary>{t.longAway(folded.length)}</summary>
          <LongList
            label={t.longAway(folded.length)}
            isBordered
            items={folded}
            keyOf={({ id }) => id}
            estimatePx={ROW_PX}
          >
            {row}
          </LongList>
        </details>
      )}
    </>
  );
}

interface HeadProps {
  order: Order;
  onArrange: (order: Order) => void;
}

/** The heads of the columns, by which the list is sorted. */
function Head({ order, onArrange }: HeadProps) {
  const t = messages.value.nodes;
  return (
    <div class={`${rowStyle.row} ${rowStyle.head}`} role="group" aria-label={t.sort}>
      {heads.map((by) => {
        const isChosen = order.by === by;
        const direction = isChosen && order.isReversed ? "reversed" : "usual";
        return (
          <button
            key={by}
            type="button"
            aria-pressed={isChosen}
            data-direction={isChosen ? direction : undefined}
            title={t.sorts[by]}
            onClick={() => onArrange({ by, isReversed: isChosen && !order.isReversed })}
          >
            {t.heads[by]} {isChosen && <Icon name="down" />}
            {direction === "reversed" && <span class="off-screen">{t.reversed}</span>}
          </button>
        );
      })}
    </div>
  );
}

/** In the order of a row's parts. */
const heads = ["name", "trouble", "models", "speed", "load", "version"] as const;

function Summary({ connected }: { connected: readonly NodeView[] }) {
  const t = messages.value.nodes;
  const busy = connected.reduce((sum, node) => sum + node.active_tasks, 0);
  const slots = connected.reduce((sum, node) => sum + node.max_parallel, 0);
  const models = new Set(connected.flatMap((node) => node.supported_models)).size;
  return (
    <div class={style.summary}>
      <span>{messages.value.online(connected.length, models)}</span>
      {slots > 0 && (
        <Meter label={t.slotsLabel} text={t.summary(busy, slots)} value={busy} max={slots} />
      )}
    </div>
  );
}
