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
import { type MachineFacts, mayCome, type RegisterV2, type ShareWith } from "../protocol/mod.ts";
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
  return new LendingNode(config, options);
}

class LendingNode implements Node {
  #config: NodeConfig;
  readonly #nodeId: string;
  /** Names this run of the program. */
  readonly #instance = crypto.randomUUID();
  readonly #hasOwnAdapters: boolean;
  readonly #world: World;
  readonly #machine: Machine;
  readonly #gate: Gate;
  readonly #catalogue: Catalogue;
  readonly #runner: Runner;
  readonly #session: Session;
  readonly #lent: Lent;
  #modelWatch: ModelWatch;
  #announced: Announcement;
  #announcedPause: Pause | null = null;
  /** Null: the owner keeps the machine's facts back, or the system's tools have not answered yet. */
  #described: MachineFacts | null = null;
  /** What the system's tools have answered. */
  #probed: MachineFacts | null = null;
  #isStopped = false;

  constructor(config: NodeConfig, options: NodeOptions) {
    const {
      nodeId = crypto.randomUUID(),
      adapters = {},
      machine = machineHere(),
      policyState = {},
      ...replaced
    } = options;
    const world: World = { ...realWorld, ...replaced };
    this.#config = config;
    this.#nodeId = nodeId;
    this.#hasOwnAdapters = Object.keys(adapters).length > 0;
    this.#world = world;
    this.#machine = machine;
    this.#gate = new Gate({
      ...termsOf(config),
      machine,
      world,
      hasPauseFile: () => hasFile(this.#config.policy?.pause_file),
      ...policyState,
      onChange: () => this.#policyChanged(),
    });
    const isClosed = (scopes: readonly string[]) => this.#gate.pauseOf(scopes) !== null;
    this.#catalogue = new Catalogue(config, adapters, world, () => this.#announceOffer(), isClosed);
    if (this.#catalogue.isEmpty) throw noProvider();
    this.#runner = new Runner({
      catalogue: this.#catalogue,
      gate: this.#gate,
      onRefused: () => this.#lent.refused(),
      onLoaded: ({ provider }) => this.#modelWatch.lookAgain(provider),
      mayCome: (audience) => mayCome(shareWithOf(this.#config), audience),
      maxParallel: maxParallelOf(config),
      world,
    });
    this.#announced = announcementOf(this.#catalogue, world.log);
    this.#session = new Session({
      ...targetOf(config),
      register: () => this.#registration(),
      runner: this.#runner,
      world,
      readAheadBytes: () => readAheadOf(this.#config),
    });
    this.#lent = new Lent({
      world,
      isConnected: () => this.#session.state === "connected",
      closedFor: () => this.#gate.pause?.reason ?? null,
      isServing: () => this.#runner.active > 0,
      gpuWatts: () => machine.gpuWatts(),
      report: (report) => this.#session.reportLent(report),
    });
    this.#modelWatch = this.#freshModelWatch();
  }

  start(): void {
    // A policy may be closed from the beginning, which is no change.
    void this.#gate.start().then(() => this.#policyChanged());
    this.#session.start();
    if (reportsMachine(this.#config)) void this.#describeMachine();
    this.#lent.start();
    this.#modelWatch.start();
  }

  stop({ graceMs = DEFAULT_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    this.#isStopped = true;
    this.#gate.stop();
    this.#lent.stop();
    this.#modelWatch.stop();
    this.#catalogue.stop();
    return this.#session.stop(graceMs);
  }

  async reload(next: NodeConfig): Promise<void> {
    checkConfig(next);
    if (next.providers.length === 0 && !this.#hasOwnAdapters) throw noProvider();
    const before = this.#config;
    this.#config = next;
    this.#runner.maxParallel = maxParallelOf(next);
    if (!isSame(termsOf(before), termsOf(next))) await this.#gate.reconfigure(termsOf(next));
    const hasOtherProviders = !isSame(before.providers, next.providers);
    if (hasOtherProviders) await this.#takeProviders(next);
    if (hasOtherProviders || !isSame(offerTermsOf(before), offerTermsOf(next))) {
      this.#announceOffer();
    }
    if (!isSame(describedOf(before), describedOf(next))) void this.#describeMachine();
    if (!isSame(identityOf(before), identityOf(next))) this.#session.move(targetOf(next));
  }

  pause(untilMs: number | null): void {
    this.#gate.pauseUntil(untilMs);
  }

  resume(): void {
    this.#gate.resume();
  }

  notifyOwner(text: string): void {
    this.#session.notifyOwner(text);
  }

  get status(): NodeStatus {
    const session = this.#session;
    const runner = this.#runner;
    return {
      state: session.state,
      lastProblem: session.lastProblem,
      models: this.#announced.models,
      maxParallel: runner.maxParallel,
      server: session.server,
      connectedSince: session.connectedSince,
      roundTripMs: session.roundTripMs,
      pause: this.#gate.pause,
      shareWith: shareWithOf(this.#config),
      isWithheld: session.isWithheld,
      active: runner.active,
      running: runner.running,
      lastFailure: runner.lastFailure,
      ...runner.totals,
    };
  }

  /** What is sent to the gateway when a connection opens. */
  #registration(): RegisterV2 {
    return {
      max_parallel: this.#runner.maxParallel,
      models: this.#announced.models,
      capabilities: this.#announced.capabilities,
      node_id: this.#nodeId,
      instance: this.#instance,
      name: nameOf(this.#config),
      agent: `co-link/${buildFacts.version}`,
      share_with: shareWithOf(this.#config),
      ...(this.#described && { machine: this.#described }),
    };
  }

  #announceOffer(): void {
    const before = withoutLoaded(this.#announced);
    this.#announced = announcementOf(this.#catalogue, this.#world.log);
    // Models come into memory and leave it all day long.
    if (withoutLoaded(this.#announced) !== before) {
      this.#world.log.info({ models: this.#announced.models }, "model list updated");
    }
    this.#session.announceOffer();
  }

  #policyChanged(): void {
    const { pause } = this.#gate;
    if (pause?.reason !== this.#announcedPause?.reason) {
      const text = pause === null ? "takes calls" : `takes no calls: ${pause.reason}`;
      this.#world.log.info({ until: isoTime(pause?.untilMs ?? null) }, text);
      this.#session.announcePause(pause);
    }
    this.#announcedPause = pause;
    if (this.#catalogue.update()) this.#announceOffer();
    const manner = this.#config.policy?.yield ?? "finish";
    if (manner !== "finish") this.#runner.giveWay(manner === "stop");
  }

  async #describeMachine(): Promise<void> {
    if (reportsMachine(this.#config)) this.#probed ??= await machineFacts(this.#machine);
    // The configuration may have changed meanwhile.
    this.#described = reportsMachine(this.#config)
      ? { ...this.#probed, policy: policyFacts(this.#config.policy ?? {}) }
      : null;
    this.#session.announceMachine(this.#described ?? {});
  }

  async #takeProviders(next: NodeConfig): Promise<void> {
    await this.#catalogue.reconfigure(next, AbortSignal.timeout(LIST_WITHIN_MS));
    this.#modelWatch.stop();
    // The node may have been stopped while the new providers listed their models.
    if (this.#isStopped) return this.#catalogue.stop();
    this.#modelWatch = this.#freshModelWatch();
    this.#modelWatch.start();
  }

  #freshModelWatch(): ModelWatch {
    return new ModelWatch(this.#catalogue, this.#world, () => this.#announceOffer());
  }
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

function maxParallelOf({ max_parallel = 1 }: NodeConfig): number {
  return max_parallel;
}

/** What is sent to the gateway along with the models. */
function offerTermsOf(config: NodeConfig) {
  return [maxParallelOf(config), shareWithOf(config)];
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

/** What the machine's description depends on; null: nothing is described. */
function describedOf(config: NodeConfig) {
  return reportsMachine(config) ? [config.policy] : null;
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
