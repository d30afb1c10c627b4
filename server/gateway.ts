/** Builds the gateway's parts and joins them. The command line, the tests and mod.ts all come through here. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Accounts } from "./account/accounts.ts";
import { NodeRegister } from "./account/node_register.ts";
import { OwnNodes } from "./account/own_nodes.ts";
import type { Setup } from "./account/setup.ts";
import { Users } from "./account/users.ts";
import { createApp } from "./app.ts";
import { Calls } from "./call/calls.ts";
import { ResponseAffinity } from "./call/response_affinity.ts";
import { createPolicies } from "./schedule/policy/registry.ts";
import { Relay } from "./call/relay.ts";
import { Scheduler } from "./schedule/scheduler.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import { advertisedUrl } from "./cluster/address.ts";
import type { Cluster, ClusterParts } from "./cluster/cluster.ts";
import type { Config } from "./base/config.ts";
import { enforceDecisions, faultsFor, nodeObserverOf } from "./node_lifecycle.ts";
import { originReader } from "./http/address.ts";
import type { WebServer } from "./http/env.ts";
import { assets } from "./http/assets.ts";
import { Live } from "./http/live/live.ts";
import { Metrics } from "./http/metrics.ts";
import type { AppParts } from "./http/parts.ts";
import { SendQueues } from "./http/send_queues.ts";
import { createLimits } from "./limit/open.ts";
import { createLog, type Log } from "./base/log.ts";
import { type AccountServices, createAccountServices } from "./account_services.ts";
import { Hub, MAX_REMEMBERED_MODELS } from "./node/hub.ts";
import { Links } from "./node/links.ts";
import type { Node } from "./node/node.ts";
import { PenaltyBook } from "./node/penalty.ts";
import { LedgerWriter } from "./store/ledger_writer.ts";
import { reachableUrl } from "./urls.ts";
import { socketHandlers } from "./sockets.ts";
import { openStore } from "./store/open.ts";
import { Retention } from "./store/retention.ts";
import type { Store } from "./store/store.ts";
import { UsageFolder } from "./store/usage_folder.ts";
import { CloseCode } from "../protocol/mod.ts";
import { version } from "./base/version.ts";

/** What surrounds a gateway; each has a real default. */
export interface GatewayWorld {
  clock?: Clock;
  log?: Log;
  /** From 0 up to 1; breaks ties among equally busy nodes. */
  random?: () => number;
  /** The console's built files; null: no console. */
  consoleDir?: string | null;
  /** One of several at one port: other gateways, and its fellows, reach it at a port of its own. */
  isWorker?: boolean;
}

export interface Gateway {
  /** Where it listens: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly accounts: Accounts;
  readonly setup: Setup;
  /**
   * Takes nothing new, lets running calls end within the configured time, writes the ledger, closes
   * everything. Called again, it waits no longer: what runs is cut off, and written down all the same.
   */
  stop(): Promise<void>;
}

/** So that nodes do not all come back at once, they are given this time each, and at least the second in all. */
const REDIAL_MS_PER_NODE = 5;
const REDIAL_WITHIN_MS = 1_000;

/** How much longer than that their moving to another gateway may take. */
const MOVE_MARGIN_MS = 1_000;

/** More than these are not done between two looks; and if so, a page is told a little less. */
const LATEST_AUDIT_EVENTS = 50;

/** How long a stopping gateway waits for its peers' last words, even when its time is up. */
const GOODBYE_MS = 1000;

