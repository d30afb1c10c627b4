/** The gateway or node that systemd runs for the whole machine, as a person's own command finds it. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceWorld } from "./spec.ts";

export const SYSTEM_UNITS = "/etc/systemd/system";

/** The language of what a command says; a service has no locale of its own. */
const LOCALE = ["COLINK_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"];

/** What the unit says about the process that it starts. */
export interface MachineService {
  name: string;
  user: string;
  /** As systemd quotes them: `A=b "C=d e"`. */
  environment: string;
  /** Paths, a leading dash where the file may be missing. */
  environmentFiles: string[];
}

type World = Pick<ServiceWorld, "run">;

/** Null: the machine has no such service, or it runs as root. */
export async function machineService(
  name: string,
  { run }: World,
  units = SYSTEM_UNITS,
): Promise<MachineService | null> {
  if (!existsSync(join(units, `${name}.service`))) return null;
  const properties = ["LoadState", "User", "Environment", "EnvironmentFiles"];
  const shown = await run(["systemctl", "show", `--property=${properties.join(",")}`, name]);
  if (shown?.code !== 0) return null;
  const values = (property: string) =>
    shown.output.split("\n").filter((line) => line.startsWith(`${property}=`))
      .map((line) => line.slice(property.length + 1)).filter((value) => value !== "");
  const [user = "root"] = values("User");
  if (values("LoadState")[0] !== "loaded" || user === "root") return null;
  return {
    name,
    user,
    environment: values("Environment").join(" "),
    environmentFiles: values("EnvironmentFiles").map(environmentFile),
  };
}

/** From `/etc/x.env (ignore_errors=yes)`. */
function environmentFile(shown: string): string {
  const [, path = shown, ignores] = /^(.*) \(ignore_errors=(yes|no)\)$/.exec(shown) ?? [];
  return ignores === "yes" ? `-${path}` : path;
}

/**
 * Runs a command with the service's settings, as its user, at this terminal, and with the caller's
 * PGPASSWORD. Resolves with its exit code.
 */
export async function runInPlaceOf(
  service: MachineService,
  command: readonly string[],
  { env, show }: Pick<ServiceWorld, "env" | "show">,
  folder: string,
  secretsFolder = "/run",
): Promise<number> {
  const password = env.PGPASSWORD;
  if (!password) return await show(inPlaceOf(service, command, env, folder));
  // Every user of the machine can read a unit's variables, and the arguments of systemd-run.
  const secrets = mkdtempSync(join(secretsFolder, "co-link-"));
  try {
    const file = join(secrets, "environment");
    writeFileSync(file, environmentLine("PGPASSWORD", password), { mode: 0o600 });
    const environmentFiles = [...service.environmentFiles, file];
    return await show(inPlaceOf({ ...service, environmentFiles }, command, env, folder));
  } finally {
    rmSync(secrets, { recursive: true, force: true });
  }
}

/** A line of a file of settings, as systemd reads it. */
export function environmentLine(name: string, value: string): string {
  return `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The command line that runs a command with the service's settings, as its user, at this terminal. */
export function inPlaceOf(
  { user, environment, environmentFiles }: MachineService,
  command: readonly string[],
  env: ServiceWorld["env"],
  folder: string,
): string[] {
  const locale = LOCALE.filter((name) => env[name]).map((name) => `--setenv=${name}=${env[name]}`);
  return [
    "systemd-run",
    "--quiet",
    "--collect",
    "--wait",
    "--pty",
    "--pipe",
    `--uid=${user}`,
    // The dash: its user may not be allowed into the caller's folder.
    `--property=WorkingDirectory=-${folder}`,
    ...environmentFiles.map((file) => `--property=EnvironmentFile=${file}`),
    ...environment === "" ? [] : [`--property=Environment=${environment}`],
    ...locale,
    // systemd replaces variables in a command line.
    ...command.map((word) => word.replaceAll("$", "$$$$")),
  ];
}
