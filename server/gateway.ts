/** A gateway from start to stop. The command line, the tests and mod.ts all come through here. */

import type { Accounts } from "./account/accounts.ts";
import type { Setup } from "./account/setup.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import type { Config } from "./base/config.ts";
import { createLog } from "../log/create_log.ts";
import type { Log } from "./base/log.ts";
import { listen } from "./listener.ts";
import { createParts, type GatewayParts } from "./gateway_parts.ts";
import { Shutdown } from "./shutdown.ts";
import { consoleUrls, rememberUrls } from "./urls.ts";

/** What surrounds a gateway; each member has a real default. */
export interface GatewayWorld {
  clock?: Clock;
  log?: Log;
  /** From 0 up to 1; breaks ties among equally busy nodes. */
  random?: () => number;
  /** The console's built files; null: no console. */
  consoleDir?: string | null;
  /** One of several processes at one port; other gateways reach it at a port of its own. */
  isWorker?: boolean;
  /** Called where it listens and waits for its first certificate, which can take hours. */
  onWaiting?: () => void;
}

export interface Gateway {
  /** Where it listens: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** At which people open the console: the public one, or one for this machine and one for others. */
  readonly urls: readonly string[];
  readonly accounts: Accounts;
  readonly setup: Setup;
  /**
   * Accepts nothing new, lets running calls end within the configured time, writes the ledger and
   * closes everything. A second call cuts off what still runs; the ledger is written all the same.
   */
  stop(): Promise<void>;
}

/** Opens the store, migrates its schema, and listens. Throws ColinkError or the listener's error. */
export async function createGateway(config: Config, world: GatewayWorld = {}): Promise<Gateway> {
  const { clock = systemClock, random = Math.random, consoleDir = null, isWorker = false } = world;
  const log = world.log ?? createLog(config.logLevel, false);
  const shutdown = new Shutdown(config, clock, log);
  const parts = await createParts(config, {
    clock,
    log,
    random,
    consoleDir,
    isDraining: () => shutdown.hasBegun,
    peerUrl: () => listener.peerUrl,
  });
  joinParts(parts);
  await startParts(parts);
  const listener = await listen(config, parts, isWorker, world.onWaiting);
  await parts.cluster?.start();
  const { accounts, setup } = parts;
  const { url } = listener;
  const urls = consoleUrls(config, Number(new URL(url).port));
  await rememberUrls(parts.store, urls);
  return { url, urls, accounts, setup, stop: () => shutdown.run(parts, listener) };
}

/** Connects what one part reports with the parts that act on it. */
function joinParts(
  { keyring, sessions, groups, calls, links, live, cluster, scheduler, sharedAnswers }:
    GatewayParts,
) {
  keyring.revocations.subscribe((keyIds) => {
    calls.stopKeys(keyIds);
    links.closeKeys(keyIds);
  });
  keyring.deletions.subscribe((accountId) => sharedAnswers.forgetAccount(accountId));
  // After the audiences, which find the groups that names stand for.
  groups.changes.subscribe(() => scheduler.membershipsChanged());
  sessions.endings.subscribe((sessionIds) => live.sessionsEnded(sessionIds));
  cluster?.viewers.onEvent.subscribe((...event) => live.peerReported(...event));
  cluster?.attach(scheduler);
}

async function startParts(parts: GatewayParts): Promise<void> {
  await Promise.all([
    parts.keyring.start(),
    parts.settings.start(),
    parts.groups.start(),
    parts.names.start(),
    parts.register.start(),
  ]);
  parts.audiences.start(parts.hub);
  parts.links.start();
  parts.retention.start();
  parts.folder.start();
  parts.probe.start();
  parts.lent.start();
  parts.providerChecks.start();
}
