/**
 * kysely over postgres.js by its public calls, `unsafe` and `begin`, alone. (kysely-postgres-js
 * reserves a connection for each query; in postgres.js 3.4.9 a reservation hangs without
 * `fetch_types`, fetching types ends the process when a connection dies under it, and a reserved
 * connection that died is handed out again.)
 */

import {
  type CompiledQuery,
  type Dialect,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import type postgres from "postgres";
import { codeOf } from "./backend.ts";
import { Connection, driverOver } from "./driver.ts";

export type Client = postgres.Sql<{ bigint: number }>;

/** The client's pool is the pool; kysely's connections are only places where a transaction can stand. */
export function postgresDialect(client: Client): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => driverOver(() => new PoolConnection(client)),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

/** SQLSTATEs after which the session is gone: connection exceptions, server shutting down or starting. */
const SESSION_LOST = /^(08...|57P0.)$/;

/** Five characters with a digit among them, which tells them from EPIPE. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

/** Whether the connection died: the driver's own codes (`CONNECTION_CLOSED` …) and the system's (`ECONNREFUSED` …) are no SQLSTATEs. */
export function isSessionLost(error: unknown): boolean {
  const code = codeOf(error);
  return code !== "" && (SESSION_LOST.test(code) || !SQLSTATE.test(code));
}

/** The connection was lost before a transaction had begun: nothing was done, so it may be tried again. */
export class NotBegunError extends Error {
  override readonly name = "NotBegunError";
  readonly code: string;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.code = codeOf(cause);
  }
}

interface OpenTransaction {
  sql: postgres.TransactionSql<{ bigint: number }>;
  commit(): void;
  rollback(reason: unknown): void;
  ended: Promise<unknown>;
}

class PoolConnection extends Connection {
  #transaction: OpenTransaction | null = null;
  #isLost = false;

  constructor(private readonly client: Client) {
    super();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const sql = this.#transaction?.sql ?? this.client;
    try {
      const result = await sql.unsafe(query.sql, [...query.parameters] as never[], {
        prepare: true,
      });
      return {
        rows: [...result] as unknown as R[],
        numAffectedRows: BigInt(result.count ?? 0),
      };
    } catch (error) {
      this.#isLost ||= isSessionLost(error);
      throw error;
    }
  }

  async begin(): Promise<void> {
    const opened = Promise.withResolvers<OpenTransaction["sql"]>();
    const verdict = Promise.withResolvers<void>();
    const ended = this.client.begin((sql) => {
      opened.resolve(sql);
      return verdict.promise;
    });
    ended.catch((error) => opened.reject(isSessionLost(error) ? new NotBegunError(error) : error));
    const sql = await opened.promise;
    this.#transaction = { sql, commit: verdict.resolve, rollback: verdict.reject, ended };
  }

  async commit(): Promise<void> {
    this.#transaction?.commit();
    await this.#transaction?.ended;
  }

  async rollback(): Promise<void> {
    // A session that is gone has rolled back by itself, and saying so would be written to no socket.
    if (this.#isLost) return;
    this.#transaction?.rollback(ROLLED_BACK);
    await this.#transaction?.ended.catch((error) => {
      if (error !== ROLLED_BACK) throw error;
    });
  }
}

const ROLLED_BACK = new Error("rolled back");
