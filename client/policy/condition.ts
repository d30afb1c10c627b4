/** The conditions under which a machine is lent: one row for each key of a policy. */

import { fitsPattern, nodeMessage, type NodeMessageCode } from "../../protocol/mod.ts";
import { phrase } from "../../text/mod.ts";
import type { OfferPolicyConfig, PolicyConditions } from "../config/policy_shape.ts";
import {
  parseBytes,
  parseCount,
  parseDuration,
  parseHours,
  parseLoad,
  parsePower,
} from "../config/policy_units.ts";
import { isWithin, nextWithin, type ToLocal } from "./calendar.ts";
import type { GpuMemory, Power, Program } from "./machine.ts";

/** What a look at the machine has shown. Absent: not looked at, because no condition asks; null: it cannot be known. */
export interface Reading {
  /** UTC milliseconds. */
  nowMs: number;
  toLocal: ToLocal;
  power?: Power | null;
  idleMs?: number | null;
  programs?: readonly Program[] | null;
  gpuMemory?: GpuMemory | null;
  /** The share of the processors that other programs use, from 0 to 1. */
  otherCpuLoad?: number | null;
}

/** What was used of the allowance in the scope that the policy stands in. */
export interface Used {
  tokensToday: number;
  callsThisHour: number;
  /** When the day ends, and when the hour's oldest call is an hour old: UTC milliseconds. */
  dayEndsMs: number;
  hourEndsMs: number;
}

/** Why calls are not taken. */
export interface Breach {
  /** For people, also those who use the gateway: it names neither programs nor measured values. */
  reason: string;
  /** When it is over, in UTC milliseconds; absent: that is not known. */
  untilMs?: () => number | null;
  /** Whether what the machine shows may change back and forth: it must hold for a while to count again. */
  mayFlap?: boolean;
}

/** `unknown`: the machine cannot tell. */
type Finding = Breach | "holds" | "unknown";

export type ConditionKey = keyof PolicyConditions;
export type ProbeKey = "power" | "idleMs" | "programs" | "gpuMemory" | "otherCpuLoad";

interface Row<Key extends ConditionKey> {
  /** What must be looked at. */
  probe?: ProbeKey;
  /** What is said where the machine cannot tell; absent: it always can. */
  unknown?: NodeMessageCode;
  /** Whether calls are refused where the machine cannot tell. */
  deniesUnknown?: true;
  find(value: PolicyConditions[Key], reading: Reading, used: Used): Finding;
}

const conditionRows: { readonly [Key in ConditionKey]: Row<Key> } = Object.freeze({
  hours: {
    find(texts, { nowMs, toLocal }) {
      const hours = texts.map((text) => parseHours(text)!);
      if (isWithin(hours, toLocal(nowMs))) return "holds";
      const untilMs = () => nextWithin([hours], nowMs, toLocal);
      return { reason: nodeMessage("outside_hours"), untilMs };
    },
  },
  power: {
    probe: "power",
    unknown: "unknown_power",
    deniesUnknown: true,
    find(text, { power }) {
      if (!power) return "unknown";
      const rule = parsePower(text)!;
      const { isOnMains, batteryPercent } = power;
      if (isOnMains) return "holds";
      if (rule.kind === "mains") return { reason: nodeMessage("on_battery") };
      if (batteryPercent === null) return "unknown";
      return batteryPercent > rule.abovePercent
        ? "holds"
        : { reason: nodeMessage("battery_low", rule.abovePercent) };
    },
  },
  idle: {
    probe: "idleMs",
    unknown: "unknown_use",
    deniesUnknown: true,
    find(text, { idleMs }) {
      if (idleMs === null || idleMs === undefined) return "unknown";
      return idleMs >= parseDuration(text)! ? "holds" : { reason: nodeMessage("in_use") };
    },
  },
  busy_programs: {
    probe: "programs",
    unknown: "unknown_programs",
    find(patterns, { programs }) {
      if (!programs) return "unknown";
      const isBusy = programs.some(({ name }) => patterns.some((one) => isProgram(name, one)));
      return isBusy ? { reason: nodeMessage("own_programs") } : "holds";
    },
  },
  gpu_memory_free: {
    probe: "gpuMemory",
    unknown: "unknown_gpu_memory",
    find(text, { gpuMemory }) {
      if (!gpuMemory) return "unknown";
      const { totalBytes, usedBytes, ownBytes } = gpuMemory;
      const left = totalBytes - Math.max(0, usedBytes - ownBytes);
      return left >= parseBytes(text)! ? "holds" : { reason: nodeMessage("gpu_memory", text) };
    },
  },
  cpu_load: {
    probe: "otherCpuLoad",
    unknown: "unknown_cpu_load",
    find(text, { otherCpuLoad }) {
      if (otherCpuLoad === null || otherCpuLoad === undefined) return "unknown";
      return otherCpuLoad < parseLoad(text)! ? "holds" : { reason: nodeMessage("cpu_load", text) };
    },
  },
  tokens_per_day: {
    find(value, _, { tokensToday, dayEndsMs }) {
      return tokensToday < parseCount(value)!
        ? "holds"
        : { reason: nodeMessage("tokens_used"), untilMs: () => dayEndsMs };
    },
  },
  calls_per_hour: {
    find(value, _, { callsThisHour, hourEndsMs }) {
      return callsThisHour < parseCount(value)!
        ? "holds"
        : { reason: nodeMessage("calls_used"), untilMs: () => hourEndsMs };
    },
  },
});

