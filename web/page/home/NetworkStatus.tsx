/** Whether the network is alive, in one line. */

import type { InfoView } from "../../../protocol/api.ts";
import type { Live } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { ErrorNotice } from "../../part/Notice.tsx";

export function NetworkStatus({ live: { data, error } }: { live: Live<InfoView> }) {
  const t = messages.value;
  if (error) return <ErrorNotice error={error} />;
  if (!data) return <p class="network-status">{t.loading}</p>;
  return (
    <p class={`network-status${data.nodes > 0 ? " alive" : ""}`} role="status">
      {data.nodes > 0 ? t.online(data.nodes, data.models) : t.home.nobodyOnline}
    </p>
  );
}
