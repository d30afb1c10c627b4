/** The network's state in one line. */

import type { InfoView, NetworkView } from "../../../api/mod.ts";
import { Failure } from "../../part/Notice.tsx";
import type { Live } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import * as style from "./NetworkStatus.module.css";

interface Props {
  live: Live<InfoView>;
  /** Running and waiting calls, where known. */
  network?: NetworkView | null;
}

export function NetworkStatus({ live: { data, error }, network = null }: Props) {
  const t = messages.value;
  if (!data) return error ? <Failure error={error} /> : <p class={style.status}>{t.loading}</p>;
  const text = data.nodes > 0 ? t.online(data.nodes, data.models) : t.home.nobodyOnline;
  const load = network && data.nodes > 0 ? t.home.load(network.running, network.waiting) : null;
  return (
    <p class={data.nodes > 0 ? `${style.status} ${style.alive}` : style.status} role="status">
      {[text, load, data.cut_off && t.home.cutOff].filter(Boolean).join(" · ")}
    </p>
  );
}
