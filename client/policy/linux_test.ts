import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { linuxMachine } from "./linux.ts";
import { modelServerPids } from "./machine.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** A root folder with these files below /sys and /proc. */
function rootOf(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "co-link-linux-"));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text + "\n");
  }
  return root;
}

const MAINS = {
  "sys/class/power_supply/AC/type": "Mains",
  "sys/class/power_supply/AC/online": "1",
};
const BATTERY = {
  "sys/class/power_supply/BAT0/type": "Battery",
  "sys/class/power_supply/BAT0/capacity": "63",
};
const MOUSE = {
  "sys/class/power_supply/hid-mouse/type": "Battery",
  "sys/class/power_supply/hid-mouse/scope": "Device",
  "sys/class/power_supply/hid-mouse/capacity": "5",
};

describe("power", () => {
  test("is mains where the supply is online, and tells the battery's charge", async () => {
    expect(await linuxMachine(rootOf({ ...MAINS, ...BATTERY, ...MOUSE })).power())
      .toEqual({ isOnMains: true, batteryPercent: 63 });
  });

  test("is battery where the supply is offline", async () => {
    const offline = { ...MAINS, "sys/class/power_supply/AC/online": "0", ...BATTERY };
    expect(await linuxMachine(rootOf(offline)).power())
      .toEqual({ isOnMains: false, batteryPercent: 63 });
  });

  test("is mains where the machine has no battery of its own", async () => {
    expect(await linuxMachine(rootOf(MOUSE)).power())
      .toEqual({ isOnMains: true, batteryPercent: null });
  });
});

/** /proc/PID/stat with the processor time in ticks. */
function stat(pid: number, name: string, parentPid: number, ticks = 0): [string, string] {
  const rest = ["S", parentPid, ...Array(9).fill(0), ticks, 0, ...Array(30).fill(0)];
  return [`proc/${pid}/stat`, `${pid} (${name}) ${rest.join(" ")}`];
}

test("programs are listed with their parents, and with whole names where the kernel cuts them", async () => {
  const root = rootOf(Object.fromEntries([
    stat(1, "systemd", 0),
    stat(20, "ollama", 1),
    stat(21, "ollama_llama_se", 20),
    stat(30, "a (strange) nam", 1),
  ]));
  symlinkSync("/usr/lib/ollama/ollama_llama_server", join(root, "proc/21/exe"));
  const programs = await linuxMachine(root).programs();
  expect(programs?.toSorted((a, b) => a.pid - b.pid)).toEqual([
    { pid: 1, parentPid: 0, name: "systemd" },
    { pid: 20, parentPid: 1, name: "ollama" },
    { pid: 21, parentPid: 20, name: "ollama_llama_server" },
    { pid: 30, parentPid: 1, name: "a (strange) nam" },
  ]);
  expect(await linuxMachine(rootOf({})).programs()).toBeNull();
});

test("model servers are this program, those known by name, and whatever they have started", () => {
  const programs = [
    { pid: 5, parentPid: 4, name: "python3" },
    { pid: 4, parentPid: 3, name: "worker" },
    { pid: 3, parentPid: 1, name: "vllm" },
    { pid: 6, parentPid: 1, name: "steam" },
    { pid: 7, parentPid: 1, name: "client" },
    { pid: 8, parentPid: 1, name: "LM Studio Helper" },
  ];
  expect([...modelServerPids(programs, 7)].sort()).toEqual([3, 4, 5, 7, 8]);
});

test("processor time is that of all programs, and of the asked ones", async () => {
  const root = rootOf({
    "proc/stat": "cpu  100 20 30 800 50 1 2 3 0 0\ncpu0 1 1 1 1",
    ...Object.fromEntries([stat(20, "ollama", 1, 40), stat(30, "game", 1, 90)]),
  });
  expect(await linuxMachine(root).cpuTime(new Set([20, 999])))
    .toEqual({ busy: 156, total: 1006, own: 40 });
});

