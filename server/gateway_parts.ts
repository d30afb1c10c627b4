/** Builds the gateway's parts, each from those before it. */

import { dirname, join } from "node:path";
import { Audiences } from "./audiences.ts";
import { networkOf } from "./account/network.ts";
import type { Fetch } from "./account/oidc/bounded_fetch.ts";
import { NodeRegister } from "./account/node_register.ts";
import { OwnNodes } from "./account/own_nodes.ts";
import { UsageBudgets } from "./http/usage_budgets.ts";
import { Users } from "./account/users.ts";
import { createAccountServices } from "./account_services.ts";
import type { Clock } from "./base/clock.ts";
import { type Config, speaksTls } from "./base/config.ts";
import type { Log } from "./base/log.ts";
import { buildFacts } from "../release/mod.ts";
import { Calls } from "./call/calls.ts";
import { Relay } from "./call/relay.ts";
import { shareAnswers } from "./answer_sharing.ts";
import { SharedAnswers } from "./call/shared_answers.ts";
import { ResponseAffinity } from "./call/response_affinity.ts";
import type { Cluster, ClusterParts } from "./cluster/cluster.ts";
import { gauges } from "./gauges.ts";
import { BoundedLogs } from "./base/bounded_logs.ts";
import { Budgets } from "./base/budgets.ts";
import { originReader } from "./http/address.ts";
import { assets, securityHeadersOf } from "./http/assets.ts";
import { AnswerBudget } from "./http/answer_budget.ts";
import { BodyBudget } from "./http/body_budget.ts";
import { Downloads } from "./http/downloads.ts";
import { isReachedByHttps } from "./http/gateway_url.ts";
import { Live } from "./http/live/live.ts";
import { Manual } from "./http/manual.ts";
import { Metrics } from "./http/metrics.ts";
import type { AppParts } from "./http/parts.ts";
import { RefusalLimit } from "./http/refusal_limit.ts";
import { SendQueues } from "./http/send_queues.ts";
import { createLimits } from "./limit/open.ts";
import { maySee, type Onlooker } from "./node/audience.ts";
import { Hub, MAX_REMEMBERED_MODELS } from "./node/hub.ts";
import { Links } from "./node/links.ts";
import { TurnBatches } from "./node/turn_batches.ts";
import { OfferBudget } from "./node/offer_budget.ts";
import type { Node } from "./node/node.ts";
import { PenaltyBook } from "./node/penalty.ts";
import { enforceDecisions, faultsFor, nodeObserverOf } from "./node_lifecycle.ts";
import { nodeMeasures } from "./node_measures.ts";
import { createPolicies } from "./schedule/policy/registry.ts";
import { Scheduler } from "./schedule/scheduler.ts";
import { LedgerWriter } from "./store/ledger_writer.ts";
import { openStore } from "./store/open.ts";
import { Retention } from "./store/retention.ts";
import { StoreProbe } from "./store/store_probe.ts";
import { UsageFolder } from "./store/usage_folder.ts";
import { openCertificates } from "./tls/open.ts";

export interface PartsWorld {
  clock: Clock;
  log: Log;
  random: () => number;
  consoleDir: string | null;
  isDraining: () => boolean;
  /** Where other gateways reach this one; known once it listens. */
  peerUrl: () => string;
  /** Asks the sign-in provider; absent: the real one. */
  fetch?: Fetch;
}

export type GatewayParts = Awaited<ReturnType<typeof createParts>>;

/** The console shows this many of the latest audit events; more than these within one poll are skipped. */
const LATEST_AUDIT_EVENTS = 50;

const MIB = 1024 * 1024;

/** Beyond so many of the largest frames, whole answers of one node are not held but go on to their callers. */
const FRAMES_PER_NODE = 2;

/** What a node reads that is asked to dial another gateway, and the time it has for it. */
const MOVE_REASON = "it has more nodes than the others";
const MOVE_WITHIN_MS = 2_000;

