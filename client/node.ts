/** A node: joins its models, its link to the gateway and its calls. */

import { existsSync } from "node:fs";
import { hostname } from "node:os";
import type { Adapter } from "./adapter/adapter.ts";
import { announce, type Announcement } from "./link/announcement.ts";
import { Catalogue, placeOf, providerScopes } from "./run/catalogue.ts";
import { checkConfig, ConfigError, type NodeConfig, serverUrls } from "./config/config.ts";
import {
  Gate,
  type GateOptions,
  type Pause,
  type PolicyScope,
  type PolicyTerms,
} from "./policy/gate.ts";
import { Lent } from "./policy/lent.ts";
import type { Machine } from "./policy/machine.ts";
import { machineFacts, policyFacts } from "./policy/machine_facts.ts";
import { READ_AHEAD_BYTES } from "./link/read_ahead.ts";
import { machineHere } from "./policy/machine_here.ts";
import { ModelWatch } from "./run/model_watch.ts";
import { modelScope } from "./run/provider.ts";
import { type FailedCall, Runner, type RunningCall } from "./run/runner.ts";
import { Session, type SessionState, type SessionTarget } from "./link/session.ts";
import { type MachineFacts, mayCome, type ShareWith } from "../protocol/mod.ts";
import { buildFacts } from "../release/mod.ts";
import { realWorld, type World } from "./world.ts";

export interface NodeStatus {
  state: SessionState;
  /** Why the node was last without a connection, or null if it never was. */
  lastProblem: string | null;
  /** The names that callers may ask for. */
  models: string[];
  maxParallel: number;
  /** The gateway that is dialled. */
  server: string;
  /** UTC milliseconds; null: not connected. */
  connectedSince: number | null;
  roundTripMs: number | null;
  /** Why the node takes no calls now; null: it takes them. */
  pause: Pause | null;
  /** Whose calls may come. */
  shareWith: ShareWith;
  /** Whether the gateway is too old to keep to that, so that nothing is offered to it. */
  isWithheld: boolean;
  /** The number of calls that run now. */
  active: number;
  running: RunningCall[];
  lastFailure: FailedCall | null;
  served: number;
  failed: number;
}

/** A node that can be started once and stopped once. */
export interface Node {
  /** Begins to dial the gateway, and again whenever the link is lost. */
  start(): void;
  /**
   * Takes no new calls, lets running ones finish for at most `graceMs` (default: 10 minutes; 0 cuts
   * them at once), and leaves. Resolves when the node is gone. A second call may shorten the wait.
   */
  stop(options?: { graceMs?: number }): Promise<void>;
  readonly status: NodeStatus;
  /**
   * Takes over another configuration without cutting a call: models, providers and `max_parallel` on
   * the same connection; the gateway's address, the token and the name with a new one, once the calls
   * on the old one have ended. Throws a ConfigError, and nothing has changed then.
   */
  reload(config: NodeConfig): Promise<void>;
  /**
   * Takes no new calls until then, in UTC milliseconds, or until `resume`, which null stands for. Outlasts
   * a restart where `policyState` is kept.
   */
  pause(untilMs: number | null): void;
  /** Ends `pause`; the policy holds as before. */
  resume(): void;
  /** Tells the node's owner something, in the gateway's console. */
  notifyOwner(text: string): void;
}

/** Parts of the world to replace, and who this node is. */
export interface NodeOptions extends Partial<World> {
  /** A stable random identity; by default a new one for each process. */
  nodeId?: string;
  /** The probes that a policy asks. Default: those of this system. */
  machine?: Machine;
  /** What of the policy outlasts a restart. Default: nothing does. */
  policyState?: Pick<GateOptions, "kept" | "keep">;
  /** More models, served by adapters of your own, by the names that callers ask for. */
  adapters?: Readonly<Record<string, Adapter>>;
}

const DEFAULT_GRACE_MS = 10 * 60_000;

/** Providers that are new in a configuration may take so long to list their models. */
const LIST_WITHIN_MS = 10_000;

