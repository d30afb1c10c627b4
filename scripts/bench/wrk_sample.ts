/** What calls that do not stream cost those who took part. */

import { chatBody } from "./chat.ts";
import type { Gateway } from "./gateway.ts";
import { type Cost, metered } from "./meter.ts";
import type { Bench } from "./stage.ts";
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

/** Loads a gateway with calls of a model that do not stream; its process is watched as `gateway`. */
export async function gatewaySample(
  { size, folder }: Bench,
  gateway: Gateway,
  model: string,
  connections: number,
): Promise<WrkSample> {
  const sample = await wrkSample({ gateway: gateway.process.pid }, {
    target: gateway,
    body: chatBody({ model, streaming: null }),
    connections,
    seconds: size.loadSeconds,
    folder,
  });
  gateway.process.forgetLog();
  return sample;
}

/** Microseconds of processor time a call, used by the process watched under `name`. */
export function cpuPerCall({ cpuMs, requests }: WrkSample, name: string): number {
  return (cpuMs[name] ?? 0) * 1000 / requests;
}

/** The share of one core that the process watched under `name` kept busy. */
export function coreShare({ cpuMs, seconds }: WrkSample, name: string): number {
  return (cpuMs[name] ?? 0) / 1000 / seconds;
}
