/** A machine whose probes show what the test says. */

import type { CpuTime, Gpu, GpuMemory, Machine, Power, Program } from "../machine.ts";

const GIB = 2 ** 30;

export class FakeMachine implements Machine {
  supply: Power | null = { isOnMains: true, batteryPercent: 80 };
  idleForMs: number | null = 3_600_000;
  running: Program[] | null = [{ pid: 1, parentPid: 0, name: "init" }];
  gpu: GpuMemory | null = { totalBytes: 24 * GIB, usedBytes: 0, ownBytes: 0 };
  /** The share of the processor that other programs use from now on. */
  otherLoad = 0;
  watts: number | null = null;
  systemName: string | null = "Ubuntu 24.04.1 LTS";
  processors: Gpu[] | null = [{ name: "NVIDIA GeForce RTX 4090", memoryBytes: 24 * GIB }];
  /** Probes that were asked, by name. */
  readonly asked: string[] = [];
  #cpu: CpuTime = { busy: 0, total: 0, own: 0 };

  power = () => this.#show("power", this.supply);
  idleMs = () => this.#show("idleMs", this.idleForMs);
  programs = () => this.#show("programs", this.running);
  gpuMemory = () => this.#show("gpuMemory", this.gpu);
  gpuWatts = () => this.#show("gpuWatts", this.watts);
  system = () => this.#show("system", this.systemName);
  gpus = () => this.#show("gpus", this.processors);

  cpuTime = () => {
    const { busy, total, own } = this.#cpu;
    // Half of the processor is always the model server's.
    this.#cpu = { busy: busy + 500 + 1000 * this.otherLoad, total: total + 1000, own: own + 500 };
    return this.#show("cpuTime", this.#cpu);
  };

  #show<T>(probe: string, shown: T): Promise<T> {
    this.asked.push(probe);
    return Promise.resolve(shown);
  }
}
