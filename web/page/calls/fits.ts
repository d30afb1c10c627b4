/** Whether a call matches the list's filter. */

import type { CallFilter, CallOutcome, CallView } from "../../../api/mod.ts";

/** As the gateway counts them in server/base/outcome.ts. */
export const isFailed: Readonly<Record<CallOutcome, boolean>> = {
  ok: false,
  cancelled: false,
  interrupted: true,
  node_lost: true,
  upstream_error: true,
  timeout: true,
  rejected: true,
};

/** Decides as the gateway does. */
export function fits(call: CallView, filter: CallFilter): boolean {
  const {
    side = "made",
    from = -Infinity,
    to = Infinity,
    outcome,
    model,
    key,
    node,
    endpoint,
    status,
  } = filter;
  const isOf = (wanted: unknown, is: unknown) => wanted === undefined || wanted === is;
  const isOutcome = outcome === "failed" ? isFailed[call.outcome] : isOf(outcome, call.outcome);
  const isOfTime = call.started_at >= from && call.started_at < to;
  return call.side === side && isOfTime && isOutcome && isOf(model, call.model) &&
    isOf(key, call.key_id) &&
    isOf(node, call.node) && isOf(endpoint, call.endpoint) && isOf(status, call.status);
}
