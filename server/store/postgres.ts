/**
 * PostgreSQL as a backend. A connection that fails or hangs takes its pool with it: the next
 * question is asked on a fresh one, so that recovery never waits for a dead socket.
 */

import { type CompiledQuery, type DatabaseConnection, type Driver, Kysely, sql } from "kysely";
import { PostgresJSDialect, PostgresJSDriver } from "kysely-postgres-js";
import postgres from "postgres";
import { ColinkError } from "../error.ts";
import { type Backend, codeOf, storeUnavailable, type Work } from "./backend.ts";
import type { Schema } from "./schema.ts";

/** Connections that one gateway holds. */
const POOL_SIZE = 10;

/** Questions that may wait for a connection; more are refused at once. */
const MAX_WAITING = 1000;

/** Migrations may wait for another gateway's. */
const MIGRATION_DEADLINE_MS = 60_000;

/** Any number will do that no other program on the same database takes for its own lock. */
const MIGRATION_LOCK = 5_029_114_766;

/** SQLSTATEs after which the session is gone: connection exceptions, server shutting down or starting. */
const SESSION_LOST = /^(08...|57P0.)$/;

/**
 * SQLSTATEs that say "not now" rather than "not so": out of resources, refused sign-in, timeouts,
 * conflicts between transactions, a read-only standby, system errors.
 */
const NOT_NOW = /^(53...|28...|3D000|57014|55P03|40001|40P01|25006|58...|XX00.)$/;

/** Five characters with a digit among them, which tells them from EPIPE. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

interface Pool {
  postgres: postgres.Sql<{ bigint: number }>;
  db: Kysely<Schema>;
}

/** Connects when the first question is asked. `deadlineMs`: for each question, waiting included. */
export function openPostgres(url: string, deadlineMs: number): Backend {
  let pool = openPool(url, deadlineMs);
  let waiting = 0;
  let closed = false;

  function retire(failed: Pool): void {
    if (failed !== pool || closed) return;
    pool = openPool(url, deadlineMs);
    // What still runs on the old one may finish within its own deadline.
    void failed.postgres.end({ timeout: deadlineMs / 1000 });
  }

  async function attempt<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
    const mine = pool;
    try {
      return await untilAborted(work(mine.db), signal);
    } catch (error) {
      if (signal.aborted || isSessionLost(error)) retire(mine);
      throw error;
    }
  }

  async function run<T>(work: Work<T>, retry: boolean, withinMs: number): Promise<T> {
    if (closed) throw storeUnavailable("it is closed");
    if (waiting >= MAX_WAITING) throw storeUnavailable("too many questions are waiting for it");
    waiting++;
    const signal = AbortSignal.timeout(withinMs);
    try {
      return await attempt(work, signal).catch((error) => {
        if (retry && !signal.aborted && isSessionLost(error)) return attempt(work, signal);
        throw error;
      });
    } catch (error) {
      if (signal.aborted) throw storeUnavailable("it does not answer", error);
      if (isSessionLost(error)) throw storeUnavailable("the connection was lost", error);
      if (NOT_NOW.test(codeOf(error))) throw storeUnavailable("it refuses to answer now", error);
      throw error;
    } finally {
      waiting--;
    }
  }

  return {
    kind: "postgres",
    now: sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`,
    run: (work, { retry = false } = {}) => run(work, retry, deadlineMs),
    migrate: (work) => {
      const locked: Work<void> = (db) =>
        db.transaction().execute(async (transaction) => {
          await sql.raw(`set local statement_timeout = ${MIGRATION_DEADLINE_MS}`)
            .execute(transaction);
          await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(transaction);
          await work(transaction);
        });
      return run(locked, false, MIGRATION_DEADLINE_MS);
    },
    async close() {
      if (closed) return;
      closed = true;
      await pool.postgres.end({ timeout: deadlineMs / 1000 });
    },
  };
}

function openPool(url: string, deadlineMs: number): Pool {
  const client = postgres(url, {
    max: POOL_SIZE,
    connect_timeout: deadlineMs / 1000,
    onnotice: () => {},
    connection: { application_name: "co-link", statement_timeout: deadlineMs },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  return { postgres: client, db: new Kysely<Schema>({ dialect: new PoolDialect(client) }) };
}

class PoolDialect extends PostgresJSDialect {
  constructor(private readonly client: postgres.Sql<{ bigint: number }>) {
    super({ postgres: client });
  }

  override createDriver(): Driver {
    return new PoolDriver({ postgres: this.client });
  }
}

/** Keeps dead connections out of the pool: postgres.js would hand a released one out again and write to no socket. */
class PoolDriver extends PostgresJSDriver {
  readonly #dead = new WeakSet<DatabaseConnection>();

  override async acquireConnection(
    options?: Parameters<PostgresJSDriver["acquireConnection"]>[0],
  ): ReturnType<PostgresJSDriver["acquireConnection"]> {
    const connection = await super.acquireConnection(options);
    const execute = connection.executeQuery.bind(connection);
    connection.executeQuery = async <R>(query: CompiledQuery) => {
      if (this.#dead.has(connection)) throw storeUnavailable("the connection was lost");
      try {
        return await execute<R>(query);
      } catch (error) {
        if (isSessionLost(error)) this.#dead.add(connection);
        throw error;
      }
    };
    return connection;
  }

  override async releaseConnection(
    connection: Parameters<PostgresJSDriver["releaseConnection"]>[0],
    options?: Parameters<PostgresJSDriver["releaseConnection"]>[1],
  ): Promise<void> {
    if (!this.#dead.has(connection)) await super.releaseConnection(connection, options);
  }
}

/** The driver's own codes (`CONNECTION_CLOSED` …) and the system's (`ECONNREFUSED` …) are no SQLSTATEs. */
function isSessionLost(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "" || error instanceof ColinkError) return code === "store_unavailable";
  return SESSION_LOST.test(code) || !SQLSTATE.test(code);
}

/** The work's result, or the signal's reason if that comes first. The work itself ends with its pool. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
