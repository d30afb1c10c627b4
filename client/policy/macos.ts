/** The probes of macOS: pmset, ioreg and ps. */

import { output } from "./command.ts";
import type { CpuTime, Gpu, Machine, Power, Program } from "./machine.ts";
import { cpuTotals } from "./cpu_totals.ts";

export const macosMachine: Machine = {
  power: async () => powerOf(await output("pmset", "-g", "batt")),
  idleMs: async () => idleMsOf(await output("ioreg", "-c", "IOHIDSystem", "-d", "4")),
  programs: async () => programsOf(await output("ps", "-axo", "pid=,ppid=,comm=")),
  // Apple's processors share the machine's memory, of which no program's part is reported.
  gpuMemory: () => Promise.resolve(null),
  cpuTime: async (own) => cpuTimeOf(own, await output("ps", "-axo", "pid=,time=")),
  gpuWatts: () => Promise.resolve(null),
  system: async () => systemOf(await output("sw_vers", "-productVersion")),
  gpus: async () =>
    appleGpuOf(await output("sysctl", "-n", "machdep.cpu.brand_string", "hw.memsize")) ??
      displaysOf(await output("system_profiler", "-json", "SPDisplaysDataType")),
};

/** Of `pmset -g batt`. */
export function powerOf(text: string | null): Power | null {
  if (text === null) return null;
  const percent = /(\d+)%/.exec(text)?.[1];
  return {
    isOnMains: text.includes("AC Power") || percent === undefined,
    batteryPercent: percent === undefined ? null : Number(percent),
  };
}

/** Of `ioreg -c IOHIDSystem`, which counts nanoseconds. */
export function idleMsOf(text: string | null): number | null {
  const nanoseconds = /"HIDIdleTime" = (\d+)/.exec(text ?? "")?.[1];
  return nanoseconds === undefined ? null : Number(nanoseconds) / 1e6;
}

/** Of `ps -axo pid=,ppid=,comm=`. */
export function programsOf(text: string | null): Program[] | null {
  return text?.split("\n").flatMap((line) => {
    const [, pid, parentPid, path] = /^\s*(\d+)\s+(\d+)\s+(.+)$/.exec(line) ?? [];
    if (path === undefined) return [];
    return [{ pid: Number(pid), parentPid: Number(parentPid), name: path.split("/").at(-1)! }];
  }) ?? null;
}

/** Of `ps -axo pid=,time=`, whose times are `[HH:]MM:SS.cc`. */
export function cpuTimeOf(own: ReadonlySet<number>, text: string | null): CpuTime | null {
  if (text === null) return null;
  let ownMs = 0;
  for (const line of text.split("\n")) {
    const [pid, time] = line.trim().split(/\s+/);
    if (time === undefined || !own.has(Number(pid))) continue;
    ownMs += time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
  }
  return { ...cpuTotals(), own: ownMs };
}

/** Of `sw_vers -productVersion`. */
export function systemOf(text: string | null): string | null {
  const version = text?.trim() ?? "";
  return version === "" ? null : `macOS ${version}`;
}

/** Of `sysctl -n machdep.cpu.brand_string hw.memsize`; null: the processor is not Apple's. */
export function appleGpuOf(text: string | null): Gpu[] | null {
  const [name = "", bytes] = text?.split("\n").map((line) => line.trim()) ?? [];
  return name.startsWith("Apple ") ? [{ name, memoryBytes: Number(bytes) || null }] : null;
}

/** Of `system_profiler -json SPDisplaysDataType`, whose sizes are texts such as `8 GB`. */
export function displaysOf(text: string | null): Gpu[] | null {
  const found = cardsIn(text).flatMap(({ sppci_model: name, spdisplays_vram: memory }) => {
    if (typeof name !== "string" || name === "") return [];
    const [, size, unit] = /^(\d+) ([MG])B$/.exec(String(memory)) ?? [];
    const memoryBytes = size === undefined ? null : Number(size) * (unit === "G" ? GIB : MIB);
    return [{ name, memoryBytes }];
  });
  return found.length === 0 ? null : found;
}

function cardsIn(text: string | null): Record<string, unknown>[] {
  try {
    const { SPDisplaysDataType: cards } = JSON.parse(text ?? "{}");
    return Array.isArray(cards) ? cards : [];
  } catch {
    return [];
  }
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
