/** The last step of joining: keeps the node running as a service, or runs it in this terminal. */

import type { ArgsDef } from "citty";
import type { Env } from "../command.ts";
import { askControl } from "../daemon/control.ts";
import { AlreadyRunning, type DaemonStatus, runDaemon } from "../daemon/daemon.ts";
import { CommandError } from "./command_error.ts";
import { programName } from "./program_name.ts";
import { runService } from "./service.ts";
import { Terminal } from "./terminal.ts";
import { modelCount, t } from "../texts.ts";

export const startFlags = {
  start: { type: "boolean", default: true, negativeDescription: t`Set up only: do not start` },
  service: {
    type: "boolean",
    description: t`Keep it running over logouts and reboots, without asking`,
  },
} satisfies ArgsDef;

export interface StartArgs {
  start?: boolean | undefined;
  service?: boolean | undefined;
  yes?: boolean | undefined;
  json?: boolean | undefined;
}

const CONNECT_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 200;

/** Undefined: the node runs in this process from now on. Throws CommandError. */
export async function startNode(
  configPath: string,
  args: StartArgs,
  env: Env,
): Promise<number | undefined> {
  if (args.start === false) {
    if (args.json !== true) {
      console.log(
        t`Start it with ${programName}; ${programName} service install keeps it running.`,
      );
    }
    return 0;
  }
  const running = await statusOf(configPath, env);
  if (running !== null) {
    console.log(t`The node that runs here takes the change over by itself.`);
    return 0;
  }
  if (await wantsService(args)) {
    try {
      await runService("install", { configPath }, env);
      return await reportConnection(configPath, env);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      for (const line of error.lines) console.error(line);
      console.error(t`The node runs in this terminal instead, until you press Ctrl-C.`);
    }
  }
  try {
    await runDaemon({ configPath }, env);
    return undefined;
  } catch (error) {
    if (error instanceof AlreadyRunning) return 0;
    throw error;
  }
}

async function wantsService(args: StartArgs): Promise<boolean> {
  if (args.service !== undefined) return args.service;
  const terminal = Terminal.open(args);
  try {
    return await terminal?.confirm(t`Keep it running after a logout and a reboot?`, true) ?? false;
  } finally {
    terminal?.close();
  }
}

async function reportConnection(configPath: string, env: Env): Promise<number> {
  const endMs = performance.now() + CONNECT_WITHIN_MS;
  while (performance.now() < endMs) {
    const status = await statusOf(configPath, env);
    if (status?.state === "connected") {
      console.log(t`Connected to ${status.server}, ${modelCount(status.models.length)}.`);
      return 0;
    }
    await Bun.sleep(LOOK_EVERY_MS);
  }
  throw new CommandError(t`The node runs but is not connected yet; see why: ${programName} doctor`);
}

function statusOf(configPath: string, env: Env): Promise<DaemonStatus | null> {
  return askControl<DaemonStatus>({ configPath }, "status", {}, env).catch(() => null);
}