const conditionKeys = Object.keys(conditionRows) as ConditionKey[];

/** The conditions that a policy names. */
export function conditionsOf(policy: OfferPolicyConfig): ConditionKey[] {
  return conditionKeys.filter((key) => policy[key] !== undefined);
}

/** What a policy's conditions need to know of the machine. */
export function probesOf(policy: OfferPolicyConfig): ProbeKey[] {
  return conditionsOf(policy).flatMap((key) => conditionRows[key].probe ?? []);
}

/** The first reason for which a policy takes no calls; null: all of its conditions hold. */
export function breachOf(policy: OfferPolicyConfig, reading: Reading, used: Used): Breach | null {
  for (const key of conditionsOf(policy)) {
    const found = finding(key, policy, reading, used);
    if (found === "holds") continue;
    const mayFlap = conditionRows[key].probe !== undefined;
    if (found !== "unknown") return { ...found, mayFlap };
    const unknown = conditionRows[key].unknown;
    if (unknown !== undefined && isDenied(key, policy)) {
      return { reason: nodeMessage(unknown), mayFlap };
    }
  }
  return null;
}

/** The conditions of which the machine cannot tell whether they hold, and whether calls are then refused. */
export function unknownOf(
  policy: OfferPolicyConfig,
  reading: Reading,
  used: Used,
): { key: ConditionKey; isDenied: boolean }[] {
  return conditionsOf(policy)
    .filter((key) => finding(key, policy, reading, used) === "unknown")
    .map((key) => ({ key, isDenied: isDenied(key, policy) }));
}

function finding<Key extends ConditionKey>(
  key: Key,
  policy: OfferPolicyConfig,
  reading: Reading,
  used: Used,
): Finding {
  return conditionRows[key].find(policy[key] as PolicyConditions[Key], reading, used);
}

function isDenied(key: ConditionKey, policy: OfferPolicyConfig): boolean {
  return policy.unknown === undefined
    ? conditionRows[key].deniesUnknown === true
    : policy.unknown === "deny";
}

/** What of the machine a condition is about. */
export const subjects: Readonly<Record<ConditionKey, string>> = Object.freeze({
  hours: phrase`the time`,
  power: phrase`whether the machine is on mains`,
  idle: phrase`whether the machine is in use`,
  busy_programs: phrase`which programs run`,
  gpu_memory_free: phrase`how much graphics memory other programs use`,
  cpu_load: phrase`how busy the processor is`,
  tokens_per_day: phrase`how many tokens were used`,
  calls_per_hour: phrase`how many calls were taken`,
});

/** Windows adds `.exe` to the names that owners know. */
function isProgram(name: string, pattern: string): boolean {
  return fitsPattern(name, pattern) || fitsPattern(name.replace(/\.exe$/i, ""), pattern);
}
