/** The gauges of /metrics: name, help text, and how each is read. */

import type { Clock } from "./base/clock.ts";
import type { Calls } from "./call/calls.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { Gauges } from "./http/metrics.ts";
import type { Limiter } from "./limit/limiter.ts";
import type { Hub } from "./node/hub.ts";
import type { Node } from "./node/node.ts";
import type { Policies } from "./schedule/policy/policy.ts";
import type { Scheduler } from "./schedule/scheduler.ts";
import { speedGauges } from "./speed_gauges.ts";
import type { LedgerWriter } from "./store/ledger_writer.ts";
import type { Store } from "./store/store.ts";

export interface MeasuredParts {
  hub: Hub;
  calls: Calls;
  scheduler: Scheduler;
  store: Store;
  limiter: Limiter;
  ledger: LedgerWriter;
  cluster: Cluster | null;
  policies: Policies;
  clock: Clock;
}

export function gauges(
  { hub, calls, scheduler, store, limiter, ledger, cluster, policies, clock }: MeasuredParts,
): Gauges {
  return {
    colink_nodes: { help: "Nodes, at whatever gateway", read: () => hub.size },
    colink_node_slots: {
      help: "Calls that nodes here say they take at once",
      read: () => slotsHere(hub, ({ offer }) => offer.maxParallel),
    },
    colink_node_slots_shared: {
      help: "Those of them that nodes have earned, or an administrator's approval has given them",
      read: () => slotsHere(hub, ({ share }) => share),
    },
    colink_models: { help: "Models served now", read: () => hub.modelCount },
    colink_calls_running: { help: "Calls running or waiting", read: () => calls.size },
    colink_calls_waiting: { help: "Calls waiting in line", read: () => scheduler.waiting },
    colink_ledger_pending: {
      help: "Ledger entries in memory alone: neither in the database nor on disk",
      read: () => ledger.pending,
    },
    colink_ledger_spooled: {
      help: "Ledger entries on disk that wait for the database",
      read: () => ledger.spooled,
    },
    colink_ledger_trouble: {
      help: "Whether ended calls are lost, refused by the database or not safe from a crash",
      read: () => Number(ledger.trouble !== null),
    },
    colink_store_up: {
      help: "Whether the database takes writes",
      read: () => Number(store.trouble === null),
    },
    colink_limits_shared: {
      help: "Whether limits are kept where they should be: 0 while Redis takes no counts",
      read: () => Number(limiter.trouble === null),
    },
    ...speedGauges(policies, clock),
    ...(cluster === null ? {} : clusterGauges(cluster)),
    process_resident_memory_bytes: { help: "Memory", read: () => process.memoryUsage.rss() },
    process_cpu_seconds_total: { help: "CPU time", read: cpuSeconds },
  };
}

/** Of the nodes that are connected to this gateway. */
function slotsHere(hub: Hub, of: (node: Node) => number): number {
  let slots = 0;
  for (const node of hub.nodes()) if (node.gateway === null) slots += of(node);
  return slots;
}

function clusterGauges(cluster: Cluster): Gauges {
  return {
    colink_cluster_redis_up: {
      help: "Whether Redis answers",
      read: () => Number(cluster.view().isRedisUp),
    },
    colink_cluster_gateways: {
      help: "Gateways that live, this one included",
      read: () => cluster.view().gateways,
    },
    colink_cluster_gateways_reachable: {
      help: "Those of them that can be reached, this one included",
      read: () => cluster.view().reachable,
    },
    colink_cluster_nodes_carried: {
      help: "Nodes here whose calls another gateway holds, to which their frames are carried",
      read: () => cluster.view().carriedNodes,
    },
    colink_cluster_nodes_away: {
      help: "Nodes of other gateways that are offered here",
      read: () => cluster.view().remoteNodes,
    },
    colink_cluster_attempts_away: {
      help: "Attempts on nodes of other gateways since the start, each of which two gateways carry",
      read: () => cluster.view().attemptsAway,
    },
    colink_cluster_calls_waiting_elsewhere: {
      help: "Calls known to wait at other gateways",
      read: () => cluster.view().waitingElsewhere,
    },
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
