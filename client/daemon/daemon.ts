/** The node as a program that runs until it is asked to stop: signals, reloads, and its door for the other commands. */

import { join } from "node:path";
import { createLog } from "../../log/create_log.ts";
import { watchTerminal } from "../../log/terminal.ts";
import { nodeMessage } from "../../protocol/mod.ts";
import { buildFacts, isNewer } from "../../release/mod.ts";
import { ConfigError, loadConfig, type LoadedConfig, serverUrls } from "../config/config.ts";
import { systemError } from "../config/system_error.ts";
import { nodeId, stateFolder } from "../link/identity.ts";
import { readKept, writeKept } from "../policy/kept_policy.ts";
import { Network } from "../network.ts";
import { realWorld } from "../world.ts";
import { createNode, type Node, type NodeStatus } from "../node.ts";
import { raiseConnectionLimit, warnOfLimit } from "../run/connection_limit.ts";
import type { Log } from "../world.ts";
import { offeredRelease } from "./update_check.ts";
import { ConfigWatch } from "./config_watch.ts";
import { type ControlServer, type Handlers, type Instance, serveControl } from "./control.ts";
import { notifyServiceManager, type ServiceManager } from "../../service/mod.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What `client status` shows. */
export interface DaemonStatus extends NodeStatus {
  version: string;
  pid: number;
  config: string;
  name: string | null;
  /** UTC milliseconds. */
  startedAt: number;
  /** Why the last edit of config.yaml is not in use; null: the file is in use as it is. */
  configProblems: readonly string[] | null;
  /** Whether a service manager starts it again when it ends. */
  isService: boolean;
  /** A newer version that the gateway offers; null: none is known. */
  updateOffered: string | null;
}

/** A second node with the same configuration. */
export class AlreadyRunning extends Error {
  override readonly name = "AlreadyRunning";
}

/** Once the node has connected, and then daily. */
const FIRST_LOOK_MS = 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** Starts the node; it ends the process when it is asked to. Throws ConfigError or AlreadyRunning. */
export async function runDaemon(instance: Instance, env: Env): Promise<void> {
  const loaded = loadConfig(instance.configPath, env);
  const log = createLog(env.COLINK_CLIENT_LOG_LEVEL ?? "info", process.stdout.isTTY);
  raiseConnectionLimit(loaded.config, process, log);
  const daemon = new Daemon(instance, loaded, env, log);
  surviveErrors(log);
  await daemon.start();
}

class Daemon {
  readonly #startedAt = Date.now();
  #loaded: LoadedConfig;
  #configProblems: readonly string[] | null = null;
  #node: Node | null = null;
  #control: ControlServer | null = null;
  #manager: ServiceManager | null = null;
  #watch: ConfigWatch | null = null;
  #isStopping = false;
  #updateOffered: string | null = null;
  /** Reloads run one after the other. */
  readonly #network: Network;
  #reloading: Promise<void> = Promise.resolve();

  constructor(
    private readonly instance: Instance,
    loaded: LoadedConfig,
    private readonly env: Env,
    private readonly log: Log,
  ) {
    this.#loaded = loaded;
    this.#network = new Network(loaded.config, env);
  }

  async start(): Promise<void> {
    const { instance: { configPath, as }, env, log } = this;
    this.#control = await serveControl(this.instance, this.#handlers(), env)
      .catch((error: unknown) => this.#goWithoutControl(error));
    if (this.#control === null) throw new AlreadyRunning();
    for (const warning of this.#loaded.warnings) log.warn({}, warning);
    log.info({ version: buildFacts.version, config: configPath }, "starting");
    const id = await nodeId(configPath, env, as);
    const kept = join(stateFolder(env), `policy-${id}.json`);
    const node = this.#node = createNode(this.#named(this.#loaded.config), {
      ...this.#network.around(realWorld),
      log,
      nodeId: id,
      policyState: { kept: readKept(kept), keep: (state) => writeKept(kept, state) },
    });
    this.#obeySignals();
    this.#watch = new ConfigWatch(configPath, () => this.#loaded.files, () => this.#reload());
    node.start();
    this.#manager = notifyServiceManager(env);
    setTimeout(() => void this.#lookForUpdate(), FIRST_LOOK_MS).unref();
    setInterval(() => void this.#lookForUpdate(), DAY_MS).unref();
  }

  /** A container's user, for one, may have no folder of its own: calls can be served all the same. */
  #goWithoutControl(error: unknown): ControlServer {
    this.log.warn(
      { folder: stateFolder(this.env), cause: systemError(error) },
      "nothing can be kept in the state folder: status, pause and update do not reach this node, " +
        "and the gateway takes it for another one after each restart; " +
        "set XDG_STATE_HOME to a folder that this user can write to",
    );
    return { stop() {} };
  }

  /** The gateway alone is asked; nothing is installed. */
  async #lookForUpdate(): Promise<void> {
    const { config } = this.#loaded;
    if (config.check_updates === false) return;
    const latest = await offeredRelease(serverUrls(config)[0]!).catch(() => null);
    const isNew = latest !== null && isNewer(latest, buildFacts);
    if (isNew && latest.version !== this.#updateOffered) {
      this.log.info(
        { version: latest.version },
        "the gateway offers a newer version: client update",
      );
    }
    this.#updateOffered = isNew ? latest.version : null;
  }

  #handlers(): Handlers {
    return {
      status: () => this.#status(),
      pause: (body) => {
        const { forMs } = body as { forMs?: unknown };
        this.#node?.pause(typeof forMs === "number" ? Date.now() + forMs : null);
      },
      resume: () => this.#node?.resume(),
      reload: async () => {
        await this.#reload();
        return { problems: this.#configProblems };
      },
      restart: (body) => void this.#restart((body as { graceMs?: unknown }).graceMs),
    };
  }

  #status(): DaemonStatus | null {
    if (this.#node === null) return null;
    return {
      ...this.#node.status,
      version: buildFacts.version,
      pid: process.pid,
      config: this.instance.configPath,
      name: this.#loaded.config.name ?? this.instance.as ?? null,
      startedAt: this.#startedAt,
      configProblems: this.#configProblems,
      isService: isService(this.env),
      updateOffered: this.#updateOffered,
    };
  }

  #reload(): Promise<void> {
    return this.#reloading = this.#reloading.then(() => this.#reloadOnce());
  }

