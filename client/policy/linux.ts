/** The probes of Linux: its /sys and /proc, logind, X and the graphics drivers. */

import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { output } from "./command.ts";
import type { CpuTime, Gpu, GpuMemory, Machine, Power, Program } from "./machine.ts";
import { nvidiaGpus, nvidiaMemory, nvidiaWatts } from "./nvidia.ts";

/** `root` holds `sys` and `proc`, `nvidiaSmi` is the driver's tool: tests bring their own. */
export function linuxMachine(root = "/", nvidiaSmi = "nvidia-smi"): Machine {
  const at = (...path: string[]) => join(root, ...path);
  return {
    power: () => power(at("sys/class/power_supply")),
    idleMs: async () => await logindIdleMs() ?? await xIdleMs(),
    programs: () => programs(at("proc")),
    gpuMemory: async (own) =>
      await nvidiaMemory(own, nvidiaSmi) ?? await amdMemory(own, at("sys/class/drm"), at("proc")),
    cpuTime: (own) => cpuTime(own, at("proc")),
    gpuWatts: async () => await nvidiaWatts(nvidiaSmi) ?? await amdWatts(at("sys/class/drm")),
    system: async () => systemIn(await read(at("etc/os-release"))),
    gpus: async () => {
      const found = [await nvidiaGpus(nvidiaSmi), await amdGpus(at("sys/class/drm"))].flat();
      const gpus = found.filter((gpu) => gpu !== null);
      return gpus.length === 0 ? null : gpus;
    },
  };
}

/** A machine without any supply in the list is a desktop or a server, and on mains. */
async function power(folder: string): Promise<Power | null> {
  const supplies = await Promise.all(
    (await list(folder)).map(async (name) => {
      const field = (file: string) => read(join(folder, name, file));
      const [type, online, capacity, scope] = await Promise.all(
        ["type", "online", "capacity", "scope"].map(field),
      );
      // The battery of a mouse or a headset says nothing of the machine.
      return scope === "Device" ? null : { type, online, capacity };
    }),
  );
  const own = supplies.filter((supply) => supply !== null);
  const batteries = own.filter(({ type }) => type === "Battery");
  const mains = own.filter(({ type }) => type !== "Battery" && type !== null);
  const percents = batteries.map(({ capacity }) => Number(capacity ?? NaN)).filter(Number.isFinite);
  return {
    isOnMains: batteries.length === 0 || mains.some(({ online }) => online === "1"),
    batteryPercent: percents.length === 0 ? null : Math.min(...percents),
  };
}

const MANAGER = ["org.freedesktop.login1", "/org/freedesktop/login1"];

/** The session manager's hint, which desktops set; null: no desktop has ever set it. */
async function logindIdleMs(): Promise<number | null> {
  const property = async (name: string) => {
    const printed = await output(
      "busctl",
      "get-property",
      ...MANAGER,
      "org.freedesktop.login1.Manager",
      name,
    );
    return printed?.trim().split(" ").at(-1) ?? null;
  };
  const [hint, since] = await Promise.all([property("IdleHint"), property("IdleSinceHint")]);
  const sinceMs = Number(since) / 1000;
  if (hint === null || !(sinceMs > 0)) return null;
  return hint === "true" ? Math.max(0, Date.now() - sinceMs) : 0;
}

async function xIdleMs(): Promise<number | null> {
  const printed = await output("xprintidle");
  const ms = Number(printed?.trim() || NaN);
  return Number.isFinite(ms) ? ms : null;
}

async function programs(proc: string): Promise<Program[] | null> {
  const found = await Promise.all((await pids(proc)).map((pid) => program(proc, pid)));
  return found.length === 0 ? null : found.filter((one) => one !== null);
}

/** Null: it has ended meanwhile. */
async function program(proc: string, pid: number): Promise<Program | null> {
  const stat = await statOf(proc, pid);
  if (stat === null) return null;
  // The kernel cuts names at 15 characters; the executable's own name is whole.
  const executable = stat.name.length < 15 ? null : await readlink(join(proc, `${pid}/exe`))
    .catch(() => null);
  return {
    pid,
    parentPid: Number(stat.fields[1]),
    name: executable?.split("/").at(-1)?.replace(/ \(deleted\)$/, "") ?? stat.name,
  };
}

async function cpuTime(own: ReadonlySet<number>, proc: string): Promise<CpuTime | null> {
  const line = (await read(join(proc, "stat")))?.split("\n")[0];
  const ticks = line?.trim().split(/\s+/).slice(1, 9).map(Number) ?? [];
  const [user, nice, system, idle, waiting = 0, ...interrupts] = ticks;
  if (user === undefined || nice === undefined || system === undefined || idle === undefined) {
    return null;
  }
  const busy = [user, nice, system, ...interrupts].reduce((sum, part) => sum + part, 0);
  const times = await Promise.all([...own].map(async (pid) => {
    const fields = (await statOf(proc, pid))?.fields;
    return fields === undefined ? 0 : Number(fields[11]) + Number(fields[12]);
  }));
  return { busy, total: busy + idle + waiting, own: times.reduce((sum, time) => sum + time, 0) };
}

