/** `client status`, `pause` and `resume`: what the node that runs here does, and whether it takes calls. */

import { existsSync } from "node:fs";
import { command, type Env } from "../command.ts";
import { askControl, type Instance, NotRunning } from "../daemon/control.ts";
import type { DaemonStatus } from "../daemon/daemon.ts";
import { CommandError } from "./command_error.ts";
import { configPathOf, instanceFlags, SYSTEM_CONFIG } from "./instance.ts";
import { programName } from "./program_name.ts";
import { printable } from "./gateway.ts";
import { shown, t } from "../texts.ts";
import type { SessionState } from "../link/session.ts";

export const status = command({
  about: t`Show what the node that runs here does`,
  args: {
    ...instanceFlags,
    json: {
      type: "boolean",
      description: t`Print JSON; the default where the output is no terminal`,
    },
  },
  async run(args, env) {
    const found = await ask<DaemonStatus>(instanceOf(args, env), "status", {}, env);
    const isJson = args.json ?? !process.stdout.isTTY;
    console.log(isJson ? JSON.stringify(found, null, 2) : screenOf(found, Date.now()));
    return 0;
  },
});

export const pause = command({
  about: t`Take no new calls, for a while or until resume; running ones go on`,
  args: {
    time: {
      type: "positional",
      required: false,
      description: t`For so long: 30m, 2h or 1d; without it, until resume`,
    },
    ...instanceFlags,
  },
  async run(args, env) {
    const forMs = args.time === undefined ? null : durationMs(args.time);
    await ask(instanceOf(args, env), "pause", forMs === null ? {} : { forMs }, env);
    const until = forMs === null
      ? t`until: ${programName} resume`
      : t`until ${localTime(Date.now() + forMs)}`;
    console.log(t`Paused ${until}. Calls that run go on.`);
    return 0;
  },
});

export const resume = command({
  about: t`Take calls again after a pause`,
  args: instanceFlags,
  async run(args, env) {
    await ask(instanceOf(args, env), "resume", {}, env);
    console.log(t`Takes calls again.`);
    return 0;
  },
});

interface InstanceArgs {
  config?: string | undefined;
  as?: string | undefined;
}

/** The node that the flags name. */
function instanceOf(args: InstanceArgs, env: Env): Instance {
  return { configPath: configPathOf(args, env), as: args.as };
}

async function ask<T>(instance: Instance, name: string, body: object, env: Env): Promise<T> {
  try {
    return await askControl<T>(instance, name, body, env);
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
    throw new CommandError(
      t`No node runs here with ${instance.configPath}.`,
      t`Start it with "${programName}", or see why it does not run: ${programName} doctor`,
      ...process.getuid?.() !== 0 && existsSync(SYSTEM_CONFIG)
        ? [t`The node that is a service of the whole machine answers root: sudo ${programName} …`]
        : [],
    );
  }
}

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const MAX_PAUSE_MS = 365 * 86_400_000;

function durationMs(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? [];
  const ms = Number(number) * (units[unit] ?? 0);
  if (ms > 0 && ms <= MAX_PAUSE_MS) return ms;
  throw new CommandError(t`"${text}" is no time to pause for; write it as 30m, 2h or 1d`);
}

/** One screen for people. */
function screenOf(found: DaemonStatus, nowMs: number): string {
  const rows: [string, string][] = [
    [t`Link`, linkOf(found, nowMs)],
    [t`Gateway`, found.server],
    [
      t`Round trip`,
      found.roundTripMs === null ? t`not known` : `${Math.round(found.roundTripMs)} ms`,
    ],
    [
      t`Calls`,
      t`${found.active} of ${found.maxParallel} run; ${found.served} served, ${found.failed} failed`,
    ],
    ...found.running.map((call): [string, string] => [
      "",
      `${printable(call.model)}  ${call.seconds.toFixed(0)} s${
        call.tokensPerSecond === null ? "" : `  ${call.tokensPerSecond.toFixed(0)} tok/s`
      }`,
    ]),
    [t`Models`, found.models.length === 0 ? t`none` : found.models.map(printable).join(", ")],
    [t`Shared with`, sharingOf(found)],
    [t`Last error`, lastErrorOf(found, nowMs)],
    [t`Running since`, t`${localTime(found.startedAt)} (process ${found.pid})`],
    [t`Configuration`, configOf(found)],
    [t`Version`, versionOf(found)],
  ];
  return rows.map(([name, value]) =>
    `${name}${" ".repeat(Math.max(1, 15 - Bun.stringWidth(name)))}${value}`
  ).join("\n");
}

/** As `2026-11-30 05:46:47`, which reads the same in all languages; Sweden writes it so. */
function localTime(ms: number): string {
  return new Date(ms).toLocaleString("sv-SE");
}

/** What the link does, in a word. */
export const stateNames: Readonly<Record<SessionState, string>> = {
  idle: t`not started`,
  connecting: t`connecting`,
  connected: t`connected`,
  waiting: t`waiting to connect again`,
  draining: t`draining`,
  stopped: t`stopped`,
};

function linkOf(
  { state, pause, connectedSince, lastProblem }: DaemonStatus,
  nowMs: number,
): string {
  if (state !== "connected") {
    return lastProblem === null ? stateNames[state] : `${stateNames[state]}: ${shown(lastProblem)}`;
  }
  const since = connectedSince === null ? "" : t` for ${lengthOf(nowMs - connectedSince)}`;
  if (pause === null) return t`connected${since}`;
  const { reason, untilMs } = pause;
  const rest = untilMs === null ? "" : t`, for ${lengthOf(untilMs - nowMs)} more`;
  return t`connected${since}, takes no calls: ${shown(reason)}${rest}`;
}

function sharingOf({ shareWith, isWithheld }: DaemonStatus): string {
  const names = typeof shareWith === "string" ? shareWith : shareWith.map(printable).join(", ");
  return isWithheld ? t`${names}; the gateway is too old for that, and is offered nothing` : names;
}

function lastErrorOf({ lastFailure }: DaemonStatus, nowMs: number): string {
  if (lastFailure === null) return t`none`;
  const { at, model, fault } = lastFailure;
  return t`${lengthOf(nowMs - at)} ago, ${printable(model)}: ${printable(fault)}`;
}

function configOf({ config, configProblems }: DaemonStatus): string {
  if (configProblems === null) return config;
  return [
    t`${config} was changed and cannot be used; the one before stays in use:`,
    ...configProblems.map((problem) => `${" ".repeat(15)}${shown(problem)}`),
  ].join("\n");
}

function versionOf({ version, updateOffered }: DaemonStatus): string {
  if (updateOffered === null) return version;
  return t`${version}; the gateway offers ${printable(updateOffered)}: ${programName} update`;
}

/** `42 s`, `7 min`, `3 h`, `2 d` */
function lengthOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return t`${seconds} s`;
  if (seconds < 7200) return t`${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? t`${Math.round(seconds / 3600)} h`
    : t`${Math.round(seconds / 86_400)} d`;
}
