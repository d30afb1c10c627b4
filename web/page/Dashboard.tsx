/** A user's own page: what was called and provided, both tokens, and everything to copy that needs them. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { UserView } from "../../protocol/api.ts";
import { api } from "../api.ts";
import { liveModels } from "./nodes/node_state.ts";
import { CallPanel } from "../part/CallPanel.tsx";
import { Guarded } from "../part/Guarded.tsx";
import { ErrorNotice } from "../part/Notice.tsx";
import { Page } from "../part/Page.tsx";
import { SharePanel } from "../part/SharePanel.tsx";
import { TokenPanel } from "../part/TokenPanel.tsx";
import { Totals } from "../part/Totals.tsx";
import { gatewayAddress } from "../snippet.ts";
import { serverNow } from "../state/clock.ts";
import { useLive } from "../state/live.ts";
import { formatDay, messages } from "../state/locale.ts";
import { refreshSession } from "../state/session.ts";

const REFRESH_MS = 5000;
/** The gateway's address hardly ever changes. */
const REFRESH_ADDRESS_MS = 60_000;

export function Dashboard() {
  return <Guarded>{(user) => <Overview user={user} />}</Guarded>;
}

function Overview({ user }: { user: UserView }) {
  const t = messages.value.dashboard;
  const isApiShown = useSignal(false);
  const isClientShown = useSignal(false);
  const live = useLive(async (signal) => {
    const [{ nodes }] = await Promise.all([api.nodes(signal), refreshSession(signal)]);
    return liveModels(nodes, serverNow());
  }, REFRESH_MS).value;

  const address = gatewayAddress(useLive(api.info, REFRESH_ADDRESS_MS).value.data);

  // The page is drawn only now, so the browser could not find the link's target by itself.
  useEffect(() => {
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, []);

  return (
    <Page title={t.title} lead={`${user.email} · ${t.memberSince(formatDay(user.created_at))}`}>
      {live.error && <ErrorNotice error={live.error} />}
      <Totals user={user} />
      <TokenPanel user={user} isApiShown={isApiShown} isClientShown={isClientShown} />
      <CallPanel
        address={address}
        token={user.api_token}
        isShown={isApiShown.value}
        models={live.data}
      />
      <SharePanel address={address} token={user.client_token} isShown={isClientShown.value} />
    </Page>
  );
}