  /** What is in use stays in use where the file cannot be used. */
  async #reloadOnce(): Promise<void> {
    const node = this.#node;
    if (node === null || this.#isStopping) return;
    try {
      const loaded = loadConfig(this.instance.configPath, this.env);
      this.#network.use(loaded.config);
      await node.reload(this.#named(loaded.config));
      this.#loaded = loaded;
      this.#configProblems = null;
      for (const warning of loaded.warnings) this.log.warn({}, warning);
      warnOfLimit(loaded.config, this.env, this.log);
      this.log.info({}, "configuration reloaded");
    } catch (error) {
      // A file that vanishes while it is read is no reason to stop watching it.
      const problems = error instanceof ConfigError ? error.problems : [String(error)];
      this.#configProblems = problems;
      this.log.error(
        { problems },
        "the changed configuration cannot be used; the one before stays in use",
      );
      node.notifyOwner(noticeOf(problems, this.instance.configPath));
    }
  }

  /** A second node on one machine is distinguished by its name. */
  #named(config: LoadedConfig["config"]): LoadedConfig["config"] {
    const { as } = this.instance;
    return as === undefined ? config : { ...config, name: as };
  }

  /** The first signal drains the node; the second one stops it at once. SIGHUP reloads, unless the terminal was closed. */
  #obeySignals(): void {
    const isTerminalGone = watchTerminal();
    process.on("SIGTERM", () => void this.#stop());
    process.on("SIGINT", () => void this.#stop());
    process.on("SIGHUP", () => {
      if (!isTerminalGone()) void this.#reload();
      else if (!this.#isStopping) void this.#stop();
    });
    // A terminal that was closed takes no more lines.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  }

  /** Ends the calls, and becomes the program that stands in this one's place now, under the same process id where the system can. */
  async #restart(graceMs: unknown): Promise<void> {
    this.#isStopping = true;
    this.log.info({ active: this.#node?.status.active ?? 0 }, "draining, to restart");
    this.#watch?.stop();
    await this.#node?.stop(typeof graceMs === "number" ? { graceMs } : {});
    this.#control?.stop();
    const script = Bun.isStandaloneExecutable ? [] : [Bun.main];
    const args = [...script, ...process.argv.slice(2)];
    const env = process.env as Record<string, string>;
    if (process.execve !== undefined) {
      process.execve(process.execPath, [process.execPath, ...args], env);
    }
    Bun.spawn([process.execPath, ...args], { stdio: ["inherit", "inherit", "inherit"], env });
    process.exit(0);
  }

  async #stop(): Promise<void> {
    const isSecond = this.#isStopping;
    this.#isStopping = true;
    const node = this.#node;
    if (!isSecond) {
      this.#manager?.stopping();
      const active = node?.status.active ?? 0;
      this.log.info({ active }, "draining: takes nothing new; a second signal stops at once");
    }
    this.#watch?.stop();
    await node?.stop(isSecond ? { graceMs: 0 } : {});
    this.#control?.stop();
    process.exit(0);
  }
}

/** The first problem, without the file's folder. */
function noticeOf([first = ""]: readonly string[], path: string): string {
  const place = first.replaceAll(path, "config.yaml");
  return nodeMessage("config_refused", place).slice(0, 190);
}

/** An unexpected error costs one call, not the node. Messages may quote a prompt, so only its place is logged. */
function surviveErrors(log: Log): void {
  const report = (error: unknown) => {
    const { name, stack } = error instanceof Error ? error : new Error();
    const place = stack?.split("\n").find((line) => line.trim().startsWith("at "))?.trim();
    log.error({ fault: name, place }, "unexpected fault; please report it");
  };
  process.on("uncaughtException", report);
  process.on("unhandledRejection", report);
}

/** By what systemd and launchd set. */
function isService({ NOTIFY_SOCKET, XPC_SERVICE_NAME = "0" }: Env): boolean {
  return NOTIFY_SOCKET !== undefined || XPC_SERVICE_NAME !== "0";
}