/** Builds a node. Throws a ConfigError that names everything wrong with the configuration. */
export function createNode(config: NodeConfig, options: NodeOptions = {}): Node {
  checkConfig(config);
  const {
    nodeId = crypto.randomUUID(),
    adapters = {},
    machine = machineHere(),
    policyState = {},
    ...replaced
  } = options;
  const world: World = { ...realWorld, ...replaced };
  let current = config;
  const maxParallelOf = ({ max_parallel = 1 }: NodeConfig) => max_parallel;
  const gate = new Gate({
    ...termsOf(config),
    machine,
    world,
    hasPauseFile: () => hasFile(current.policy?.pause_file),
    ...policyState,
    onChange: () => policyChanged(),
  });
  const isClosed = (scopes: readonly string[]) => gate.pauseOf(scopes) !== null;
  const catalogue = new Catalogue(config, adapters, world, () => announceOffer(), isClosed);
  if (catalogue.isEmpty) throw noProvider();
  const runner = new Runner({
    catalogue,
    gate,
    onRefused: () => lent.refused(),
    onLoaded: ({ provider }) => modelWatch.lookAgain(provider),
    mayCome: (audience) => mayCome(shareWithOf(current), audience),
    maxParallel: maxParallelOf(config),
    world,
  });
  let announced = announcementOf(catalogue, world.log);
  let announcedPause: Pause | null = null;
  // Null: the node does not tell, or the system's tools have not answered yet.
  let described: MachineFacts | null = null;
  /** What the system's tools have answered. */
  let probed: MachineFacts | null = null;
  const instance = crypto.randomUUID();
  const session = new Session({
    ...targetOf(config),
    register: () => ({
      max_parallel: runner.maxParallel,
      models: announced.models,
      capabilities: announced.capabilities,
      node_id: nodeId,
      instance,
      name: nameOf(current),
      agent: `co-link/${buildFacts.version}`,
      share_with: shareWithOf(current),
      ...(described && { machine: described }),
    }),
    runner,
    world,
    readAheadBytes: () => readAheadOf(current),
  });
  const lent = new Lent({
    world,
    isConnected: () => session.state === "connected",
    closedFor: () => gate.pause?.reason ?? null,
    isServing: () => runner.active > 0,
    gpuWatts: () => machine.gpuWatts(),
    report: (report) => session.reportLent(report),
  });
  const announceOffer = () => {
    const before = withoutLoaded(announced);
    announced = announcementOf(catalogue, world.log);
    // Models come into memory and leave it all day long.
    if (withoutLoaded(announced) !== before) {
      world.log.info({ models: announced.models }, "model list updated");
    }
    session.announceOffer();
  };
  const policyChanged = () => {
    const { pause } = gate;
    if (pause?.reason !== announcedPause?.reason) {
      const text = pause === null ? "takes calls" : `takes no calls: ${pause.reason}`;
      world.log.info({ until: isoTime(pause?.untilMs ?? null) }, text);
      session.announcePause(pause);
    }
    announcedPause = pause;
    if (catalogue.update()) announceOffer();
    const manner = current.policy?.yield ?? "finish";
    if (manner !== "finish") runner.giveWay(manner === "stop");
  };
  const describe = async () => {
    if (reportsMachine(current)) probed ??= await machineFacts(machine);
    // The configuration may have changed meanwhile.
    described = reportsMachine(current)
      ? { ...probed, policy: policyFacts(current.policy ?? {}) }
      : null;
    session.announceMachine(described ?? {});
  };
  let modelWatch = new ModelWatch(catalogue, world, announceOffer);
  const takeProviders = async (next: NodeConfig) => {
    await catalogue.reconfigure(next, AbortSignal.timeout(LIST_WITHIN_MS));
    modelWatch.stop();
    modelWatch = new ModelWatch(catalogue, world, announceOffer);
    modelWatch.start();
  };
  return {
    start: () => {
      // A policy may be closed from the beginning, which is no change.
      void gate.start().then(policyChanged);
      session.start();
      if (reportsMachine(current)) void describe();
      lent.start();
      modelWatch.start();
    },
    stop: ({ graceMs = DEFAULT_GRACE_MS } = {}) => {
      gate.stop();
      lent.stop();
      modelWatch.stop();
      catalogue.stop();
      return session.stop(graceMs);
    },
    async reload(next) {
      checkConfig(next);
      if (next.providers.length === 0 && Object.keys(adapters).length === 0) throw noProvider();
      const before = current;
      current = next;
      runner.maxParallel = maxParallelOf(next);
      if (!isSame(termsOf(before), termsOf(next))) await gate.reconfigure(termsOf(next));
      const hasOtherProviders = !isSame(before.providers, next.providers);
      if (hasOtherProviders) await takeProviders(next);
      const isOtherOffer = maxParallelOf(before) !== maxParallelOf(next) ||
        !isSame(shareWithOf(before), shareWithOf(next));
      if (hasOtherProviders || isOtherOffer) announceOffer();
      const isOtherDescription = reportsMachine(before) !== reportsMachine(next) ||
        (reportsMachine(next) && !isSame(before.policy, next.policy));
      if (isOtherDescription) void describe();
      if (!isSame(identityOf(before), identityOf(next))) session.move(targetOf(next));
    },
    pause: (untilMs) => gate.pauseUntil(untilMs),
    resume: () => gate.resume(),
    notifyOwner: (text) => session.notifyOwner(text),
    get status() {
      return {
        state: session.state,
        lastProblem: session.lastProblem,
        models: announced.models,
        maxParallel: runner.maxParallel,
        server: session.server,
        connectedSince: session.connectedSince,
        roundTripMs: session.roundTripMs,
        pause: gate.pause,
        shareWith: shareWithOf(current),
        isWithheld: session.isWithheld,
        active: runner.active,
        running: runner.running,
        lastFailure: runner.lastFailure,
        ...runner.totals,
      };
    },
  };
}

