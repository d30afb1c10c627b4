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
      t`The configuration file (default: ${IN_FOLDER} in the current folder, else the one that "join" made)`,
  },
  as: {
    type: "string",
    valueHint: "NAME",
    description: t`A second node on this machine, deliberately, under this name`,
  },
} satisfies ArgsDef;

/** The file that the flags name, else `config.yaml` in the current folder, else the one that `join` makes. */
export function configPathOf({ config }: { config?: string | undefined }, env: Env): string {
  if (config !== undefined) return config;
  const own = usualConfigPath(env);
  return !existsSync(IN_FOLDER) && existsSync(own) ? own : IN_FOLDER;
}

/** Where `join` puts the configuration. */
export function usualConfigPath(env: Env): string {
  return join(configFolder(env), IN_FOLDER);
}
