/** The half of a kysely dialect that SQLite and PostgreSQL share: a driver over connections of ours. */

import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";

/** Where queries run, and where a transaction can be open. */
export abstract class Connection implements DatabaseConnection {
  abstract executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>>;
  abstract begin(): void | Promise<void>;
  abstract commit(): void | Promise<void>;
  abstract rollback(): void | Promise<void>;

  streamQuery(): never {
    throw new Error("Cannot stream a query's rows: nothing in the store does");
  }
}

/** The caller that opened the database also closes it: the driver owns neither. */
export function driverOver(connect: () => Connection): Driver {
  return {
    init: nothing,
    acquireConnection: () => Promise.resolve(connect()),
    beginTransaction: async (connection) => await ours(connection).begin(),
    commitTransaction: async (connection) => await ours(connection).commit(),
    rollbackTransaction: async (connection) => await ours(connection).rollback(),
    releaseConnection: nothing,
    destroy: nothing,
  };
}

function ours(connection: DatabaseConnection): Connection {
  return connection as Connection;
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