describe("graphics memory", () => {
  const MIB = 2 ** 20;

  /** A driver's tool that prints what the real one does. */
  function fakeTool(gpus: string, apps: string): string {
    const root = rootOf({
      "nvidia-smi": `#!/bin/sh\ncase "$1" in *gpu=*) echo "${gpus}";; *) echo "${apps}";; esac`,
    });
    const tool = join(root, "nvidia-smi");
    chmodSync(tool, 0o755);
    return tool;
  }

  test("of NVIDIA's processors is summed, with the part of the asked processes", async () => {
    const tool = fakeTool("24576, 6000\n8192, 100", "20, 4000\n30, [N/A]\n20, 500");
    expect(await linuxMachine(rootOf({}), tool).gpuMemory(new Set([20, 30]))).toEqual({
      totalBytes: 32768 * MIB,
      usedBytes: 6100 * MIB,
      ownBytes: 4500 * MIB,
    });
  });

  test("of AMD's processors comes from the driver's files, each client of it once", async () => {
    const client = (id: number, kib: number) =>
      `drm-driver: amdgpu\ndrm-client-id:\t${id}\ndrm-memory-vram:\t${kib} KiB`;
    const root = rootOf({
      "sys/class/drm/card0/device/mem_info_vram_total": String(16 * 1024 * MIB),
      "sys/class/drm/card0/device/mem_info_vram_used": String(9 * 1024 * MIB),
      "sys/class/drm/card0-DP-1/status": "connected",
      "proc/20/fdinfo/3": client(7, 1024),
      "proc/20/fdinfo/4": client(7, 1024),
      "proc/20/fdinfo/5": client(8, 512),
      "proc/20/fdinfo/6": "pos: 0",
    });
    expect(await linuxMachine(root, "/none/nvidia-smi").gpuMemory(new Set([20]))).toEqual({
      totalBytes: 16 * 1024 * MIB,
      usedBytes: 9 * 1024 * MIB,
      ownBytes: 1536 * 1024,
    });
  });

  test("is unknown without such a processor", async () => {
    expect(await linuxMachine(rootOf({}), "/none/nvidia-smi").gpuMemory(new Set())).toBeNull();
  });
});

describe("the description of the machine", () => {
  const GIB = 2 ** 30;

  test("names the system as os-release does", async () => {
    const named = 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu';
    expect(await linuxMachine(rootOf({ "etc/os-release": named })).system())
      .toBe("Ubuntu 24.04.1 LTS");
    expect(await linuxMachine(rootOf({ "etc/os-release": "PRETTY_NAME=Arch" })).system())
      .toBe("Arch");
    expect(await linuxMachine(rootOf({})).system()).toBeNull();
  });

  test("names NVIDIA's and AMD's processors with their memory", async () => {
    const printed = "24564, NVIDIA GeForce RTX 4090\n[N/A], NVIDIA GB10\n";
    const root = rootOf({
      "nvidia-smi": `#!/bin/sh\nprintf '${printed}'`,
      "sys/class/drm/card0/device/vendor": "0x8086",
      "sys/class/drm/card1/device/mem_info_vram_total": String(16 * GIB),
      "sys/class/drm/card1/device/product_name": "AMD Radeon PRO W6800",
      "sys/class/drm/card2/device/mem_info_vram_total": String(8 * GIB),
      "sys/class/drm/card1-DP-1/device/mem_info_vram_total": "1",
    });
    const tool = join(root, "nvidia-smi");
    chmodSync(tool, 0o755);
    expect(await linuxMachine(root, tool).gpus()).toEqual([
      { name: "NVIDIA GeForce RTX 4090", memoryBytes: 24564 * 2 ** 20 },
      { name: "NVIDIA GB10", memoryBytes: null },
      { name: "AMD Radeon PRO W6800", memoryBytes: 16 * GIB },
      { name: "AMD GPU", memoryBytes: 8 * GIB },
    ]);
    expect(await linuxMachine(rootOf({}), "/none/nvidia-smi").gpus()).toBeNull();
  });
});
