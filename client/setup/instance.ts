/** Which node a command is about: the configuration that it runs with, and its name where there are several. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ArgsDef } from "citty";
import type { Env } from "../command.ts";
import { configFolder } from "./folders.ts";
import { t } from "../texts.ts";

const IN_FOLDER = "config.yaml";

export const instanceFlags = {
  config: {
    type: "string",
    alias: "c",
    valueHint: "PATH",
    description:
      t`The configuration file (default: ${IN_FOLDER} in the current folder, else the one that "join" made; as root, the one of the machine's node)`,
  },
  as: {
    type: "string",
    valueHint: "NAME",
    description: t`A second node on this machine, deliberately, under this name`,
  },
} satisfies ArgsDef;

/** Where the node that is a service of the whole machine has its configuration. */
export const SYSTEM_CONFIG = "/etc/co-link/config.yaml";

/**
 * The file that the flags name, else `config.yaml` in the current folder, else the one of the machine's
 * node for root, else the one that `join` makes.
 */
export function configPathOf(
  { config }: { config?: string | undefined },
  env: Env,
  { uid = process.getuid?.(), system = SYSTEM_CONFIG } = {},
): string {
  if (config !== undefined) return config;
  const own = [...uid === 0 ? [system] : [], usualConfigPath(env)];
  return [IN_FOLDER, ...own].find((path) => existsSync(path)) ?? IN_FOLDER;
}

/** Where `join` puts the configuration. */
export function usualConfigPath(env: Env): string {
  return join(configFolder(env), IN_FOLDER);
}
