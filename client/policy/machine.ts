/** What a policy asks of the machine on which the node runs. */

/** A running program. */
export interface Program {
  pid: number;
  parentPid: number;
  /** As the system lists it, such as `ollama` or `steam.exe`. */
  name: string;
}

export interface Power {
  isOnMains: boolean;
  /** Null: the machine has no battery. */
  batteryPercent: number | null;
}

export interface GpuMemory {
  totalBytes: number;
  usedBytes: number;
  /** Of it, what the processes use that were asked about, as far as the driver tells. */
  ownBytes: number;
}

/** Processor time since the system's start, in any one unit. */
export interface CpuTime {
  busy: number;
  total: number;
  /** Of `busy`, what the processes used that were asked about. */
  own: number;
}

/** A graphics processor. */
export interface Gpu {
  name: string;
  /** Its memory, or what it shares with the processor; null: not known. */
  memoryBytes: number | null;
}

/** The probes of one system. A probe resolves with null where it cannot work; it never rejects. */
export interface Machine {
  power(): Promise<Power | null>;
  /** Milliseconds since somebody last used keyboard or mouse. */
  idleMs(): Promise<number | null>;
  programs(): Promise<readonly Program[] | null>;
  /** Of all graphics processors together; `own` are process ids. */
  gpuMemory(own: ReadonlySet<number>): Promise<GpuMemory | null>;
  cpuTime(own: ReadonlySet<number>): Promise<CpuTime | null>;
  /** What all graphics processors together draw now. */
  gpuWatts(): Promise<number | null>;
  /** The system's name and version, such as `Ubuntu 24.04.1 LTS`. */
  system(): Promise<string | null>;
  gpus(): Promise<readonly Gpu[] | null>;
}

/** The names of model servers' programs: what they use is not another program's. */
const MODEL_SERVER =
  /^(ollama|ollama_llama_server|llama-server|llama-box|lms|lm[ -]studio|llmster|vllm|sglang|koboldcpp|tabbyapi|text-generation-|mlx_lm|jan|localai|local-ai)/i;

/** The process ids of all model servers, of this program, and of whatever they have started. */
export function modelServerPids(
  programs: readonly Program[],
  ownPid = process.pid,
): ReadonlySet<number> {
  const found = new Set(
    programs.filter(({ pid, name }) => pid === ownPid || MODEL_SERVER.test(name))
      .map(({ pid }) => pid),
  );
  // A child may be listed before its parent.
  for (let size = 0; size < found.size;) {
    size = found.size;
    for (const { pid, parentPid } of programs) if (found.has(parentPid)) found.add(pid);
  }
  return found;
}