/** Opens the store, brings its schema up to date, and listens. Throws ColinkError or the listener's error. */
export async function createGateway(config: Config, world: GatewayWorld = {}): Promise<Gateway> {
  const clock = world.clock ?? systemClock;
  const log = world.log ?? createLog(config.logLevel, false);
  const store = await openStore({ databaseUrl: config.databaseUrl, dataDir: config.dataDir, log });
  await store.migrate();

  const ledger = new LedgerWriter({ store, dataDir: config.dataDir, clock, log });
  await ledger.start();
  const gateways = () => cluster?.view().gateways ?? 1;
  const limits = await createLimits({ redisUrl: config.redisUrl, log, gateways });
  const services = createAccountServices(config, { store, limits, clock, log });
  const { vault, keyring, accounts, setup, settings, sessions } = services;

  const hub = new Hub();
  const penalties = new PenaltyBook(clock, config);
  const needsApproval = () => settings.values.nodeApproval;
  const register = new NodeRegister({ store, needsApproval, clock, log });
  enforceDecisions(hub, register, settings);
  const publicId = (identity: string) => vault.publicNodeId(identity);
  const observer = nodeObserverOf(register);
  const links = new Links({ hub, clock, log, publicId, observer }, config);
  const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  const policies = createPolicies(config, { hub, clock, seed });
  const { random } = world;
  const responseAffinity = new ResponseAffinity(clock);
  const challenge = (node: Node) => links.challenge(node);
  const cluster = await createCluster(config, {
    hub,
    penalties,
    responseAffinity,
    clock,
    log,
    challenge,
    url: () => ownUrl,
  });
  const remoteWaiters = cluster?.offers;
  const scheduler = new Scheduler(
    { hub, penalties, policies, clock, log, random, ...(remoteWaiters && { remoteWaiters }) },
    config,
  );
  cluster?.serve(scheduler);
  const calls = new Calls();
  const metrics = new Metrics({
    colink_nodes: { help: "Nodes, at whatever gateway", read: () => hub.size },
    colink_models: { help: "Models served now", read: () => hub.models().length },
    colink_calls_running: { help: "Calls running or waiting", read: () => calls.size },
    colink_calls_waiting: { help: "Calls waiting in line", read: () => scheduler.waiting },
    colink_ledger_pending: { help: "Ledger entries not yet stored", read: () => ledger.pending },
    ...(cluster && clusterGauges(cluster)),
    process_resident_memory_bytes: { help: "Memory", read: () => process.memoryUsage.rss() },
    process_cpu_seconds_total: { help: "CPU time", read: cpuSeconds },
  });
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
  }, config);
  const live = new Live({
    hub,
    penalties,
    clock,
    log,
    running: () => calls.size,
    waiting: () => scheduler.waiting,
    auditEvents: () => store.audit.page({ limit: LATEST_AUDIT_EVENTS }),
    alive: (sessionIds) => sessions.alive(sessionIds),
    goneOf: (nodeId) => register.goneOf(nodeId),
    elsewhere: cluster?.watches,
  });
  cluster?.watches.onEvent.subscribe((...event) => live.hear(...event));
  sessions.endings.subscribe((sessionIds) => live.sessionsEnded(sessionIds));
  const liveNode = (nodeId: string, viewerId: string | null) => {
    const node = hub.findPublic(nodeId);
    return node?.view(penalties.of(node.who.nodeKey), viewerId) ?? null;
  };
  const retention = new Retention({ store, clock, log, ...config });
  const folder = new UsageFolder({ store, clock, log });

  let isDraining = false;
  const consoleDir = world.consoleDir ?? null;
  const parts: AppParts = {
    config,
    version,
    startedAt: clock.now(),
    clock,
    log,
    store,
    ledger,
    ...services,
    users: new Users({ store, keyring, sessions, nodesOf: (id) => hub.countOf(id) }),
    nodes: new OwnNodes({ store, register, live: liveNode, clock }),
    liveNode,
    live,
    scheduler,
    limiter: limits.limiter,
    hub,
    penalties,
    calls,
    responseAffinity,
    relay,
    metrics,
    sendQueues: new SendQueues(),
    origin: originReader(config.trustedProxies),
    isDraining: () => isDraining,
    cluster,
    console: consoleDir === null ? null : assets(consoleDir),
  };

  await rememberModels(store, hub, clock, log);
  keyring.revocations.subscribe((keyId) => {
    calls.stopKey(keyId);
    links.closeKey(keyId);
  });
  await Promise.all([keyring.start(), settings.start(), register.start()]);
  links.start();
  retention.start();
  folder.start();

  const app = createApp(parts);
  const serving = {
    hostname: config.host,
    // Calls lift it while they run.
    idleTimeout: config.callerIdleMs / 1000,
    // Bodies are counted by the handlers, whose refusal has a shape; this is the outer wall.
    maxRequestBodySize: config.maxBodyBytes * 4,
    fetch: (request: Request, server: WebServer) => app.fetch(request, { server }),
    websocket: cluster === null
      ? links.handlers()
      : socketHandlers(links.handlers(), cluster.handlers()),
  };
  const { isWorker = false } = world;
  const server = Bun.serve({ ...serving, port: config.port, reusePort: isWorker });
  const ownServer = isWorker ? Bun.serve({ ...serving, port: 0 }) : server;
  const ownUrl = advertisedUrl(config, ownServer.port ?? config.port, isWorker);
  await cluster?.start();

  const hurry = Promise.withResolvers<void>();
  let stopping: Promise<void> | null = null;

  function stop(): Promise<void> {
    if (stopping !== null) hurry.resolve();
    return stopping ??= leave();
  }

  function unlessHurried(ms: number, work: Promise<void>): Promise<void> {
    return within(ms, Promise.race([work, hurry.promise]), clock);
  }

  async function leave(): Promise<void> {
    isDraining = true;
    const redialWithinMs = Math.max(REDIAL_WITHIN_MS, links.size * REDIAL_MS_PER_NODE);
    cluster?.drain(redialWithinMs + MOVE_MARGIN_MS);
    live.close();
    log.info(
      { calls: calls.size, seconds: config.drainMs / 1000 },
      "stopping: running calls may end",
    );
    links.goAway("it is restarting", redialWithinMs);
    const untilMs = clock.monotonic() + config.drainMs;
    const ended = Promise.all([calls.idle(), cluster?.idle()]).then(() => {});
    await unlessHurried(config.drainMs, ended);
    calls.stopAll("shutting_down");
    await within(GOODBYE_MS, calls.idle(), clock);
    // Before the nodes: to other gateways it is this one that is lost, not they.
    await cluster?.stop();
    links.stop();
    links.closeAll(CloseCode.restart, "The gateway is restarting");
    // An answer that was given is not yet one that was read: what is in the sockets' buffers may leave.
    const flushed = server.stop(false);
    await unlessHurried(GOODBYE_MS, flushed);
    links.dropAll();
    await unlessHurried(untilMs - clock.monotonic(), flushed);
    await server.stop(true);
    await ownServer.stop(true);
    // Without their nodes, the calls that were cut off are settled: none may miss the ledger's last page.
    await within(GOODBYE_MS, calls.idle(), clock);
    await keyring.close();
    await settings.close();
    await retention.close();
    await folder.close();
    await register.close();
    await ledger.close();
    await limits.close();
    await store.close();
    log.info({}, "stopped");
  }

  return { url: reachableUrl(config.host, server.port ?? config.port), accounts, setup, stop };
}

