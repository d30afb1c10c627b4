/** One service of this machine, under whatever manager the machine has. */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { Launchd } from "./launchd.ts";
import { ScheduledTask } from "./scheduled_task.ts";
import { noManager, ServiceError } from "./service_error.ts";
import type { Manager, ServiceSpec, ServiceWorld } from "./spec.ts";
import { Systemd } from "./systemd.ts";
import { t } from "./texts.ts";

export { ServiceError };

export const serviceActions = {
  install: t`Keep it running: start it now, and again after a failure, a logout and a reboot`,
  uninstall: t`Stop it, and start it no more`,
  status: t`Show what the service manager says of it`,
  logs: t`Follow its log`,
} as const;

export type ServiceAction = keyof typeof serviceActions;

/** Carries the action out; resolves with the exit code. Throws ServiceError. */
export async function serviceOf(
  spec: ServiceSpec,
  action: ServiceAction,
  env: ServiceWorld["env"],
  replaced: Partial<ServiceWorld> = {},
): Promise<number> {
  const world: ServiceWorld = { ...serviceWorld(env), ...replaced };
  if (spec.isSystem && world.platform !== "win32" && world.uid !== 0) {
    throw new ServiceError(t`--system is for all users of the machine and needs root: sudo …`);
  }
  return await managerOf(world)[action](spec) ?? 0;
}

function managerOf(world: ServiceWorld): Manager {
  if (world.platform === "darwin") return new Launchd(world);
  if (world.platform === "win32") return new ScheduledTask(world);
  if (Bun.which("systemctl", { PATH: world.env.PATH ?? "" }) !== null) return new Systemd(world);
  throw noManager();
}

/** This machine. */
export function serviceWorld(env: ServiceWorld["env"]): ServiceWorld {
  return {
    platform: process.platform,
    env,
    home: env.HOME || env.USERPROFILE || homedir(),
    uid: process.getuid?.() ?? 0,
    say: (line) => console.log(line),
    async run(command) {
      try {
        const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
        const [out, err] = await Promise.all([
          new Response(child.stdout).text(),
          new Response(child.stderr).text(),
        ]);
        return { code: await child.exited, output: out + err };
      } catch {
        return null;
      }
    },
    async show(command) {
      if (!existsSync(command[0] ?? "") && Bun.which(command[0] ?? "") === null) {
        throw new ServiceError(t`${command[0]} is not there`);
      }
      return await Bun.spawn([...command], { stdio: ["inherit", "inherit", "inherit"] }).exited;
    },
  };
}
