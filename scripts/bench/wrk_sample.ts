/** What calls that do not stream cost those who took part. */

import { type Cost, metered } from "./meter.ts";
import { loadWithWrk, type WrkLoad, type WrkResult } from "./wrk.ts";

export type WrkSample = Cost & WrkResult;

/** Loads a target for a while; `watched` are process ids by name. */
export async function wrkSample(
  watched: Readonly<Record<string, number>>,
  load: WrkLoad,
): Promise<WrkSample> {
  const { result, ...cost } = await metered(watched, () => loadWithWrk(load));
  return { ...cost, ...result };
}

/** Microseconds of processor time a call, used by the process watched under `name`. */
export function cpuPerCall({ cpuMs, requests }: WrkSample, name: string): number {
  return (cpuMs[name] ?? 0) * 1000 / requests;
}

/** The share of one core that the process watched under `name` kept busy. */
export function coreShare({ cpuMs, seconds }: WrkSample, name: string): number {
  return (cpuMs[name] ?? 0) / 1000 / seconds;
}
