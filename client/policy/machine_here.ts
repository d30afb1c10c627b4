/** The probes of the system that this program runs on. */

import { linuxMachine } from "./linux.ts";
import type { Machine } from "./machine.ts";
import { macosMachine } from "./macos.ts";
import { windowsMachine } from "./windows.ts";

/** A system of which nothing can be known. */
const unknownMachine: Machine = {
  power: () => Promise.resolve(null),
  idleMs: () => Promise.resolve(null),
  programs: () => Promise.resolve(null),
  gpuMemory: () => Promise.resolve(null),
  cpuTime: () => Promise.resolve(null),
  gpuWatts: () => Promise.resolve(null),
  system: () => Promise.resolve(null),
  gpus: () => Promise.resolve(null),
};

export function machineHere(platform: string = globalThis.process?.platform): Machine {
  switch (platform) {
    case "linux":
      return linuxMachine();
    case "darwin":
      return macosMachine;
    case "win32":
      return windowsMachine;
    default:
      return unknownMachine;
  }
}
