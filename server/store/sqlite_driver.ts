/** kysely over bun:sqlite. Statements stay prepared, because preparing costs more than most queries. */

import { Database, type SQLQueryBindings } from "bun:sqlite";
import {
  type CompiledQuery,
  type Dialect,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { Connection, driverOver } from "./driver.ts";

/** bun:sqlite keeps this many statements by their text, and drops the least recently used one first. */
const MAX_STATEMENTS = 128;

/** All queries run on the one database; kysely lets one transaction, or one query outside of any, in at a time. */
export function sqliteDialect(database: Database): Dialect {
  Database.MAX_QUERY_CACHE_SIZE = MAX_STATEMENTS;
  const connection = new SqliteConnection(database);
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => driverOver(() => connection),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class SqliteConnection extends Connection {
  constructor(private readonly database: Database) {
    super();
  }

  // deno-lint-ignore require-await -- kysely expects a promise, and errors as rejections
  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const statement = this.database.query<Row, SQLQueryBindings[]>(sql);
    const values = parameters as SQLQueryBindings[];
    if (statement.reader) return { rows: statement.all(...values) };
    return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) };
  }

  /**
   * Takes the write lock at once: a transaction that reads first and writes later is refused
   * without waiting when another process has written in between.
   */
  begin(): void {
    this.#run("begin immediate");
  }

  commit(): void {
    this.#run("commit");
  }

  rollback(): void {
    // A full disk has already rolled back; a second rollback would fail and hide the first error.
    if (this.database.inTransaction) this.#run("rollback");
  }

  #run(statement: string): void {
    this.database.query(statement).run();
  }
}