/** What is announced, but for what is in memory, as one text. */
function withoutLoaded({ models, capabilities }: Announcement): string {
  return JSON.stringify(models.map((model) => [model, { ...capabilities[model], loaded: null }]));
}

function announcementOf(catalogue: Catalogue, log: World["log"]): Announcement {
  const announcement = announce(catalogue.capabilities);
  if (announcement.leftOut > 0) {
    const fields = { left_out: announcement.leftOut };
    log.warn(fields, "offers more models than a node may; use allow and deny");
  }
  return announcement;
}

/** The owner's terms for the node, and for the providers and models that have terms of their own. */
export function termsOf({ policy = {}, providers }: NodeConfig): PolicyTerms {
  const keys = providerScopes(providers);
  const scopes = providers.flatMap((provider, position) => {
    const place = placeOf(provider, position);
    const key = keys[position]!;
    const models = Array.isArray(provider.models) ? provider.models : [];
    const ofModels = models.map(({ local, policy }) => ({
      key: modelScope(key, local),
      name: `${local} of ${place}`,
      policy,
    }));
    return [{ key, name: place, policy: provider.policy }, ...ofModels];
  });
  const withTerms = scopes.filter((scope): scope is PolicyScope => scope.policy !== undefined);
  return { policy, scopes: withTerms };
}

/** Whether another program of the owner's asks for a pause. */
function hasFile(path: string | undefined): boolean {
  return path !== undefined && existsSync(path);
}

function isoTime(utcMs: number | null): string | null {
  return utcMs === null ? null : new Date(utcMs).toISOString();
}

function targetOf(config: NodeConfig): SessionTarget {
  return { urls: serverUrls(config), token: config.client_token };
}

function shareWithOf({ share_with = "everyone" }: NodeConfig): ShareWith {
  return share_with;
}

function readAheadOf({ read_ahead_mib }: NodeConfig): number {
  return read_ahead_mib === undefined ? READ_AHEAD_BYTES : read_ahead_mib * 1024 * 1024;
}

function reportsMachine({ report_machine = true }: NodeConfig): boolean {
  return report_machine;
}

function nameOf({ name }: NodeConfig): string {
  return name ?? hostname();
}

/** What a connection is made with: a change of it needs another one. */
function identityOf(config: NodeConfig) {
  return [config.client_token, serverUrls(config).map(({ href }) => href), nameOf(config)];
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function noProvider(): ConfigError {
  return new ConfigError(["providers must name at least one provider"]);
}
