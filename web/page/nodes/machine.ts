/** A node's machine in a few words. */

import type { NodeMachine } from "../../../api/mod.ts";
import { formatNumber } from "../../state/locale.ts";

/** System and architecture: `Ubuntu 24.04.1 LTS, x64`; null: neither is known. */
export function systemOf({ os, arch }: NodeMachine): string | null {
  return [os, arch].filter((text) => text !== null).join(", ") || null;
}

/** The graphics processors, equal ones counted: `2 × NVIDIA L4, 24 GB`; none: an empty list. */
export function gpusOf({ gpus }: NodeMachine): string[] {
  const kinds = Map.groupBy(gpus, ({ name, memory_bytes }) => `${name} ${memory_bytes}`);
  return [...kinds.values()].map((same) => {
    const { name, memory_bytes } = same[0]!;
    const memory = memory_bytes === null ? "" : `, ${formatMemory(memory_bytes)}`;
    return `${same.length === 1 ? "" : `${formatNumber(same.length)} × `}${name}${memory}`;
  });
}

const GIB = 2 ** 30;

/** As makers print it: in whole gigabytes of 2³⁰ bytes. */
function formatMemory(bytes: number): string {
  return `${formatNumber(Math.max(1, Math.round(bytes / GIB)))} GB`;
}
