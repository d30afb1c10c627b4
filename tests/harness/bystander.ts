/**
 * Somebody who has nothing to do with an attack: makes calls and asks for /livez all the while, and
 * reports what the attack cost. Wall-clock time says little on a busy machine, so what the gateway
 * spent is reported in CPU seconds and in memory.
 */

import type { Account } from "./account.ts";
import { ask, chat, hello } from "./api.ts";
import type { Gateway } from "./gateway.ts";
import { answerEveryCall, type JoinedNode, joinNode } from "./joined_node.ts";
import { limitOf, Reading } from "./metrics.ts";

const MIB = 1024 * 1024;

/** A call or a probe that takes longer counts as not answered. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 20;

/**
 * The aim is 50 ms. Two limits of the histogram above it, because a slower processor, or one that
 * others use as well, takes longer for the same work.
 */
export const LONGEST_BLOCK_MS = 250;

export interface Witnessed {
  /** Calls that were answered with 200. */
  served: number;
  /** Status or failure of every call and every probe that was not. */
  failures: string[];
  /** CPU time that the gateway spent, its service to the bystander included. */
  cpuSeconds: number;
  /** By how much the gateway's resident memory grew at most. */
  grownMiB: number;
  /**
   * The longest that the gateway's event loop made others wait, in milliseconds of its own CPU time:
   * the limit of /metrics within which it lay. Infinity: longer than all limits.
   */
  longestBlockMs: number;
  /** The same for 99 in 100 turns by the clock, which a busy machine lengthens. */
  p99DelayMs: number;
}

/** Joins a node of the bystander's own, which answers at once, under a model that no other serves. */
export async function joinBystander(
  gateway: Gateway,
  owner: Account,
  model = "bystanders-model",
): Promise<JoinedNode> {
  const node = await joinNode({ gateway, owner, models: [model], maxParallel: 4 });
  answerEveryCall(node);
  return node;
}

/** Runs the attack while the bystander calls its model. Rejects as the attack does. */
export async function whileWatched(
  gateway: Gateway,
  bystander: Account,
  attack: () => Promise<unknown>,
  model = "bystanders-model",
): Promise<Witnessed> {
  const before = await Reading.of(gateway);
  const seen: Witnessed = {
    served: 0,
    failures: [],
    cpuSeconds: 0,
    grownMiB: 0,
    longestBlockMs: 0,
    p99DelayMs: 0,
  };
  let isOver = false;
  const watch = async () => {
    do {
      await look(gateway, bystander, model, seen);
      const grown = memoryMiB(await Reading.of(gateway)) - memoryMiB(before);
      seen.grownMiB = Math.max(seen.grownMiB, grown);
      await Bun.sleep(PAUSE_MS);
    } while (!isOver);
  };
  const watching = watch();
  try {
    await attack();
  } finally {
    isOver = true;
    await watching;
  }
  // One look more: what the attack left behind must not reach anyone either.
  await look(gateway, bystander, model, seen);
  addCosts(seen, before, await Reading.of(gateway));
  return seen;
}

const CPU = "process_cpu_seconds_total";
const MEMORY = "process_resident_memory_bytes";
const BLOCK = "colink_event_loop_block_seconds";
const DELAY = "colink_event_loop_delay_seconds";

function addCosts(seen: Witnessed, before: Reading, after: Reading): void {
  const limitMs = (name: string, share: number) =>
    1000 * limitOf(before.histogram(name), after.histogram(name), share);
  seen.cpuSeconds = after.value(CPU) - before.value(CPU);
  seen.longestBlockMs = limitMs(BLOCK, 1);
  seen.p99DelayMs = limitMs(DELAY, 0.99);
  const { failures, ...figures } = seen;
  console.log(`  an attack cost ${JSON.stringify({ failures: failures.length, ...figures })}`);
}

function memoryMiB(reading: Reading): number {
  return reading.value(MEMORY) / MIB;
}

async function look(
  gateway: Gateway,
  { apiToken }: Account,
  model: string,
  seen: Witnessed,
): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const [call, probe] = await Promise.allSettled([
    chat(gateway, apiToken, hello(model), { signal }),
    ask(`${gateway.url}/livez`, { signal }),
  ]);
  if (call.status === "fulfilled" && call.value.status === 200) seen.served++;
  else seen.failures.push(`call: ${reasonOf(call)}`);
  if (probe.status === "rejected" || probe.value.status !== 200) {
    seen.failures.push(`livez: ${reasonOf(probe)}`);
  }
}

function reasonOf(result: PromiseSettledResult<{ status: number; text: string }>): string {
  return result.status === "rejected"
    ? String(result.reason)
    : `${result.value.status} ${result.value.text}`;
}
