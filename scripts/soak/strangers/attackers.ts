/** A process that tries all attacks at once, again and again. It runs only while a core is idle, because real attackers have machines of their own. */

import { setPriority } from "node:os";
import { createAccount } from "../../../tests/harness/account.ts";
import { type Attack, type Attacker, ATTACKS, type Place } from "./attacks.ts";
import type { Kind } from "./kinds.ts";

/** Attack these, in these ways. */
export interface AttackersOrder {
  kinds: readonly Kind[];
  gateways: readonly Place[];
  /** The e-mail address of the account that is to be locked. */
  victim: string;
  redisUrl: string;
}

/** Sent once all have begun, and again at the end. */
export interface AttackersReport {
  problem?: string;
  kinds: number;
  rounds: number;
  /** Attacks that never got through a round. */
  idle: Kind[];
}

const LOWEST_PRIORITY = 19;

/** Even a process of the lowest priority gets some milliseconds of a busy core at a time; with this policy of Linux it gets none. */
const ONLY_WHEN_IDLE = ["chrt", "--all-tasks", "--idle", "--pid", "0", String(process.pid)];

let isEnding = false;

/** Rounds that were gone through, of those that were ordered. */
const rounds = new Map<Kind, number>();

/** One attack on one gateway, until the end. What the gateway refuses is part of it. */
async function attack({ kind, everyMs, round }: Attack, attacker: Attacker): Promise<void> {
  while (!isEnding) {
    try {
      await round(attacker);
      rounds.set(kind, rounds.get(kind)! + 1);
    } catch {
      // Refused, cut off or too late.
    }
    attacker.round++;
    await Bun.sleep(everyMs);
  }
}

function report(): AttackersReport {
  const idle = [...rounds].filter(([, count]) => count === 0).map(([kind]) => kind);
  const all = [...rounds.values()].reduce((sum, count) => sum + count, 0);
  return { kinds: rounds.size, rounds: all, idle };
}

/** Every attack goes against one of the gateways, from an account of its own. */
async function begin({ kinds, gateways, victim, redisUrl }: AttackersOrder) {
  const ordered = ATTACKS.map((attack, i) => ({ attack, place: gateways[i % gateways.length]! }))
    .filter(({ attack }) => kinds.includes(attack.kind));
  const attackers: Attacker[] = [];
  for (const { attack, place } of ordered) {
    attackers.push({ ...place, ...await createAccount(place), victim, redisUrl, round: 0 });
    rounds.set(attack.kind, 0);
  }
  ordered.forEach((one, i) => void attack(one.attack, attackers[i]!));
  return report();
}

async function obey(order: AttackersOrder | "end"): Promise<AttackersReport> {
  if (order !== "end") return await begin(order);
  isEnding = true;
  return report();
}

setPriority(LOWEST_PRIORITY);
if (Bun.which("chrt") !== null) Bun.spawnSync(ONLY_WHEN_IDLE);
process.on("message", async (order: AttackersOrder | "end") => {
  process.send?.(await obey(order).catch((error) => ({ ...report(), problem: String(error) })));
});
process.on("disconnect", () => process.exit(0));