/** The accounts alone, for commands that need no listening gateway. */
export async function openAccountServices(config: Config, log: Log): Promise<{
  services: AccountServices;
  close: () => Promise<void>;
}> {
  const clock = systemClock;
  const store = await openStore({ databaseUrl: config.databaseUrl, dataDir: config.dataDir, log });
  await store.migrate();
  const limits = await createLimits({ redisUrl: null, log });
  const services = createAccountServices(config, { store, limits, clock, log });
  const close = async () => {
    await limits.close();
    await store.close();
  };
  return { services, close };
}

/** The folder of the built console: inside the executable, or beside the sources; null: not built. */
export function builtConsole(): string | null {
  if (Bun.isStandaloneExecutable) return join(import.meta.dir, "dist", "web");
  const dir = join(import.meta.dir, "..", "dist", "web");
  return existsSync(dir) ? dir : null;
}

/** Null for a gateway by itself: others need the same database and the same Redis. */
async function createCluster(
  config: Config,
  parts: Omit<ClusterParts, "openBus" | "version" | "secret">,
): Promise<Cluster | null> {
  const { redisUrl, databaseUrl, jwtSecret: secret } = config;
  if (redisUrl === null || databaseUrl === null) return null;
  // A gateway by itself needs nothing of them.
  const { Cluster } = await import("./cluster/cluster.ts");
  const { RedisBus } = await import("./cluster/redis_bus.ts");
  const openBus: ClusterParts["openBus"] = (listener) =>
    new RedisBus(redisUrl, secret, parts.log, listener);
  return new Cluster({ ...parts, openBus, version, secret }, config);
}

function clusterGauges(cluster: Cluster) {
  return {
    colink_cluster_redis_up: {
      help: "Whether Redis answers",
      read: () => Number(cluster.view().isHeard),
    },
    colink_cluster_gateways: {
      help: "Gateways that live, this one included",
      read: () => cluster.view().gateways,
    },
    colink_cluster_gateways_reachable: {
      help: "Those of them that can be reached, this one included",
      read: () => cluster.view().reachable,
    },
    colink_cluster_nodes_away: {
      help: "Nodes of other gateways that are offered here",
      read: () => cluster.view().awayNodes,
    },
    colink_cluster_calls_waiting_elsewhere: {
      help: "Calls known to wait at other gateways",
      read: () => cluster.view().waitingElsewhere,
    },
  };
}

/** So that after a restart "nobody is online" is not taken for "no such model". */
async function rememberModels(store: Store, hub: Hub, clock: Clock, log: Log): Promise<void> {
  hub.remember(await store.knownModels(MAX_REMEMBERED_MODELS));
  hub.onNewModels = (models) => {
    store.addKnownModels(models, clock.now()).catch((error) => {
      log.warn({ cause: String(error) }, "could not remember models");
    });
  };
}

/** Waits for the work, but no longer than `ms`. */
async function within(ms: number, work: Promise<void>, clock: Clock): Promise<void> {
  let cancel = () => {};
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work, limit]);
  cancel();
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
