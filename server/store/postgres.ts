/**
 * The PostgreSQL backend. A connection that fails or hangs retires its whole pool: the next query
 * runs on a fresh one, so that recovery never waits for a dead socket.
 */

import { CompiledQuery, Kysely, sql } from "kysely";
import postgres from "postgres";
import { type DatabaseAddress, parseDatabaseUrl } from "../base/database_url.ts";
import { ColinkError } from "../base/error.ts";
import {
  type Backend,
  codeOf,
  type FirstRows,
  insertStatement,
  onConflictAdd,
  storeUnavailable,
  type Work,
} from "./backend.ts";
import { type Client, isSessionLost, NotBegunError, postgresDialect } from "./postgres_driver.ts";
import type { Schema } from "./schema.ts";

/** Connections of one gateway. */
const POOL_SIZE = 10;

/** Also ends a connection that was still being opened when its pool was retired. */
const IDLE_SECONDS = 60;

/**
 * The server cancels a statement before the deadline makes us retire the pool: a slow statement must
 * not look like a dead connection.
 */
const SERVER_SHARE = 0.75;

/** Queries that may be under way or waiting for a connection; more are refused at once. */
const MAX_QUERIES = 1000;

/** A migration may have to wait for another gateway's. */
const MIGRATION_DEADLINE_MS = 60_000;

/** An arbitrary number that no other program on the same database uses for a lock. */
const MIGRATION_LOCK = 5_029_114_766;

/**
 * SQLSTATEs that blame what was sent: values, cardinality, constraints, a trigger's refusal. Every
 * other one is the database's own state and may pass: no room, no right, no such table while a
 * backup is loaded.
 */
const OWN_FAULT = /^(2[123]...|P0...)$/;

/** What a pooler answers that takes no settings for a session. */
const REFUSED_SETTING = /unsupported startup parameter/;

interface Pool {
  client: Client;
  db: Kysely<Schema>;
}

