/**
 * kysely over postgres.js, by its public methods `unsafe` and `begin` alone. (kysely-postgres-js
 * reserves a connection for each query; in postgres.js 3.4.9 a reservation hangs without
 * `fetch_types`, fetching types ends the process when a connection dies during it, and a reserved
 * connection that has died is handed out again.)
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

/**
 * `isPooled`: a pooler gives each transaction another of the server's sessions. postgres.js pools the connections; one of kysely's connections only holds a transaction, if there is one.
 */
export function postgresDialect(client: Client, isPooled: boolean): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => driverOver(() => new PoolConnection(client, isPooled)),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

/**
 * SQLSTATEs after which a session is of no more use: connection exceptions, a server that shuts down
 * or starts, statements that were prepared for tables as they no longer are.
 */
const SESSION_LOST = /^(08...|57P0.|0A000|26000)$/;

/** Five characters, one of them a digit: unlike EPIPE. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

/** Whether the connection died. The driver's codes (`CONNECTION_CLOSED` …) and the system's (`ECONNREFUSED` …) are no SQLSTATEs. */
export function isSessionLost(error: unknown): boolean {
  const code = codeOf(error);
  return code !== "" && (SESSION_LOST.test(code) || !SQLSTATE.test(code));
}

/** The connection was lost before the transaction began: nothing has changed, so it can be repeated. */
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

  constructor(private readonly client: Client, private readonly isPooled: boolean) {
    super();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.isPooled && this.#transaction === null) return await this.#executeAlone(query);
    const sql = this.#transaction?.sql ?? this.client;
    try {
      const result = await sql.unsafe(query.sql, [...query.parameters] as never[], {
        prepare: !this.isPooled,
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

  /**
   * In a transaction of its own. postgres.js asks for the types of a statement's parameters before it
   * sends them, and pipelines: a pooler may take the session away between the two, so that another
   * client gets the answer.
   */
  async #executeAlone<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    await this.begin();
    try {
      const result = await this.executeQuery<R>(query);
      await this.commit();
      return result;
    } catch (error) {
      await this.rollback();
      throw error;
    } finally {
      this.#transaction = null;
    }
  }

  async begin(): Promise<void> {
    const opened = Promise.withResolvers<OpenTransaction["sql"]>();
    const outcome = Promise.withResolvers<void>();
    const ended = this.client.begin((sql) => {
      opened.resolve(sql);
      return outcome.promise;
    });
    ended.catch((error) => opened.reject(isSessionLost(error) ? new NotBegunError(error) : error));
    const sql = await opened.promise;
    this.#transaction = { sql, commit: outcome.resolve, rollback: outcome.reject, ended };
  }

  async commit(): Promise<void> {
    this.#transaction?.commit();
    await this.#transaction?.ended;
  }

  async rollback(): Promise<void> {
    // A lost session has rolled back by itself, and there is no socket for the command.
    if (this.#isLost) return;
    this.#transaction?.rollback(ROLLED_BACK);
    await this.#transaction?.ended.catch((error) => {
      if (error !== ROLLED_BACK) throw error;
    });
  }
}

const ROLLED_BACK = new Error("rolled back");
