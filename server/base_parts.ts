/** The parts that every other one stands on: budgets, logs, the store, the ledger, limits and accounts. */

import type { Fetch } from "./account/oidc/bounded_fetch.ts";
import { type AccountServices, createAccountServices } from "./account_services.ts";
import { BoundedLogs } from "./base/bounded_logs.ts";
import { Budgets } from "./base/budgets.ts";
import type { Clock } from "./base/clock.ts";
import type { Config } from "./base/config.ts";
import type { Log } from "./base/log.ts";
import { createLimits, type Limits } from "./limit/open.ts";
import { LedgerWriter } from "./store/ledger_writer.ts";
import { openStore } from "./store/open.ts";
import type { Store } from "./store/store.ts";

export interface BaseParts {
  config: Config;
  clock: Clock;
  log: Log;
  budgets: Budgets;
  logs: BoundedLogs;
  store: Store;
  ledger: LedgerWriter;
  limits: Limits;
  services: AccountServices;
}

export interface BaseWorld {
  clock: Clock;
  log: Log;
  /** Asks the sign-in provider; absent: the real one. */
  fetch?: Fetch;
}

/** Opens the store and migrates its schema. `gateways`: how many share the limits. Throws ColinkError. */
export async function openBaseParts(
  config: Config,
  { clock, log, fetch }: BaseWorld,
  gateways: () => number,
): Promise<BaseParts> {
  const { databaseUrl, dataDir, redisUrl, jwtSecret: secret, logLines: linesPerMinute } = config;
  const budgets = new Budgets();
  const budget = budgets.add("log_lines", { limit: linesPerMinute });
  const logs = new BoundedLogs({ log, clock, linesPerMinute, budget });
  const store = await openStore({ databaseUrl, dataDir, log, isExclusive: true });
  await store.migrate();
  const ledger = new LedgerWriter({ store, dataDir, clock, log });
  await ledger.start();
  const limits = await createLimits({ redisUrl, secret, gateways, clock, log });
  const services = createAccountServices(config, { store, limits, budgets, clock, log, fetch });
  return { config, clock, log, budgets, logs, store, ledger, limits, services };
}
