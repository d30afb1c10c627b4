/** Limits how often an action runs. */

import { useEffect, useMemo, useRef } from "preact/hooks";

/** Returns a function that runs `action` at once, then at most every `everyMs`; a last call in between runs late, but runs. */
export function useAtMost(everyMs: number, action: () => void): () => void {
  const latest = useRef(action);
  latest.current = action;
  const throttled = useMemo(() => atMost(everyMs, () => latest.current()), [everyMs]);
  useEffect(() => throttled.stop, [throttled]);
  return throttled.call;
}

function atMost(everyMs: number, action: () => void): { call: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDue = false;
  const onTimer = () => {
    timer = undefined;
    if (isDue) call();
  };
  const call = () => {
    isDue = timer !== undefined;
    if (isDue) return;
    timer = setTimeout(onTimer, everyMs);
    action();
  };
  return { call, stop: () => clearTimeout(timer) };
}
