/** `/livez`, `/readyz`, `/metrics`: for load balancers and dashboards. No answer names an account or a node. */

import type { ClusterView } from "../cluster/cluster.ts";
import type { AppParts } from "./parts.ts";
import type { AppContext } from "./env.ts";

export function livez(c: AppContext): Response {
  return c.json({ status: "ok" });
}

/**
 * Answers 503 only while this gateway should get no calls at all: while it drains, and until it has
 * met the other gateways, whose nodes it could not use. Without its database or Redis it can serve in
 * part: `degraded`. Makes no request: what is known last is answered at once.
 */
export function readyz({ store, limiter, isDraining, ledger, cluster }: AppParts) {
  return (c: AppContext): Response => {
    const checks = {
      store: storeState(store.trouble),
      limiter: limiterState(limiter.trouble),
      ledger: ledger.trouble ?? "ok",
      ledger_pending: ledger.pending,
      ledger_spooled: ledger.spooled,
      ...(cluster && { cluster: clusterState(cluster.view()) }),
    };
    const troubles = [store.trouble, limiter.trouble, ledger.trouble];
    const isDegraded = troubles.some((trouble) => trouble !== null) ||
      cluster !== null && isCutOff(cluster.view());
    if (isDraining()) return c.json({ status: "draining", checks }, 503);
    if (cluster?.view().isJoining) return c.json({ status: "starting", checks }, 503);
    return c.json({ status: isDegraded ? "degraded" : "ok", checks });
  };
}

/** Whether some other gateway cannot be reached, or is not known of because Redis is down. */
export function isCutOff(view: ClusterView): boolean {
  return clusterState(view) !== "ok";
}

function storeState(trouble: string | null): string {
  return trouble === null
    ? "ok"
    : `unavailable (${trouble}): known keys are served for five minutes`;
}

function limiterState(trouble: string | null): string {
  return trouble === null
    ? "ok"
    : `redis unavailable (${trouble}): limits are kept by this gateway alone`;
}

function clusterState({ isRedisUp, gateways, reachable }: ClusterView): string {
  if (!isRedisUp) return "redis unavailable: changes at other gateways go unnoticed";
  const missing = gateways - reachable;
  return missing > 0 ? `${missing} of ${gateways} gateways cannot be reached from here` : "ok";
}

export function metrics({ metrics }: AppParts) {
  return async (): Promise<Response> => {
    const { text, contentType } = await metrics.scrape();
    return new Response(text, { headers: { "content-type": contentType } });
  };
}
