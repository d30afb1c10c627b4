/** `client service …`: keeps the node running over logouts and reboots. */

import { copyFileSync, existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  type ServiceAction,
  serviceActions,
  ServiceError,
  serviceOf,
  type ServiceSpec,
} from "../../service/mod.ts";
import { command, type Commands, type Env } from "../command.ts";
import { loadConfig } from "../config/config.ts";
import { CommandError } from "./command_error.ts";
import { configPathOf, instanceFlags, SYSTEM_CONFIG } from "./instance.ts";
import { t } from "../texts.ts";

const NAME = "colink-client";
const SYSTEM_USER = "colink-node";
const SYSTEM_FOLDER = dirname(SYSTEM_CONFIG);

/** The node finishes what runs, for at most 10 minutes. */
const STOP_SECONDS = 660;
const EXIT_BAD_CONFIGURATION = 2;

export const service: Commands = Object.fromEntries(
  (Object.keys(serviceActions) as ServiceAction[]).map((action) => [
    action,
    () => Promise.resolve(commandOf(action)),
  ]),
);

function commandOf(action: ServiceAction) {
  return command({
    about: serviceActions[action],
    args: {
      ...instanceFlags,
      system: {
        type: "boolean",
        description: t`For the whole machine, started at boot, under a user of its own; needs root`,
      },
    },
    async run(args, env) {
      return await runService(action, { ...args, configPath: configPathOf(args, env) }, env);
    },
  });
}

/** Throws CommandError or ConfigError. */
export async function runService(
  action: ServiceAction,
  { configPath, as, system = false }: {
    configPath: string;
    as?: string | undefined;
    system?: boolean | undefined;
  },
  env: Env,
): Promise<number> {
  try {
    // A service with a bad configuration would start and end indefinitely.
    if (action === "install") loadConfig(configPath, env);
    const config = action === "install" && system ? systemCopy(configPath) : resolve(configPath);
    return await serviceOf(nodeSpec(config, as, system), action, env);
  } catch (error) {
    if (error instanceof ServiceError) throw new CommandError(error.message);
    throw error;
  }
}

/** The node as a service. */
export function nodeSpec(config: string, as: string | undefined, isSystem: boolean): ServiceSpec {
  const script = Bun.isStandaloneExecutable ? [] : [Bun.main];
  const suffix = as === undefined ? "" : `-${as.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`;
  return {
    name: NAME + suffix,
    description: "Co-Link node",
    command: [
      realpathSync(process.execPath),
      ...script,
      "--config",
      config,
      ...as === undefined ? [] : ["--as", as],
    ],
    isSystem,
    stopSeconds: STOP_SECONDS,
    systemUser: SYSTEM_USER,
    ownedFiles: [config, join(dirname(config), "token")].filter(existsSync),
    badConfigurationCode: EXIT_BAD_CONFIGURATION,
  };
}

/** The service's user cannot read another user's folder: configuration and token get a place of their own, once. */
function systemCopy(configPath: string): string {
  const from = realpathSync(configPath);
  if (from.startsWith(`${SYSTEM_FOLDER}/`)) return from;
  mkdirSync(SYSTEM_FOLDER, { recursive: true, mode: 0o755 });
  for (const name of ["config.yaml", "token"]) {
    const source = name === "config.yaml" ? from : join(dirname(from), name);
    const target = join(SYSTEM_FOLDER, name);
    if (existsSync(source) && !existsSync(target)) copyFileSync(source, target);
  }
  console.log(t`Takes its configuration from ${SYSTEM_CONFIG}: change it there`);
  return SYSTEM_CONFIG;
}
