/** What the node tells the gateway of its machine. */

import {
  isVisibleName,
  type MachineFacts,
  type MachineGpu,
  MAX_MACHINE_GPUS,
  MAX_MACHINE_TEXT_CHARS,
} from "../../protocol/mod.ts";
import type { PolicyConfig } from "../config/policy_shape.ts";
import type { Gpu, Machine } from "./machine.ts";

/** Asks the system's tools, which may take seconds. Never rejects; what cannot be known is absent. */
export async function machineFacts(
  machine: Pick<Machine, "system" | "gpus">,
  arch: string = process.arch,
): Promise<MachineFacts> {
  const [system, gpus] = await Promise.all([
    machine.system().catch(() => null),
    machine.gpus().catch(() => null),
  ]);
  const os = shown(system);
  const found = (gpus ?? []).flatMap(gpuOf).slice(0, MAX_MACHINE_GPUS);
  return {
    ...(os === null ? {} : { os }),
    arch,
    ...(found.length === 0 ? {} : { gpus: found }),
  };
}

function gpuOf({ name, memoryBytes }: Gpu): MachineGpu[] {
  const text = shown(name);
  if (text === null) return [];
  const isKnown = memoryBytes !== null && Number.isSafeInteger(memoryBytes) && memoryBytes > 0;
  return [isKnown ? { name: text, memory_bytes: memoryBytes } : { name: text }];
}

/** The text as the wire takes it; null: it has nothing to show. */
function shown(text: string | null): string | null {
  const short = text?.trim().slice(0, MAX_MACHINE_TEXT_CHARS) ?? "";
  return isVisibleName(short) ? short : null;
}

/** A policy's conditions as the gateway may show them: of programs their number, not their names. */
export function policyFacts(policy: PolicyConfig): Record<string, string> {
  const { hours, busy_programs: programs, unknown: _, hold: __, pause_file: ___, ...rest } = policy;
  const texts = Object.entries({
    ...(hours === undefined ? {} : { hours: hours.join("; ") }),
    ...(programs === undefined ? {} : { busy_programs: programs.length }),
    ...rest,
  }).flatMap(([key, value]) => {
    const text = value === undefined ? null : shown(String(value));
    return text === null ? [] : [[key, text] as const];
  });
  return Object.fromEntries(texts);
}
