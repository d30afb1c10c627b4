/** `server service …`: keeps the gateway running over logouts and reboots. */

import { existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type CommandDef, defineCommand } from "citty";
import { type ServiceAction, serviceActions, serviceOf, type ServiceSpec } from "../service/mod.ts";
import { isSetting, readConfig } from "./base/config.ts";
import { t } from "./texts.ts";

type Env = Readonly<Record<string, string | undefined>>;

const EXIT_BAD_CONFIGURATION = 2;
/** More than what it waits for after its running calls. */
const STOP_MARGIN_SECONDS = 15;

/** The commands below `server service`; they work with the settings of this environment. */
export function serviceCommand(env: Env): CommandDef {
  const actions = Object.keys(serviceActions) as ServiceAction[];
  return defineCommand({
    meta: { name: "service", description: t`Keep the gateway running over logouts and reboots` },
    subCommands: Object.fromEntries(
      actions.map((action) => [action, commandOf(action, env)]),
    ) as Record<string, CommandDef>,
  });
}

function commandOf(action: ServiceAction, env: Env): CommandDef {
  return defineCommand({
    meta: { name: action, description: serviceActions[action] },
    args: {
      system: {
        type: "boolean",
        description: t`For the whole machine, started at boot, under a user of its own; needs root`,
      },
    },
    async run({ args }) {
      const spec = specOf(args.system === true, env);
      if (action === "install") writeSettings(spec.environmentFile ?? "", env);
      process.exitCode = await serviceOf(spec, action, env);
    },
  }) as unknown as CommandDef;
}

function specOf(isSystem: boolean, env: Env): ServiceSpec {
  const script = Bun.isStandaloneExecutable ? [] : [Bun.main];
  const folder = isSystem ? "/etc" : env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config");
  return {
    name: "colink-server",
    description: "Co-Link gateway",
    command: [realpathSync(process.execPath), ...script],
    isSystem,
    stopSeconds: readConfig(env).drainMs / 1000 + STOP_MARGIN_SECONDS,
    systemUser: "colink",
    environmentFile: join(folder, "co-link", "server.env"),
    badConfigurationCode: EXIT_BAD_CONFIGURATION,
  };
}

/** Keeps the settings of this environment for the service, unless there is such a file already. */
function writeSettings(path: string, env: Env): void {
  if (existsSync(path)) return console.log(t`Takes its settings from ${path}`);
  const lines = Object.entries(env)
    .filter(([name, value]) => isSetting(name) && value)
    .map(([name, value]) => `${name}="${value!.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`);
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const text = [
    "# Settings of the gateway, a line each: colink-server --help lists all.",
    ...lines,
    "",
  ];
  writeFileSync(path, text.join("\n"), { mode: 0o600, flag: "wx" });
  console.log(t`Wrote ${path}: the settings of this environment; change them there`);
}
