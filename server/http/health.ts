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
 * part: `degraded`.
 */
export function readyz({ store, limiter, isDraining, ledger, cluster }: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    const isStoreUp = await store.ping().then(() => true, () => false);
    const checks = {
      store: isStoreUp ? "ok" : "unavailable: known keys are served for five minutes",
      limiter: limiter.degraded ? "redis unavailable: limits are kept by this gateway alone" : "ok",
      ledger_pending: ledger.pending,
      ...(cluster && { cluster: clusterState(cluster.view()) }),
    };
    const isDegraded = !isStoreUp || limiter.degraded ||
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
