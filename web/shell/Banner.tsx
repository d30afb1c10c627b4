/** Says at the top of every page that the gateway is away, and how old that makes what is shown. */

import { useEffect } from "preact/hooks";
import { api } from "../api.ts";
import { Icon } from "../part/Icon.tsx";
import { lostSinceMs } from "../state/connection.ts";
import { now } from "../state/live.ts";
import { formatAge, messages } from "../state/locale.ts";

/** Between tries: not every page asks on its own. */
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
    <p class="banner">
      <Icon name="warning" /> {messages.value.lost(formatAge(now.value - sinceMs))}
    </p>
  );
}

/** Whether it worked is heard by whoever notes what was reached. */
function tryAgain(): void {
  if (!document.hidden) api.info().catch(() => {});
}
