/** What a node reports of the machine that it runs on; its owner and administrators alone see it. */

import { isCount, isObject } from "./checks.ts";
import { isVisibleName, VISIBLE_NAME_RULE } from "./visible_name.ts";

/** Each member is absent where the node does not know it, or does not report it. */
export interface MachineFacts {
  /** The operating system and its version, such as `Ubuntu 24.04.1 LTS`. */
  os?: string;
  /** The processor's architecture, such as `x64` or `arm64`. */
  arch?: string;
  gpus?: MachineGpu[];
  /** On which terms the machine is lent, by the configuration's keys; empty: always. */
  policy?: Record<string, string>;
}

/** One graphics processor. */
export interface MachineGpu {
  name: string;
  /** The memory that it has, or shares with the processor. */
  memory_bytes?: number;
}

/** The longest text of each member. */
export const MAX_MACHINE_TEXT_CHARS = 100;
export const MAX_MACHINE_GPUS = 16;
export const MAX_MACHINE_TERMS = 20;

/** What is wrong with the `machine` of a REGISTER or STATUS, or null. Unknown members pass. */
export function machineProblem(machine: unknown): string | null {
  if (machine === undefined) return null;
  if (!isObject(machine)) return "machine must be an object";
  const { os, arch, gpus = [], policy = {} } = machine;
  for (const [name, text] of Object.entries({ os, arch })) {
    if (text !== undefined && !isShown(text)) return `machine.${name} must be ${RULE}`;
  }
  if (!Array.isArray(gpus) || gpus.length > MAX_MACHINE_GPUS) {
    return `machine.gpus must be a list of at most ${MAX_MACHINE_GPUS}`;
  }
  for (const gpu of gpus as unknown[]) {
    if (!isObject(gpu) || !isShown(gpu.name)) {
      return `the name of each of machine.gpus must be ${RULE}`;
    }
    if (gpu.memory_bytes !== undefined && !isCount(gpu.memory_bytes)) {
      return "memory_bytes of each of machine.gpus must be a whole number";
    }
  }
  if (!isObject(policy) || Object.keys(policy).length > MAX_MACHINE_TERMS) {
    return `machine.policy must be an object of at most ${MAX_MACHINE_TERMS} members`;
  }
  return Object.entries(policy).flat().every(isShown)
    ? null
    : `the names and values of machine.policy must be ${RULE}`;
}

const RULE = `at most ${MAX_MACHINE_TEXT_CHARS} characters of ${VISIBLE_NAME_RULE}`;

function isShown(text: unknown): boolean {
  return typeof text === "string" && text.length <= MAX_MACHINE_TEXT_CHARS && isVisibleName(text);
}
