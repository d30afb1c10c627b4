/** The probes of Windows: PowerShell and nvidia-smi. */

import { output } from "./command.ts";
import { cpuTotals } from "./cpu_totals.ts";
import type { CpuTime, Machine, Power, Program } from "./machine.ts";
import { nvidiaMemory, nvidiaWatts } from "./nvidia.ts";

export const windowsMachine: Machine = {
  power: async () => powerOf(await powershell(POWER)),
  idleMs: async () => numberOf(await powershell(IDLE)),
  programs: async () => programsOf(await powershell(PROGRAMS)),
  gpuMemory: (own) => nvidiaMemory(own),
  cpuTime: async (own) => cpuTimeOf(own, await powershell(CPU)),
  gpuWatts: () => nvidiaWatts(),
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
