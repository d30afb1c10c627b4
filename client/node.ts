/** A node: joins its models, its link to the gateway and its calls. */

import { hostname } from "node:os";
import type { Adapter } from "./adapter/adapter.ts";
import { announce, type Announcement } from "./link/announcement.ts";
import { Catalogue } from "./run/catalogue.ts";
import { checkConfig, ConfigError, type NodeConfig, serverUrls } from "./config/config.ts";
import { ModelWatch } from "./run/model_watch.ts";
import { Runner } from "./run/runner.ts";
import { Session, type SessionState } from "./link/session.ts";
import { buildFacts } from "../release/mod.ts";
import { realWorld, type World } from "./world.ts";

export interface NodeStatus {
  state: SessionState;
  /** Why the node was last without a connection, or null if it never was. */
  lastProblem: string | null;
  /** The names that callers may ask for. */
  models: string[];
  maxParallel: number;
  /** Calls that run now. */
  active: number;
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
}

/** Parts of the world to replace, and who this node is. */
export interface NodeOptions extends Partial<World> {
  /** A stable random identity; by default a new one for each process. */
  nodeId?: string;
  /** More models, served by adapters of your own, by the names that callers ask for. */
  adapters?: Readonly<Record<string, Adapter>>;
}

const DEFAULT_GRACE_MS = 10 * 60_000;

/** Builds a node. Throws a ConfigError that names everything wrong with the configuration. */
export function createNode(config: NodeConfig, options: NodeOptions = {}): Node {
  checkConfig(config);
  const { nodeId = crypto.randomUUID(), adapters = {}, ...replaced } = options;
  const world: World = { ...realWorld, ...replaced };
  const maxParallel = config.max_parallel ?? 1;
  const catalogue = new Catalogue(config, adapters, world, () => announceModels());
  if (catalogue.isEmpty) throw new ConfigError(["providers must name at least one provider"]);
  const runner = new Runner({ catalogue, maxParallel, world });
  let announced = announcementOf(catalogue, world.log);
  const session = new Session({
    urls: serverUrls(config),
    token: config.client_token,
    register: () => ({
      max_parallel: maxParallel,
      models: announced.models,
      capabilities: announced.capabilities,
      node_id: nodeId,
      name: config.name ?? hostname(),
      agent: `co-link/${buildFacts.version}`,
    }),
    runner,
    world,
  });
  const announceModels = () => {
    const before = withoutLoaded(announced);
    announced = announcementOf(catalogue, world.log);
    // Models come into memory and leave it all day long.
    if (withoutLoaded(announced) !== before) {
      world.log.info({ models: announced.models }, "offers other models, or knows more of them");
    }
    session.announceModels();
  };
  const modelWatch = new ModelWatch(catalogue, world, announceModels);
  return {
    start: () => {
      session.start();
      modelWatch.start();
    },
    stop: ({ graceMs = DEFAULT_GRACE_MS } = {}) => {
      modelWatch.stop();
      catalogue.stop();
      return session.stop(graceMs);
    },
    get status() {
      return {
        state: session.state,
        lastProblem: session.lastProblem,
        models: announced.models,
        maxParallel,
        active: runner.active,
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
