/** Minutes of mixed load: memory and descriptors are watched, and everything that was held must come back. */

import { residentKib } from "../bench/memory.ts";
import type { Campaign, CampaignOptions } from "./campaign.ts";
import { openDescriptors } from "./descriptors.ts";
import { planOf } from "./kill/plan.ts";
import { play } from "./kill/run.ts";
import { World } from "./kill/world.ts";
import { Traffic } from "./leak/traffic.ts";

const MINUTES = 10;

/** Of each round; what follows takes about two seconds. */
const FLOW_MS = 8_000;

/** Until then, caches fill and code is compiled. */
const WARM_UP_SHARE = 0.3;

/** Sockets that wait for their end, files that are open for a moment. */
const DESCRIPTOR_SLACK = 8;

export const leak: Campaign = {
  name: "leak",
  about: "ten minutes (--minutes N) of mixed load: memory's slope, descriptors and slots",
  run: wear,
};

interface Look {
  atMs: number;
  kib: number;
  descriptors: number;
}

/** One process of the world, looked at whenever it has nothing to do. */
class Watched {
  readonly #looks: Look[] = [];

  constructor(readonly name: string, private readonly pid: number) {}

  look(): void {
    this.#looks.push({
      atMs: performance.now(),
      kib: residentKib(this.pid),
      descriptors: openDescriptors(this.pid),
    });
  }

  /** Descriptors that it has now more than after the first round. */
  get moreDescriptors(): number {
    return this.#looks.at(-1)!.descriptors - this.#looks[0]!.descriptors;
  }

  toString(): string {
    const warm = this.#looks.slice(Math.floor(this.#looks.length * WARM_UP_SHARE));
    const [first, last] = [this.#looks[0]!, this.#looks.at(-1)!];
    return `${this.name} ${mib(first.kib)} to ${mib(last.kib)}, ${slope(warm).toFixed(1)} MiB/h ` +
      `after warming up, descriptors ${first.descriptors} to ${last.descriptors}`;
  }
}

async function wear({ seed, minutes = MINUTES, progress }: CampaignOptions): Promise<string> {
  // Its streams take two seconds.
  const world = await World.start("sqlite", { COLINK_DEADLINE_SECONDS: "4" });
  const traffic = await Traffic.start(world);
  const pids = { ...world.pids, "traffic's node": traffic.node.program.pid };
  const watched = Object.entries(pids).map(([name, pid]) => new Watched(name, pid));
  const untilMs = performance.now() + minutes * 60_000;
  let calls = 0;
  for (let round = seed; performance.now() < untilMs; round++) {
    calls += await traffic.flow(FLOW_MS);
    await world.quiet();
    // All that can happen to calls, and no process is killed. It rejects when a slot is still held.
    const plan = { ...planOf(round), strikes: [] };
    await play(world, plan, { mayCostMs: 0 });
    calls += plan.calls.length;
    for (const one of watched) one.look();
    progress(`${calls} calls; ${watched.join("; ")}`);
  }
  const leaking = watched.filter(({ moreDescriptors }) => moreDescriptors > DESCRIPTOR_SLACK);
  const result = `${calls} calls in ${minutes} min; ${watched.join("; ")}`;
  if (leaking.length > 0) throw new Error(`descriptors do not come back: ${result}`);
  return result;
}

/** The straight line through the looks that is least far from all of them, in MiB an hour. */
function slope(looks: readonly Look[]): number {
  const mean = (of: (look: Look) => number) =>
    looks.reduce((sum, look) => sum + of(look), 0) / looks.length;
  const meanMs = mean(({ atMs }) => atMs);
  const meanKib = mean(({ kib }) => kib);
  const spread = looks.reduce((sum, { atMs }) => sum + (atMs - meanMs) ** 2, 0);
  const common = looks.reduce((sum, { atMs, kib }) => sum + (atMs - meanMs) * (kib - meanKib), 0);
  return spread === 0 ? 0 : common / spread / 1024 * 3_600_000;
}

function mib(kib: number): string {
  return `${(kib / 1024).toFixed(0)} MiB`;
}
