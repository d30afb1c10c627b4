/** Several gateway processes at one port: started together, replaced when one dies or freezes, stopped together. */

import { join } from "node:path";
import type { Config } from "./base/config.ts";
import { ConfigError } from "./base/read_config.ts";
import type { Log } from "./base/log.ts";
import { t } from "./texts.ts";

/** Starts a worker; for this program's own use. */
export const WORKER_FLAG = "--as-worker";

const MAX_WORKERS = 64;

/** A worker that has died is replaced after this long. */
const REPLACE_AFTER_MS = 1_000;

/** How often a worker reports that its event loop runs. */
const REPORT_EVERY_MS = 1_000;

/** A worker that has missed this many reports in a row is killed: the system goes on giving it connections. */
const MAX_MISSED_REPORTS = 10;

/** A worker with wrong settings is not replaced: another one would fail alike. */
const EXIT_BAD_CONFIGURATION = 2;

export interface Workers {
  /** Stops every worker as a gateway stops: the second call cuts off what still runs. */
  stop(): Promise<void>;
  /** Resolves with an exit code when the workers cannot start. */
  readonly failed: Promise<number>;
}

/** The number of workers that `text` asks for. Throws ConfigError for settings with which workers cannot form one network. */
export function workerCount(text: string, { redisUrl, databaseUrl, port }: Config): number {
  const count = Number(text);
  const problems = [
    ...Number.isInteger(count) && count >= 1 && count <= MAX_WORKERS
      ? []
      : [t`--workers ${text}: expected a whole number from 1 to ${MAX_WORKERS}`],
    ...redisUrl === null || databaseUrl === null
      ? [t`--workers: set REDIS_URL and DATABASE_URL, which make the workers one network`]
      : [],
    ...port === 0 ? [t`--workers: set PORT to the one that all workers share`] : [],
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return count;
}

/** In a worker: reports to the process that has started it, for as long as the event loop runs. */
export function reportAlive(): void {
  setInterval(() => process.connected && process.send?.("alive"), REPORT_EVERY_MS);
}

/** Starts the workers: `command` is this program, `env` its environment. */
export function startWorkers(
  count: number,
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { dataDir }: Config,
  log: Log,
): Workers {
  const running = new Map<number, Bun.Subprocess>();
  const { promise: failed, resolve: fail } = Promise.withResolvers<number>();
  let isStopping = false;

  function start(worker: number): void {
    let missed = 0;
    const child = Bun.spawn([...command, "serve", WORKER_FLAG], {
      // Each worker spools its own ledger entries while the database is away.
      env: { ...env, COLINK_DATA_DIR: join(dataDir, `worker-${worker}`) },
      stdio: ["ignore", "inherit", "inherit"],
      // Ctrl-C must reach this process only: it stops the workers itself.
      detached: true,
      // A worker stops when this channel closes, that is, when this process has died.
      ipc: () => missed = 0,
    });
    // Counts this process' own turns: while it is suspended itself, no worker has missed anything.
    const watch = setInterval(() => {
      if (++missed !== MAX_MISSED_REPORTS) return;
      log.error({ worker, pid: child.pid }, "a worker does not answer and is killed");
      // A frozen process handles no other signal.
      child.kill("SIGKILL");
    }, REPORT_EVERY_MS);
    running.set(worker, child);
    void child.exited.then((code) => {
      clearInterval(watch);
      running.delete(worker);
      if (isStopping) return;
      if (code === EXIT_BAD_CONFIGURATION) return fail(code);
      log.error({ worker, code }, "a worker has died and is replaced");
      setTimeout(() => isStopping || start(worker), REPLACE_AFTER_MS);
    });
  }

  for (let worker = 0; worker < count; worker++) start(worker);
  return {
    failed,
    async stop() {
      isStopping = true;
      const children = [...running.values()];
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map(({ exited }) => exited));
    },
  };
}
