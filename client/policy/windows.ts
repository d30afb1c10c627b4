/** The probes of Windows: PowerShell and nvidia-smi. */

import { release, version } from "node:os";
import { output } from "./command.ts";
import { cpuTotals } from "./cpu_totals.ts";
import type { CpuTime, Gpu, Machine, Power, Program } from "./machine.ts";
import { nvidiaGpus, nvidiaMemory, nvidiaWatts } from "./nvidia.ts";

export const windowsMachine: Machine = {
  power: async () => powerOf(await powershell(POWER)),
  idleMs: async () => numberOf(await powershell(IDLE)),
  programs: async () => programsOf(await powershell(PROGRAMS)),
  gpuMemory: (own) => nvidiaMemory(own),
  cpuTime: async (own) => cpuTimeOf(own, await powershell(CPU)),
  gpuWatts: () => nvidiaWatts(),
  system: () => Promise.resolve(`${version()} ${release()}`.trim() || null),
  gpus: async () => await nvidiaGpus() ?? gpusOf(await powershell(GPUS)),
};

const POWER = "Add-Type -AssemblyName System.Windows.Forms; " +
  "$p = [System.Windows.Forms.SystemInformation]::PowerStatus; " +
  '"$($p.PowerLineStatus) $([int]($p.BatteryLifePercent * 100)) $($p.BatteryChargeStatus)"';

const IDLE = "Add-Type -Namespace Co -Name Link -MemberDefinition '" +
  "[StructLayout(LayoutKind.Sequential)] public struct Last { public uint size; public uint time; } " +
  '[DllImport("user32.dll")] public static extern bool GetLastInputInfo(ref Last last);' +
  "'; $l = New-Object Co.Link+Last; $l.size = 8; [void][Co.Link]::GetLastInputInfo([ref]$l); " +
  "[uint32]([Environment]::TickCount) - $l.time";

const PROGRAMS = "Get-CimInstance Win32_Process | " +
  'ForEach-Object { "$($_.ProcessId) $($_.ParentProcessId) $($_.Name)" }';

const CPU =
  'Get-Process | ForEach-Object { "$($_.Id) $([int64]$_.TotalProcessorTime.TotalMilliseconds)" }';

/** The drivers' own entries: Win32_VideoController cuts sizes at 4 GiB. */
const GPUS =
  "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}\\0*' " +
  "-ErrorAction SilentlyContinue | " +
  `ForEach-Object { "$($_.'HardwareInformation.qwMemorySize') $($_.DriverDesc)" }`;

function powershell(script: string): Promise<string | null> {
  return output("powershell.exe", "-NoProfile", "-NonInteractive", "-Command", script);
}

/** Of `Online 87 Charging`; a machine without a battery says `NoSystemBattery`. */
export function powerOf(text: string | null): Power | null {
  const [, line, percent, state] = /^(\w+) (\d+) (.+)$/.exec(text?.trim() ?? "") ?? [];
  if (line === undefined) return null;
  const hasBattery = !state!.includes("NoSystemBattery");
  return {
    isOnMains: line === "Online" || !hasBattery,
    batteryPercent: hasBattery ? Number(percent) : null,
  };
}

/** Of lines such as `1234 4 steam.exe`. */
export function programsOf(text: string | null): Program[] | null {
  return text?.split("\n").flatMap((line) => {
    const [, pid, parentPid, name] = /^(\d+) (\d+) (.+)$/.exec(line.trim()) ?? [];
    return name === undefined ? [] : [{ pid: Number(pid), parentPid: Number(parentPid), name }];
  }) ?? null;
}

function cpuTimeOf(own: ReadonlySet<number>, text: string | null): CpuTime | null {
  if (text === null) return null;
  let ownMs = 0;
  for (const line of text.split("\n")) {
    const [pid, ms] = line.trim().split(" ").map(Number);
    if (own.has(pid!) && Number.isFinite(ms)) ownMs += ms!;
  }
  return { ...cpuTotals(), own: ownMs };
}

function numberOf(text: string | null): number | null {
  const number = Number(text?.trim() || NaN);
  return Number.isFinite(number) ? number : null;
}

/** Of lines such as `25757220864 AMD Radeon RX 7900 XTX`; those without memory are no processors. */
export function gpusOf(text: string | null): Gpu[] | null {
  const found = (text ?? "").split("\n").flatMap((line) => {
    const [, bytes, name] = /^(\d+) (\S.*)$/.exec(line.trim()) ?? [];
    return name === undefined || Number(bytes) === 0 ? [] : [{ name, memoryBytes: Number(bytes) }];
  });
  return found.length === 0 ? null : found;
}
