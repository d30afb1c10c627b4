/** Gateway, nodes and callers are killed, stopped and frozen at random moments; the ledger must stay right. */

import { type Campaign, type CampaignOptions, seedsOf } from "./campaign.ts";
import { planOf } from "./kill/plan.ts";
import { play, type RunReport } from "./kill/run.ts";
import { World } from "./kill/world.ts";
import { withPostgres } from "./postgres.ts";

const RUNS = 500;

/** Each world sees so many runs: its survivors must not wear out, and its leftovers not fill the disk. */
const RUNS_PER_WORLD = 25;

/** More failures add no information. */
const MAX_FAILURES = 5;

/** What a gateway's death may cost, in milliseconds before it. */
const MAY_COST_MS = 100;

const about = "SIGKILL, SIGTERM and SIGSTOP of gateway, nodes and callers against an oracle";

export const kill: Campaign = {
  name: "kill",
  about: `${about}, on SQLite`,
  run: (options) => killOn("sqlite", options),
};

export const killPostgres: Campaign = {
  name: "kill-postgres",
  about: `${about}, on PostgreSQL`,
  run: (options) => withPostgres(() => killOn("postgres", options)),
};

async function killOn(database: "sqlite" | "postgres", options: CampaignOptions): Promise<string> {
  const tally = new Tally();
  const failures: string[] = [];
  let world: World | null = null;
  let runsOfWorld = 0;
  const endWorld = async () => {
    await world?.end();
    world = null;
    runsOfWorld = 0;
  };
  for (const seed of seedsOf(options, RUNS)) {
    if (runsOfWorld === RUNS_PER_WORLD) await endWorld();
    try {
      world ??= await World.start(database);
      tally.add(await play(world, planOf(seed), { mayCostMs: MAY_COST_MS }));
      runsOfWorld++;
    } catch (error) {
      failures.push(failure(seed, database, error));
      options.progress(failures.at(-1)!);
      await endWorld();
      if (failures.length === MAX_FAILURES) break;
    }
    options.progress(`${tally}`);
  }
  await endWorld();
  if (failures.length > 0) throw new Error(`${failures.join("\n")}\n${tally}`);
  return `${tally}`;
}

function failure(seed: number, database: string, error: unknown): string {
  const name = database === "sqlite" ? kill.name : killPostgres.name;
  const what = error instanceof Error ? error.message : String(error);
  return `failed with seed ${seed} (bun run soak ${name} --seed ${seed} --runs 1): ${what}`;
}

/** The sums over all runs. */
class Tally {
  #runs = 0;
  #calls = 0;
  #deaths = 0;
  #strikes = 0;
  #rows = 0;
  #losses = 0;
  #oldestLossMs = 0;
  readonly #outcomes = new Map<string, number>();

  add({ plan, rows, deaths, losses }: RunReport): void {
    this.#runs++;
    this.#calls += plan.calls.length;
    this.#strikes += plan.strikes.length;
    this.#deaths += deaths;
    this.#rows += rows.length;
    this.#losses += losses.length;
    for (const { endedBeforeMs } of losses) {
      this.#oldestLossMs = Math.max(this.#oldestLossMs, endedBeforeMs);
    }
    for (const { outcome } of rows) {
      this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    }
  }

  toString(): string {
    const outcomes = [...this.#outcomes].toSorted(([, a], [, b]) => b - a)
      .map(([outcome, count]) => `${count} ${outcome}`).join(", ");
    return `${this.#runs} runs, ${this.#calls} calls, ${this.#strikes} strikes, of which ` +
      `${this.#deaths} killed the gateway; rows: ${outcomes}; ${this.#losses} calls lost theirs ` +
      `to a killed gateway, none that had ended more than ${
        Math.ceil(this.#oldestLossMs)
      } ms before`;
  }
}