/** Opens the store and migrates its schema; nothing runs yet. Throws ColinkError. */
export async function createParts(config: Config, world: PartsWorld) {
  const { clock, log, random, consoleDir, isDraining } = world;
  const { databaseUrl, dataDir, redisUrl } = config;
  const budgets = new Budgets();
  const linesPerMinute = config.logLines;
  const budget = budgets.add("log_lines", { limit: linesPerMinute });
  const logs = new BoundedLogs({ log, clock, linesPerMinute, budget });
  const store = await openStore({ databaseUrl, dataDir, log, isExclusive: true });
  await store.migrate();
  const ledger = new LedgerWriter({ store, dataDir, clock, log });
  await ledger.start();
  const gateways = () => cluster?.view().gateways ?? 1;
  const limits = await createLimits({ redisUrl, gateways, clock, log });
  const services = createAccountServices(config, {
    store,
    limits,
    budgets,
    clock,
    log,
    fetch: world.fetch,
  });
  const { vault, keyring, settings, sessions, groups } = services;

  const penalties = new PenaltyBook(clock, config);
  const needsApproval = () => settings.values.nodeApproval;
  const register = new NodeRegister({
    store,
    rememberedNodes: config.rememberedNodes,
    budget: budgets.add("remembered_nodes", { limit: config.rememberedNodes }),
    needsApproval,
    clock,
    log,
  });
  const audiences = new Audiences({
    users: store.users,
    groups,
    clock,
    log,
    warn: (node, text) => {
      log.warn({ node: node.who.publicId }, text);
      node.connection.notify?.(text);
      register.addEvent(node.who.publicId, { kind: "notice", detail: text });
    },
  });
  const memberships = groups;
  const hub = new Hub({
    audienceOf: (node) => audiences.of(node),
    standingOf: ({ who, connectedAt }) => register.standing({ id: who.publicId, connectedAt }),
    earnedBefore: ({ who }) => register.earnedSlots(who.publicId),
    onEarned: ({ who, earned }) => register.hasEarned(who.publicId, earned),
    // Kept over restarts, so that "no node is online" is not reported as "no such model".
    onNewModels: (models) =>
      void store.addKnownModels(models, clock.now()).catch((error) =>
        log.warn({ cause: String(error) }, "could not remember models")
      ),
  });
  hub.remember(await store.knownModels(MAX_REMEMBERED_MODELS));
  enforceDecisions(hub, register, settings);
  const publicId = (nodeKey: string) => vault.publicNodeId(nodeKey);
  const observer = nodeObserverOf(register, services.lent);
  const links = new Links({
    hub,
    clock,
    log,
    logOf: ({ accountId, address }) =>
      logs.ofLink({ account: accountId, address: networkOf(address) }),
    publicId,
    observer,
    offers: new OfferBudget(config, budgets, clock),
    budgets,
    batches: new TurnBatches(setImmediate),
  }, config);

  const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  const policies = createPolicies(config, { hub, clock, seed });
  const responseAffinity = new ResponseAffinity(clock);
  const challenge = (node: Node) => links.challenge(node);
  const startedAs: Links["startedAs"] = (...started) => links.startedAs(...started);
  const move = (node: Node) => links.move(node, MOVE_REASON, MOVE_WITHIN_MS);
  const peers = {
    hub,
    penalties,
    responseAffinity,
    policies,
    memberships,
    clock,
    log,
    challenge,
    startedAs,
    move,
    url: world.peerUrl,
  };
  const cluster = await createCluster(config, peers);
  cluster?.tunnels.attach(links);
  const remoteWaiters = cluster?.offers;
  const scheduler = new Scheduler(
    {
      hub,
      penalties,
      policies,
      memberships,
      clock,
      log,
      random,
      isListed: (model, groups) => services.names.isListed(model, groups),
      ...(remoteWaiters && { remoteWaiters }),
    },
    config,
  );
  const calls = new Calls(clock, config.deadlineMs);
  const sharedAnswers = new SharedAnswers(
    clock,
    config,
    budgets,
    (accountId, callId) => store.calls.find(accountId, callId),
    (callId, replays) => store.calls.setReplays(callId, replays),
  );
  if (cluster !== null) shareAnswers(sharedAnswers, cluster);
  const { limiter, addToMeter } = limits;
  const gauged = { hub, calls, scheduler, store, limiter, ledger, cluster, policies, clock };
  const metrics = new Metrics(gauges(gauged), budgets);
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
    ...faultsFor(register),
  }, {
    ...config,
    maxAnswerBytes: config.maxAnswerMb * MIB,
    heldAnswerBytes: config.maxBufferedBytes,
    heldNodeBytes: FRAMES_PER_NODE * config.maxFrameBytes,
  });
  const isListed = (model: string, groups: readonly string[]) =>
    services.names.isListed(model, groups);
  const live = new Live({
    hub,
    penalties,
    listing: {
      isListed,
      listingOf: (model) => services.names.listingOf(model),
      get revision() {
        return services.names.revision;
      },
    },
    clock,
    log,
    running: () => calls.size,
    waiting: () => scheduler.waiting,
    auditEvents: () => store.audit.page({ limit: LATEST_AUDIT_EVENTS }),
    memberships,
    alive: (sessionIds) => sessions.alive(sessionIds),
    goneOf: (nodeId) => register.goneOf(nodeId),
    peers: cluster?.viewers,
  });
  const liveNode = (nodeId: string, onlooker: Onlooker) => {
    const node = hub.findPublic(nodeId);
    if (node === undefined || !maySee(node, onlooker)) return null;
    const { accountId, groups, isAdmin } = onlooker;
    return node.view(
      penalties.of(node.who.nodeKey),
      accountId,
      isAdmin,
      (model) => isListed(model, groups),
    );
  };
  const measured = (nodeId: string) => {
    const node = hub.findPublic(nodeId);
    return node === undefined ? [] : nodeMeasures(node, policies, clock);
  };
  const ownNode = (nodeId: string, ownerId: string | null) => {
    const node = hub.findPublic(nodeId);
    return node?.view(penalties.of(node.who.nodeKey), ownerId) ?? null;
  };

  const certificates = openCertificates(config, { store, clock, log });
  const origin = originReader(config.trustedProxies);
  const pageHeaders = securityHeadersOf({
    httpsOnly: speaksTls(config) && config.httpPort !== null,
    isSecure: (c) => isReachedByHttps(c, { config, origin }),
  });
  const app: AppParts = {
    config,
    version: buildFacts.version,
    startedAt: clock.now(),
    clock,
    log,
    logs,
    store,
    ledger,
    ...services,
    users: new Users({ store, clock, keyring, sessions, groups, nodesOf: (id) => hub.countOf(id) }),
    usageBudgets: new UsageBudgets({
      meters: limits.meters,
      groups,
      clock,
      deadlineMs: config.deadlineMs,
      ...(addToMeter && {
        earlier: {
          until: clock.now(),
          tokens: (holder, from, to) => store.usage.budgetTokens(holder, from, to),
          add: addToMeter,
        },
      }),
    }),
    nodes: new OwnNodes({ store, register, live: ownNode, clock }),
    liveNode,
    measured,
    live,
    scheduler,
    random,
    limiter,
    hub,
    memberships,
    penalties,
    calls,
    responseAffinity,
    relay,
    sharedAnswers,
    metrics,
    sendQueues: new SendQueues(),
    refusals: new RefusalLimit({ limiter: limits.limiter, clock, config, budgets }),
    bodyBudget: new BodyBudget(config, budgets),
    answerBudget: new AnswerBudget(config, budgets),
    origin,
    isDraining,
    mayResume: (dialer) => links.mayResumeFor(dialer),
    cluster,
    certificates,
    console: consoleDir === null ? null : assets(consoleDir, pageHeaders, config.basePath),
    manual: consoleDir === null ? null : new Manual({
      dir: join(consoleDir, "manual"),
      config,
      origin,
      headers: pageHeaders,
    }),
    downloads: new Downloads({
      dirs: downloadDirs(config),
      installDir: join(import.meta.dir, "install"),
      releaseKeys: buildFacts.releaseKeys,
      config,
      origin,
      limiter,
      budgets,
    }),
  };
  return {
    ...app,
    providerChecks: services.providerChecks,
    scheduler,
    ledger,
    limits,
    register,
    links,
    audiences,
    cluster,
    certificates,
    retention: new Retention({ store, clock, log, connectedNodes: () => idsOf(hub), ...config }),
    folder: new UsageFolder({ store, clock, log }),
    probe: new StoreProbe({ store, clock, log }),
  };
}

/**
 * Where releases for new machines are looked for: as configured, else in `downloads` beside the
 * executable, or bin/downloads in a clone, and then in the data folder.
 */
export function downloadDirs({ downloadsDir, dataDir }: Config): string[] {
  if (downloadsDir !== null) return [downloadsDir];
  const programs = Bun.isStandaloneExecutable
    ? dirname(process.execPath)
    : join(import.meta.dir, "..", "bin");
  return [programs, dataDir].map((dir) => join(dir, "downloads"));
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

/** Public ids of the nodes that are connected to this gateway. */
function idsOf(hub: Hub): string[] {
  return [...hub.nodes()].flatMap(({ gateway, who }) => gateway === null ? [who.publicId] : []);
}
