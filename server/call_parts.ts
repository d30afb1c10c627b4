/** The parts that a call passes: the scheduler, other gateways, the relay, and who is notified of its end. */

import type { BaseParts } from "./base_parts.ts";
import type { Config } from "./base/config.ts";
import { shareAnswers } from "./answer_sharing.ts";
import { Calls } from "./call/calls.ts";
import { Relay } from "./call/relay.ts";
import { ResponseAffinity } from "./call/response_affinity.ts";
import { SharedAnswers } from "./call/shared_answers.ts";
import type { Cluster, ClusterParts } from "./cluster/cluster.ts";
import { gauges } from "./gauges.ts";
import { Live } from "./http/live/live.ts";
import { Metrics } from "./http/metrics.ts";
import type { Node } from "./node/node.ts";
import { faultsFor } from "./node_lifecycle.ts";
import type { NodeParts } from "./node_parts.ts";
import { createPolicies } from "./schedule/policy/registry.ts";
import type { Policies } from "./schedule/policy/policy.ts";
import { Scheduler } from "./schedule/scheduler.ts";
import { buildFacts } from "../release/mod.ts";

export interface ScheduleParts {
  policies: Policies;
  responseAffinity: ResponseAffinity;
  /** Null for a single gateway. */
  cluster: Cluster | null;
  scheduler: Scheduler;
}

export interface CallParts {
  calls: Calls;
  sharedAnswers: SharedAnswers;
  relay: Relay;
  live: Live;
  metrics: Metrics;
}

/** The console shows this many of the latest audit events; more than these within one poll are skipped. */
const LATEST_AUDIT_EVENTS = 50;

const MIB = 1024 * 1024;

/** Beyond so many of the largest frames, whole answers of one node are not held but go on to their callers. */
const FRAMES_PER_NODE = 2;

/** What a node reads that is asked to dial another gateway, and the time it has for it. */
const MOVE_REASON = "it has more nodes than the others";
const MOVE_WITHIN_MS = 2_000;

/** `peerUrl`: where other gateways reach this one; known once it listens. */
export async function createScheduleParts(
  { config, clock, log, services }: BaseParts,
  { hub, penalties, links }: NodeParts,
  { random, peerUrl: url }: { random: () => number; peerUrl: () => string },
): Promise<ScheduleParts> {
  const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  const policies = createPolicies(config, { hub, clock, seed });
  const responseAffinity = new ResponseAffinity(clock);
  const { groups: memberships, names } = services;
  const shared = { hub, penalties, policies, memberships, clock, log };
  const cluster = await createCluster(config, {
    ...shared,
    responseAffinity,
    challenge: (node) => links.challenge(node),
    startedAs: (...started) => links.startedAs(...started),
    move: (node: Node) => links.move(node, MOVE_REASON, MOVE_WITHIN_MS),
    url,
  });
  cluster?.tunnels.attach(links);
  const remoteWaiters = cluster?.offers;
  const scheduler = new Scheduler(
    {
      ...shared,
      random,
      isListed: (model, groups) => names.isListed(model, groups),
      ...(remoteWaiters && { remoteWaiters }),
    },
    config,
  );
  return { policies, responseAffinity, cluster, scheduler };
}

/** Null for a single gateway: several need a common database and a common Redis. */
async function createCluster(
  config: Config,
  parts: Omit<ClusterParts, "openBus" | "version" | "secret">,
): Promise<Cluster | null> {
  const { redisUrl, databaseUrl, jwtSecret: secret } = config;
  if (redisUrl === null || databaseUrl === null) return null;
  // Loaded on demand: a single gateway saves the memory of these modules.
  const { Cluster } = await import("./cluster/cluster.ts");
  const { RedisBus } = await import("./cluster/redis_bus.ts");
  const openBus: ClusterParts["openBus"] = (listener) =>
    new RedisBus(redisUrl, secret, parts.log, listener);
  return new Cluster({ ...parts, openBus, version: buildFacts.version, secret }, config);
}

export function createCallParts(
  base: BaseParts,
  nodes: NodeParts,
  schedule: ScheduleParts,
): CallParts {
  const { config, store, ledger, limits, budgets, clock, log } = base;
  const { scheduler, responseAffinity } = schedule;
  const calls = new Calls(clock, config.deadlineMs);
  const sharedAnswers = createSharedAnswers(base, schedule.cluster);
  const measured = { ...schedule, hub: nodes.hub, calls, store, ledger, clock };
  const metrics = new Metrics(gauges({ ...measured, limiter: limits.limiter }), budgets);
  const live = createLive(base, nodes, schedule, calls);
  const relay = new Relay({
    scheduler,
    responseAffinity,
    calls,
    ledger,
    clock,
    log,
    nonce: () => crypto.randomUUID().slice(0, 8),
    onEnd(entry) {
      metrics.callEnded(entry);
      live.callEnded(entry);
    },
    ...faultsFor(nodes.register),
  }, {
    ...config,
    maxAnswerBytes: config.maxAnswerMb * MIB,
    heldAnswerBytes: config.maxBufferedBytes,
    heldNodeBytes: FRAMES_PER_NODE * config.maxFrameBytes,
  });
  return { calls, sharedAnswers, relay, live, metrics };
}

function createSharedAnswers(
  { config, store, budgets, clock }: BaseParts,
  cluster: Cluster | null,
): SharedAnswers {
  const sharedAnswers = new SharedAnswers(
    clock,
    config,
    budgets,
    (accountId, callId) => store.calls.find(accountId, callId),
    (callId, replays) => store.calls.setReplays(callId, replays),
  );
  if (cluster !== null) shareAnswers(sharedAnswers, cluster);
  return sharedAnswers;
}

function createLive(
  { store, services, clock, log }: BaseParts,
  { hub, penalties, register }: NodeParts,
  { scheduler, cluster }: ScheduleParts,
  calls: Calls,
): Live {
  const { groups: memberships, names: listing, sessions } = services;
  return new Live({
    hub,
    penalties,
    memberships,
    listing,
    clock,
    log,
    running: () => calls.size,
    waiting: () => scheduler.waiting,
    auditEvents: () => store.audit.page({ limit: LATEST_AUDIT_EVENTS }),
    alive: (sessionIds) => sessions.alive(sessionIds),
    goneOf: (nodeId) => register.goneOf(nodeId),
    peers: cluster?.viewers,
  });
}
