/** What administrators see of the gateway beside the settings that they can change while it runs. */

import type { GatewayState } from "../../api/mod.ts";
import { LAST_BACKUP } from "../base/last_backup.ts";
import { causeIn, withoutCredentials } from "../base/trouble_cause.ts";
import type { AppParts } from "./parts.ts";

/** Nodes may say anything of their version. */
const MAX_NODE_VERSIONS = 20;

type State = Pick<
  AppParts,
  "config" | "certificates" | "store" | "clock" | "cluster" | "hub" | "version"
>;

/** Throws `store_unavailable` while the database is away. */
export async function gatewayState(
  { config, certificates, store, clock, cluster, hub, version }: State,
): Promise<GatewayState> {
  const backup = await store.sharedItems.find(LAST_BACKUP, clock.now());
  const agents = [...hub.nodes()].map(({ offer }) => offer.agent);
  return {
    public_url: config.publicUrl,
    tls: certificates && tlsState(certificates),
    backup: { last_at: backup === null ? null : Number(backup), database: store.kind },
    gateways: counted(cluster?.view().versions ?? [version]),
    nodes: counted(agents).toSorted((a, b) => b.count - a.count).slice(0, MAX_NODE_VERSIONS),
  };
}

function tlsState(
  { validUntilMs, trouble }: NonNullable<State["certificates"]>,
): GatewayState["tls"] {
  return {
    valid_until: validUntilMs,
    trouble: trouble && withoutCredentials(trouble),
    cause: trouble === null ? null : causeIn(trouble),
  };
}

/** In the order in which each was met first. */
function counted(versions: readonly (string | null)[]): GatewayState["nodes"] {
  const counts = new Map<string | null, number>();
  for (const version of versions) counts.set(version, (counts.get(version) ?? 0) + 1);
  return [...counts].map(([version, count]) => ({ version, count }));
}
