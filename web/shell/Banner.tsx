/** Says at the top of every page that the gateway is unreachable, and how old the shown data is. */

import { useEffect } from "preact/hooks";
import { api } from "../api.ts";
import { Icon } from "../part/Icon.tsx";
import { lostSinceMs } from "../state/connection.ts";
import { now } from "../state/live.ts";
import { formatAge, messages } from "../state/locale.ts";
import * as style from "./Banner.module.css";

/** Interval of the checks, which the banner makes for all pages. */
const RETRY_MS = 3000;

export function Banner() {
  const sinceMs = lostSinceMs.value;
  return <div role="status">{sinceMs !== null && <Lost sinceMs={sinceMs} />}</div>;
}

function Lost({ sinceMs }: { sinceMs: number }) {
  useEffect(() => {
    const timer = setInterval(tryAgain, RETRY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class={style.banner} data-part="banner">
      <Icon name="warning" /> {messages.value.lost(formatAge(now.value - sinceMs))}
    </p>
  );
}

/** The result is noted by the API module, see state/connection.ts. */
function tryAgain(): void {
  if (!document.hidden) api.info().catch(() => {});
}
