/** One run: a plan is executed; afterwards no call may be left running, and the ledger must be right. */

import type { LedgerRow } from "../../../tests/harness/ledger.ts";
import { Dice } from "../random.ts";
import { Lag } from "./lag.ts";
import { judge, judgeTotals, type Loss, type Witnessed } from "./oracle.ts";
import type { Plan, Strike } from "./plan.ts";
import { nothingSeen } from "./seen.ts";
import type { Part } from "./servers.ts";
import type { World } from "./world.ts";

export interface RunReport {
  plan: Plan;
  rows: readonly LedgerRow[];
  /** How often the gateway was killed. */
  deaths: number;
  losses: readonly Loss[];
}

export interface RunOptions {
  /** Entries of calls that ended so shortly before the gateway was killed may be missing. */
  mayCostMs: number;
}

/** Executes the plan. Rejects with a list of everything that is wrong afterwards. */
export async function play(
  world: World,
  plan: Plan,
  { mayCostMs }: RunOptions,
): Promise<RunReport> {
  const parts = partsOf(plan);
  const before = new Set((await world.books.rows()).map(({ id }) => id));
  const deathsBefore = world.deaths.length;
  const lag = new Lag();
  world.direct(parts);
  world.make(plan.calls);
  await strikeAll(world, plan.strikes);
  await world.called();
  await world.quiet();
  lag.stop();

  const all = await world.books.rows();
  const rows = all.filter(({ id }) => !before.has(id));
  const { seen } = world;
  const witnessed: Witnessed[] = plan.calls.map((planned) => ({
    planned,
    seen: seen.get(planned.model) ?? nothingSeen(planned.model),
    served: parts.get(planned.model)!.served,
  }));
  // A frozen gateway counts as dead from then on; the machine's own lag delays its writes, too.
  const deaths = world.deaths.slice(deathsBefore)
    .map(({ atMs, frozenMs }) => ({ atMs: atMs - frozenMs, mayCostMs: mayCostMs + lag.worstMs }));
  const { faults, losses } = judge(witnessed, rows, deaths);
  faults.push(...judgeTotals(await world.books.totals(), all));
  if (faults.length > 0) throw new Error(faults.join("\n"));
  await world.mend();
  return { plan, rows, deaths: deaths.length, losses };
}

function partsOf({ seed, calls }: Plan): Map<string, Part> {
  const dice = new Dice(~seed);
  return new Map(calls.map(({ model, script }) => [
    model,
    { script, served: { attempts: 0, pieces: 0 }, confirms: dice.percent(70) },
  ]));
}

async function strikeAll(world: World, strikes: readonly Strike[]): Promise<void> {
  const startedMs = performance.now();
  for (const strike of strikes) {
    await Bun.sleep(Math.max(0, startedMs + strike.atMs - performance.now()));
    world.strike(strike);
  }
}
