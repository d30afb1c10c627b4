/**
 * The first page: an introduction for visitors; for users the first steps, and below them what is new:
 * of the whole gateway for administrators, else of the user's own calls and machines.
 */

import { useSignal } from "@preact/signals";
import type { NetworkView, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { late } from "../../part/late.tsx";
import { Page } from "../../part/Page.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { isFed, useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { countCalls, refreshSession, session } from "../../state/session.ts";
import { Checklist, useHasInvited } from "./Checklist.tsx";
import { NetworkStatus } from "./NetworkStatus.tsx";
import { Welcome } from "./Welcome.tsx";

const Overview = late(() => import("../overview/Overview.tsx").then(({ Overview }) => Overview));
const Daily = late(() => import("./Daily.tsx").then(({ Daily }) => Daily));

/** Poll interval with the feed, which reports changes in between. */
const REFRESH_FED_MS = 30_000;
const REFRESH_MS = 5000;

export function Home() {
  const current = session.value;
  if (current.state === "unknown") return null;
  return current.state === "in" ? <UserHome user={current.user} /> : <Welcome />;
}

function UserHome({ user }: { user: UserView }) {
  const t = messages.value;
  const isAdmin = user.role === "admin";
  const network = useSignal<NetworkView | null>(null);
  const live = useLive(async (signal) => {
    const [info] = await Promise.all([api.info(signal), refreshSession(signal)]);
    return info;
  }, isFed.value ? REFRESH_FED_MS : REFRESH_MS);
  const hasInvited = useHasInvited(isAdmin);
  useFeed("usage", countCalls);
  const onNetwork = (now: NetworkView) => {
    network.value = now;
    const { data, ...rest } = live.peek();
    if (data) live.value = { ...rest, data: { ...data, nodes: now.nodes, models: now.models } };
  };
  useFeed("snapshot", (snapshot) => onNetwork(snapshot.network));
  useFeed("network", onNetwork);

  const info = live.value.data;
  const isKnown = info !== null && (!isAdmin || hasInvited !== null);
  return (
    <Page title={isAdmin ? t.home.overview : t.home.welcome} lead={user.email}>
      {!isAdmin && <NetworkStatus live={live.value} network={network.value} />}
      {isKnown && <Checklist progress={{ user, info, hasInvited }} />}
      {isKnown && (isAdmin ? <Overview /> : <Daily user={user} />)}
      {!isKnown && live.value.error === null && <Bones count={3} />}
    </Page>
  );
}
