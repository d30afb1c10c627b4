/** `/livez`, `/readyz`, `/metrics`: for load balancers and dashboards. They name no one. */

import type { ClusterView } from "../cluster/cluster.ts";
import type { AppParts } from "./parts.ts";
import type { AppContext } from "./env.ts";
import { EXPOSITION_TYPE } from "./exposition.ts";

export function livez(c: AppContext): Response {
  return c.json({ status: "ok" });
}

/**
 * 503 only while this gateway should get no calls at all. A database or Redis that is away leaves
 * it able to serve, in part, and is said: `degraded`. One that has not met the other gateways yet
 * would refuse calls that they have nodes for.
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

/** Whether not all other gateways are heard and can be reached. */
export function isCutOff(view: ClusterView): boolean {
  return clusterState(view) !== "ok";
}

function clusterState({ isRedisUp, gateways, reachable }: ClusterView): string {
  if (!isRedisUp) return "redis unavailable: nothing new is heard of other gateways";
  const missing = gateways - reachable;
  return missing > 0 ? `${missing} of ${gateways} gateways cannot be reached from here` : "ok";
}

export function metrics({ metrics }: AppParts) {
  return (): Response =>
    new Response(metrics.text(), { headers: { "content-type": EXPOSITION_TYPE } });
}