/** The first query connects. `deadlineMs`: for each query, including the wait for a connection. */
export function openPostgres(url: string, deadlineMs: number): Backend {
  const address = parseDatabaseUrl(url);
  /** Undefined: not known yet. */
  let isPooled: boolean | undefined = address.isPooled || undefined;
  let detection: Promise<void> | null = null;
  let pool = openPool(address, isPooled === true, deadlineMs);
  let running = 0;
  let closed = false;

  function retire(failed: Pool): void {
    if (failed !== pool || closed) return;
    pool = openPool(address, isPooled === true, deadlineMs);
    // Without delay: queries that wait there for a connection fail now and are repeated on the new pool.
    void failed.client.end({ timeout: 0 });
  }

  async function attempt<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
    if (isPooled === undefined) {
      detection ??= detectPooler().finally(() => detection = null);
      await untilAborted(detection, signal);
    }
    const mine = pool;
    try {
      return await untilAborted(work(mine.db), signal);
    } catch (error) {
      if (signal.aborted || isLost(error)) retire(mine);
      throw error;
    }
  }

  /** Before any work: with statements that only one session knows, a pooler would lose transactions. */
  async function detectPooler(): Promise<void> {
    const mine = pool;
    try {
      isPooled = await isBehindPooler(mine.client);
    } catch (error) {
      if (error instanceof Error && REFUSED_SETTING.test(error.message)) isPooled = true;
      else throw error;
    } finally {
      if (isPooled !== false) retire(mine);
    }
  }

  async function run<T>(work: Work<T>, retry: boolean, withinMs: number): Promise<T> {
    if (closed) throw storeUnavailable("it is closed");
    if (running >= MAX_QUERIES) throw storeUnavailable("too many queries are waiting for it");
    running++;
    const signal = AbortSignal.timeout(withinMs);
    try {
      return await attempt(work, signal).catch((error) => {
        const isSafe = retry || isPooled === undefined || error instanceof NotBegunError;
        if (isSafe && !signal.aborted && isLost(error)) return attempt(work, signal);
        throw error;
      });
    } catch (error) {
      if (error instanceof ColinkError) throw error;
      if (signal.aborted) throw storeUnavailable("it does not answer", error);
      if (isLost(error)) throw storeUnavailable("the connection was lost", error);
      const code = codeOf(error);
      if (code === "" || OWN_FAULT.test(code)) throw error;
      throw storeUnavailable(`it refuses to work now (SQLSTATE ${code})`, error);
    } finally {
      running--;
    }
  }

  return {
    kind: "postgres",
    now: sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`,
    run: (work, { retry = false } = {}) => run(work, retry, deadlineMs),
    async insertNew(db, newRows) {
      const added: string[] = [];
      const [idColumn] = newRows.columns;
      for (const rows of inStableSizes(newRows.rows)) {
        const insert = insertStatement(newRows, rows.length, (index) => `$${index}`);
        const query = CompiledQuery.raw(`${insert} returning ${idColumn} as id`, rows.flat());
        for (const { id } of (await db.executeQuery<{ id: string }>(query)).rows) added.push(id);
      }
      return added;
    },
    async addUp(db, added) {
      if (added.rows.length === 0) return;
      const columns = [...added.keyColumns, ...added.sumColumns];
      // One parameter for all rows: one per value would be thousands, and another statement for each number of rows.
      const rows = added.rows.map((row) =>
        Object.fromEntries(columns.map((column, at) => [column, row[at]]))
      );
      const list = columns.join(", ");
      const statement = `insert into ${added.table} (${list}) select ${list} ` +
        `from json_populate_recordset(null::${added.table}, $1::text::json) ${
          onConflictAdd(added)
        }`;
      await db.executeQuery(CompiledQuery.raw(statement, [JSON.stringify(rows)]));
    },
    async takeFirst<Table extends keyof Schema>(db: Kysely<Schema>, first: FirstRows<Table>) {
      const { table, keyColumns, limit } = first;
      // An array is evaluated once; a plain subquery may run again for each row, which defeats its limit.
      const statement = `delete from ${table} where ctid = any(array(` +
        `select ctid from ${table} order by ${keyColumns.join(", ")} limit $1 ` +
        "for update skip locked)) returning *";
      const query = CompiledQuery.raw(statement, [limit]);
      return (await db.executeQuery<Schema[Table]>(query)).rows;
    },
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
      await pool.client.end({ timeout: deadlineMs / 1000 });
    },
  };
}

/** Rows of one INSERT. Sizes are powers of two, so that the server keeps few prepared statements. */
const MAX_ROWS_PER_INSERT = 128;

function* inStableSizes<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let size = MAX_ROWS_PER_INSERT, from = 0; from < items.length; from += size) {
    while (size > items.length - from) size /= 2;
    yield items.slice(from, from + size);
  }
}

function openPool(address: DatabaseAddress, isPooled: boolean, deadlineMs: number): Pool {
  const client = openClient(address, {
    max: POOL_SIZE,
    // Also of the driver's own statements, such as "commit".
    prepare: !isPooled,
    connect_timeout: deadlineMs / 1000,
    idle_timeout: IDLE_SECONDS,
  }, isPooled ? {} : { statement_timeout: deadlineMs * SERVER_SHARE });
  return { client, db: new Kysely<Schema>({ dialect: postgresDialect(client, isPooled) }) };
}

/** A client of the driver's, without limits on time unless it gets some. `session`: settings of its sessions. */
export function openClient(
  address: DatabaseAddress,
  limits: { max: number; prepare: boolean; connect_timeout?: number; idle_timeout?: number },
  session: Record<string, number> = {},
): Client {
  const { hosts, ports, socketPath, user, password, database, targetSession } = address;
  return postgres({
    // Lists, which the driver takes and its types lack.
    ...(hosts && { host: hosts as unknown as string }),
    ...(ports && { port: ports as unknown as number }),
    ...(socketPath && { path: socketPath }),
    ...(user && { user }),
    ...(password && { password }),
    ...(database && { database }),
    ...(targetSession && { target_session_attrs: targetSession as "read-write" }),
    ...tlsOptions(address),
    ...limits,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "co-link", ...session, ...address.session },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
}

function tlsOptions({ tls }: DatabaseAddress): { ssl?: object | "prefer" } {
  // "no TLS" is not passed to the driver, because PGSSL could not override it then.
  if (tls === false) return {};
  if (tls === "prefer") return { ssl: tls };
  const { checksName, ...options } = tls;
  return { ssl: checksName ? options : { ...options, checkServerIdentity: () => undefined } };
}

/** A pooler shares the server's sessions among its clients, and tells them of a process that is not the session's. */
async function isBehindPooler(client: Client): Promise<boolean> {
  const result = await client.unsafe("select pg_backend_pid() as pid");
  return result.state.pid !== result[0]?.pid;
}

/** A ColinkError comes from the work itself, on a connection that works. */
function isLost(error: unknown): boolean {
  return !(error instanceof ColinkError) && isSessionLost(error);
}

/** The work's result, or the signal's reason if that comes first; retiring the pool ends the work. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
