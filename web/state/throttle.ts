/** What is done when something changes, but not more often than it helps. */

import { useEffect, useMemo, useRef } from "preact/hooks";

/** A function that calls `action` at once, and again at most every `everyMs`: the last call is never lost. */
export function useAtMost(everyMs: number, action: () => void): () => void {
  const latest = useRef(action);
  latest.current = action;
  const pace = useMemo(() => atMost(everyMs, () => latest.current()), [everyMs]);
  useEffect(() => pace.stop, [pace]);
  return pace.call;
}

function atMost(everyMs: number, action: () => void): { call: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDue = false;
  const rest = () => {
    timer = undefined;
    if (isDue) call();
  };
  const call = () => {
    isDue = timer !== undefined;
    if (isDue) return;
    timer = setTimeout(rest, everyMs);
    action();
  };
  return { call, stop: () => clearTimeout(timer) };
}
