/** A real gateway: the built executable on a free port, with a data folder of its own. */

import { tmpdir } from "node:os";
import { type Outcome, Program } from "../../scripts/program.ts";
import { at } from "../../scripts/root.ts";
import { endAfterTests, temporaryFolder } from "./cleanup.ts";
import { within } from "./wait.ts";

export interface Gateway {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Where nodes dial: `ws://127.0.0.1:PORT/ws` */
  readonly wsUrl: string;
  readonly dataDir: string;
  readonly program: Program;
  /** The newest lines that it logged. */
  readonly log: readonly string[];
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
  /** SIGKILL, as a crash. */
  kill(): Promise<void>;
}

export interface GatewayOptions {
  /** Settings; `PORT`, `COLINK_HOST` and `COLINK_DATA_DIR` are the harness's unless given. */
  env?: Record<string, string>;
  /** A program that starts it, such as `nice`: its words stand before the gateway's. */
  through?: readonly string[];
  /** Keep a folder over several gateways, to restart one; default: a new one, removed afterwards. */
  dataDir?: string;
}

const READY_WITHIN_MS = 60_000;

/** Resolves once the gateway listens. Rejects with its last words when it does not. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const dataDir = options.dataDir ?? temporaryFolder();
  const program = new Program("gateway", [...options.through ?? [], ...gatewayCommand()], {
    // Not the folder of the sources: an executable must not care where it stands.
    cwd: dataDir,
    env: { ...gatewayEnvironment(dataDir), ...options.env },
  });
  endAfterTests(() => program.kill());
  const url = await program.line(listeningUrl, READY_WITHIN_MS);
  return {
    url,
    wsUrl: `${url.replace(/^http/, "ws")}/ws`,
    dataDir,
    program,
    log: program.lines,
    stop: () => program.stop({ graceMs: 60_000 }),
    kill: () => program.kill(),
  };
}

/** How the gateway is called: the executable, or with `COLINK_TEST_SOURCE=1` its source. */
export function gatewayCommand(): string[] {
  return process.env.COLINK_TEST_SOURCE === "1"
    ? [process.execPath, at("server", "main.ts")]
    : [at("bin", "server")];
}

/** Runs a command of the gateway's to its end: `admin create …`, or a start that must be refused. */
export async function runGateway(
  args: readonly string[],
  options: GatewayOptions & { input?: string } = {},
): Promise<Outcome> {
  const { dataDir = temporaryFolder(), env, input } = options;
  const lines: string[] = [];
  const program = new Program("gateway", [...gatewayCommand(), ...args], {
    cwd: dataDir,
    env: { ...gatewayEnvironment(dataDir), ...env },
    onLine: (line) => lines.push(line),
    ...(input === undefined ? {} : { input }),
  });
  endAfterTests(() => program.kill());
  const code = await within("the gateway's end", program.ended, READY_WITHIN_MS);
  return { code, output: lines.join("\n") };
}

/** An environment in which nothing of the machine's own settings counts. */
export function gatewayEnvironment(dataDir: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    HOME: dataDir,
    TMPDIR: tmpdir(),
    PORT: "0",
    COLINK_HOST: "127.0.0.1",
    COLINK_DATA_DIR: dataDir,
    COLINK_DEFAULT_RPM: "1000000",
    COLINK_SIGN_INS_PER_MINUTE: "1000000",
    COLINK_ACCOUNTS_PER_HOUR: "1000000",
    COLINK_REFUSED_PER_MINUTE: "1000000",
    COLINK_DRAIN_SECONDS: "5",
  };
}

function listeningUrl(line: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
  return msg === "listening" ? url : undefined;
}
