/** `server service …`: keeps the gateway running over logouts and reboots. */

import { existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { type CommandDef, defineCommand } from "citty";
import {
  environmentLine,
  machineService,
  runInPlaceOf,
  type ServiceAction,
  serviceActions,
  serviceOf,
  type ServiceSpec,
  serviceWorld,
} from "../service/mod.ts";
import { isSetting } from "./base/config.ts";
import { readConfig, UsageError } from "./base/read_config.ts";
import { t } from "./texts.ts";

type Env = Readonly<Record<string, string | undefined>>;

const NAME = "colink-server";
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
      const spec = gatewaySpec(args.system === true, env);
      if (action === "install") writeSettings(spec.environmentFile ?? "", env);
      process.exitCode = await serviceOf(spec, action, env);
    },
  }) as unknown as CommandDef;
}

/** Commands on what a gateway keeps; `serve` and `service` are about the process. */
const ON_KEPT_DATA: readonly string[] = ["admin", "backup", "restore", "migrate", "doctor"];
/** Settings that say which gateway is meant. */
const NAMES_A_GATEWAY = ["COLINK_DATA_DIR", "DATABASE_URL", "JWT_SECRET"];

/**
 * Runs a command on kept data as the machine's service, with its settings and as its user: root would
 * otherwise open an empty database of its own, and leave files that the service cannot read. Resolves
 * with the exit code; null: the command is about another gateway, and runs here. Throws UsageError.
 */
export async function runAsMachineService(
  words: readonly string[],
  env: Env,
  world = serviceWorld(env),
  units?: string,
): Promise<number | null> {
  const isMeant = ON_KEPT_DATA.includes(words[0] ?? "") &&
    !NAMES_A_GATEWAY.some((name) => env[name]);
  if (!isMeant || world.platform !== "linux") return null;
  const service = await machineService(NAME, world, units);
  if (service === null || service.user === userInfo().username) return null;
  if (world.uid !== 0) {
    // The user has run a gateway of their own.
    if (existsSync(join(world.home, ".local", "share", "co-link", "colink.db"))) return null;
    throw new UsageError([
      t`The gateway of this machine is the service ${NAME}: sudo ${NAME} ${words.join(" ")}`,
    ]);
  }
  const command = [realpathSync(process.execPath), ...scriptOf(), ...words];
  return await runInPlaceOf(service, command, { env, show: world.show }, process.cwd());
}

function scriptOf(): string[] {
  return Bun.isStandaloneExecutable ? [] : [Bun.main];
}

/** The gateway as a service, with the settings of this environment. */
export function gatewaySpec(isSystem: boolean, env: Env): ServiceSpec {
  const folder = isSystem ? "/etc" : env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config");
  return {
    name: NAME,
    description: "Co-Link gateway",
    command: [realpathSync(process.execPath), ...scriptOf()],
    isSystem,
    stopSeconds: readConfig(env).drainMs / 1000 + STOP_MARGIN_SECONDS,
    systemUser: "colink",
    needsLowPorts: true,
    environmentFile: join(folder, "co-link", "server.env"),
    badConfigurationCode: EXIT_BAD_CONFIGURATION,
  };
}

/** Keeps the settings of this environment for the service, unless there is such a file already. */
function writeSettings(path: string, env: Env): void {
  if (existsSync(path)) return console.log(t`Takes its settings from ${path}`);
  const lines = Object.entries(env)
    .filter(([name, value]) => isSetting(name) && value)
    .map(([name, value]) => environmentLine(name, value!));
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const text = [
    "# Settings of the gateway, a line each: colink-server --help lists all.",
    ...lines,
    "",
  ];
  writeFileSync(path, text.join("\n"), { mode: 0o600, flag: "wx" });
  console.log(t`Wrote ${path}: the settings of this environment; change them there`);
}
