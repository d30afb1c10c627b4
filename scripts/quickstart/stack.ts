/** The programs of a quickstart: the demo upstream where there is need of it, the gateway, the node. */

import { join } from "node:path";
import { type DemoUpstream, startDemoUpstream } from "../demo_upstream.ts";
import { Program } from "../program.ts";
import { at } from "../root.ts";
import type { ModelSource } from "./model_source.ts";
import { writeNodeConfig } from "./node_config.ts";

const LISTENING_WITHIN_MS = 30_000;
const CONNECTED_WITHIN_MS = 30_000;

/** Quickstart shows the embedded database; a gateway of one's own may be configured in the same shell. */
const NOT_PASSED_ON = ["DATABASE_URL", "REDIS_URL", "JWT_SECRET"];

/** How the two programs are called. */
export interface Commands {
  gateway: string[];
  node: string[];
}

const executables: Commands = { gateway: [at("bin", "server")], node: [at("bin", "client")] };

export class Stack {
  #demo: DemoUpstream | null = null;
  #gateway: Program | null = null;
  #node: Program | null = null;

  /**
   * Everything that the programs keep and log lies in `dataDir`; `onLine` sees what they log, too.
   */
  constructor(
    readonly dataDir: string,
    readonly commands: Commands = executables,
    readonly onLine?: (line: string) => void,
  ) {}

  /** Resolves with the address under which the demo upstream is a provider. */
  startDemo(): string {
    this.#demo = startDemoUpstream();
    return this.#demo.url;
  }

  /** Resolves with the gateway's address once it listens. */
  async startGateway(port: number): Promise<string> {
    const env: Record<string, string | undefined> = {
      COLINK_HOST: "127.0.0.1",
      COLINK_DRAIN_SECONDS: "5",
      ...process.env,
      PORT: String(port),
      COLINK_DATA_DIR: this.dataDir,
    };
    for (const name of NOT_PASSED_ON) delete env[name];
    this.#gateway = this.#start("gateway", this.commands.gateway, env);
    return await this.#gateway.line(listeningUrl, LISTENING_WITHIN_MS);
  }

  /** Resolves once the node is connected. */
  async startNode(url: string, clientToken: string, source: ModelSource): Promise<void> {
    const config = join(this.dataDir, "node.yaml");
    const serverUrl = `${url.replace(/^http/, "ws")}/ws`;
    writeNodeConfig(config, { clientToken, serverUrl, source });
    this.#node = this.#start("node", [...this.commands.node, "-c", config], process.env);
    await this.#node.line(isConnected, CONNECTED_WITHIN_MS);
  }

  /** An error that shows the node's last words: it knows best why an upstream does not answer. */
  failure(state: string): Error {
    return this.#node?.failure(state) ?? new Error(state);
  }

  /** Rejects when the gateway or the node ends by itself, with its last words. */
  async untilOneEnds(): Promise<never> {
    const programs = [this.#gateway, this.#node].filter((one) => one !== null);
    const { program, code } = await Promise.race(
      programs.map((one) => one.ended.then((code) => ({ program: one, code }))),
    );
    throw program.failure(`ended by itself with exit code ${code}`);
  }

  /** The node first: it finishes what it runs while the gateway is still there to take it. */
  async stop(): Promise<void> {
    await this.stopNode();
    await this.stopGateway();
    await this.#demo?.stop();
  }

  async stopGateway(): Promise<void> {
    await this.#gateway?.stop();
  }

  async stopNode(): Promise<void> {
    await this.#node?.stop();
  }

  kill(): void {
    this.#node?.kill();
    this.#gateway?.kill();
  }

  #start(name: string, command: string[], env: Record<string, string | undefined>): Program {
    const logFile = join(this.dataDir, `${name}.log`);
    const { dataDir: cwd, onLine } = this;
    return new Program(name, command, { env, cwd, logFile, onLine, shielded: true });
  }
}

function listeningUrl(line: string): string | undefined {
  const { msg, url } = logLine(line);
  return msg === "listening" ? url : undefined;
}

function isConnected(line: string): true | undefined {
  return logLine(line).msg === "connected" || undefined;
}

function logLine(line: string): { msg?: string; url?: string } {
  try {
    return JSON.parse(line);
  } catch {
    // Not everything that a program prints is its log.
    return {};
  }
}
