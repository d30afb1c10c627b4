/** The last step of joining: starts the node, as a service or in this terminal. */

import type { ArgsDef } from "citty";
import type { Env } from "../command.ts";
import { AlreadyRunning, runDaemon } from "../daemon/daemon.ts";

export const startFlags = {
  start: { type: "boolean", default: true, negativeDescription: "Set up only: do not start" },
} satisfies ArgsDef;

export interface StartArgs {
  start?: boolean | undefined;
}

/** Undefined: the node runs in this process from now on. */
export async function startNode(
  configPath: string,
  { start }: StartArgs,
  env: Env,
): Promise<number | undefined> {
  if (start === false) return 0;
  try {
    await runDaemon({ configPath }, env);
    return undefined;
  } catch (error) {
    if (!(error instanceof AlreadyRunning)) throw error;
    console.log("The node that runs here takes the change over by itself.");
    return 0;
  }
}