/** The fields of /proc/PID/stat after the name, which may itself hold spaces and brackets. */
async function statOf(
  proc: string,
  pid: number,
): Promise<{ name: string; fields: string[] } | null> {
  const text = await read(join(proc, `${pid}/stat`));
  if (text === null) return null;
  const [start, end] = [text.indexOf("("), text.lastIndexOf(")")];
  return { name: text.slice(start + 1, end), fields: text.slice(end + 2).split(" ") };
}

/** The name in os-release(5), which is shell text. */
function systemIn(text: string | null): string | null {
  const found = /^PRETTY_NAME=(.*)$/m.exec(text ?? "")?.[1]?.trim();
  return found?.replace(/^(["'])(.*)\1$/, "$2") || null;
}

/** As AMD's driver reports them, which rarely knows a name; those of other makers report no memory. */
async function amdGpus(drm: string): Promise<Gpu[]> {
  const cards = (await list(drm)).filter((name) => /^card\d+$/.test(name)).sort();
  const found = await Promise.all(cards.map(async (card) => {
    const device = join(drm, card, "device");
    const memory = await read(join(device, "mem_info_vram_total"));
    if (memory === null) return [];
    const name = await read(join(device, "product_name")) || await pciName(device) || "AMD GPU";
    return [{ name, memoryBytes: Number(memory) || null }];
  }));
  return found.flat();
}

/** From the list of devices that `lspci` knows; null: it is not installed. */
async function pciName(device: string): Promise<string | null> {
  const slot = (await realpath(device).catch(() => "")).split("/").at(-1)!;
  const printed = /^[\da-f]{4}:[\da-f]{2}:[\da-f]{2}\.\d$/.test(slot)
    ? await output("lspci", "-mm", "-s", slot)
    : null;
  // 03:00.0 "VGA compatible controller" "Advanced Micro Devices, Inc. [AMD/ATI]" "Navi 31 [Radeon RX 7900 XTX]" …
  const name = [...(printed ?? "").matchAll(/"([^"]*)"/g)][2]?.[1];
  return name?.replace(/^.*\[(.+)\]$/, "AMD $1") ?? null;
}

/** As AMD's driver reports it; null: there is no such processor. */
async function amdMemory(
  own: ReadonlySet<number>,
  drm: string,
  proc: string,
): Promise<GpuMemory | null> {
  const cards = (await list(drm)).filter((name) => /^card\d+$/.test(name));
  const sizes = await Promise.all(cards.map(async (card) => {
    const field = (name: string) => read(join(drm, card, "device", name));
    const [total, used] = await Promise.all(
      ["mem_info_vram_total", "mem_info_vram_used"].map(field),
    );
    return total === null || used === null ? null : [Number(total), Number(used)] as const;
  }));
  const found = sizes.filter((size) => size !== null);
  if (found.length === 0) return null;
  const ownBytes = await Promise.all([...own].map((pid) => amdBytesOf(pid, proc)));
  return {
    totalBytes: found.reduce((sum, [total]) => sum + total, 0),
    usedBytes: found.reduce((sum, [, used]) => sum + used, 0),
    ownBytes: ownBytes.reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** As AMD's driver reports it, in microwatts; null: there is no such processor. */
async function amdWatts(drm: string): Promise<number | null> {
  const cards = (await list(drm)).filter((name) => /^card\d+$/.test(name));
  const folders = (await Promise.all(cards.map(async (card) => {
    const monitors = join(drm, card, "device", "hwmon");
    return (await list(monitors)).map((name) => join(monitors, name));
  }))).flat();
  const found = await Promise.all(
    folders.map(async (folder) =>
      await read(join(folder, "power1_average")) ?? await read(join(folder, "power1_input"))
    ),
  );
  const microwatts = found.filter((text) => text !== null).map(Number).filter(Number.isFinite);
  return microwatts.length === 0 ? null : microwatts.reduce((sum, one) => sum + one, 0) / 1e6;
}

/** Each client of the driver counts once, although a process may hold several handles of it. */
async function amdBytesOf(pid: number, proc: string): Promise<number> {
  const folder = join(proc, `${pid}/fdinfo`);
  const texts = await Promise.all((await list(folder)).map((file) => read(join(folder, file))));
  const clients = new Map<string, number>();
  for (const text of texts) {
    const client = /^drm-client-id:\s*(\S+)/m.exec(text ?? "")?.[1];
    const kib = /^drm-memory-vram:\s*(\d+) KiB/m.exec(text ?? "")?.[1];
    if (client !== undefined && kib !== undefined) clients.set(client, Number(kib) * 1024);
  }
  return [...clients.values()].reduce((sum, bytes) => sum + bytes, 0);
}

async function pids(proc: string): Promise<number[]> {
  return (await list(proc)).filter((name) => /^\d+$/.test(name)).map(Number);
}

function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function read(path: string): Promise<string | null> {
  return readFile(path, "utf8").then((text) => text.trim(), () => null);
}
