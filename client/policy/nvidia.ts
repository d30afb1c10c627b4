/** The memory and the power of NVIDIA's graphics processors, as their driver's own tool prints them. */

import { output } from "./command.ts";
import type { Gpu, GpuMemory } from "./machine.ts";

const MIB = 2 ** 20;

/** Null: there is no such driver. */
export async function nvidiaMemory(
  own: ReadonlySet<number>,
  tool = "nvidia-smi",
): Promise<GpuMemory | null> {
  const query = (what: string, format = "csv,noheader,nounits") =>
    output(tool, `--query-${what}`, `--format=${format}`);
  const [gpus, processes] = await Promise.all([
    query("gpu=memory.total,memory.used"),
    query("compute-apps=pid,used_gpu_memory"),
  ]);
  const rows = gpus === null ? [] : numbersOf(gpus);
  if (rows.length === 0) return null;
  const ownRows = numbersOf(processes ?? "").filter(([pid]) => own.has(pid));
  return {
    totalBytes: rows.reduce((sum, [total]) => sum + total * MIB, 0),
    usedBytes: rows.reduce((sum, [, used]) => sum + used * MIB, 0),
    ownBytes: ownRows.reduce((sum, [, used]) => sum + used * MIB, 0),
  };
}

/** What they draw together; null: there is no such driver, or none of them tells. */
export async function nvidiaWatts(tool = "nvidia-smi"): Promise<number | null> {
  const text = await output(tool, "--query-gpu=power.draw", "--format=csv,noheader,nounits");
  const watts = (text ?? "").split("\n").map(Number.parseFloat).filter(Number.isFinite);
  return watts.length === 0 ? null : watts.reduce((sum, one) => sum + one, 0);
}

/** Null: there is no such driver. */
export async function nvidiaGpus(tool = "nvidia-smi"): Promise<Gpu[] | null> {
  const text = await output(tool, "--query-gpu=memory.total,name", "--format=csv,noheader,nounits");
  const found = (text ?? "").split("\n").flatMap((line) => {
    const [, memory, name] = /^\s*([^,]+),\s*(\S.*)$/.exec(line) ?? [];
    const mib = Number(memory);
    // Processors that share the machine's memory print `[N/A]`.
    return name === undefined
      ? []
      : [{ name: name.trim(), memoryBytes: Number.isFinite(mib) ? mib * MIB : null }];
  });
  return found.length === 0 ? null : found;
}

/** The lines that hold two numbers; others, such as `[N/A]`, are left out. */
function numbersOf(text: string): [number, number][] {
  return text.split("\n").flatMap((line) => {
    const [first, second] = line.split(",").map((cell) => Number.parseFloat(cell));
    return Number.isFinite(first) && Number.isFinite(second) ? [[first!, second!]] : [];
  });
}
