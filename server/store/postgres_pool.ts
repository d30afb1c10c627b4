/**
 * Connections to PostgreSQL. One that fails or hangs retires all of them: the next query runs on
 * fresh ones, so that recovery never waits for a dead socket.
 */

import { Kysely } from "kysely";
import type { DatabaseAddress } from "../base/database_url.ts";
import { ColinkError } from "../base/error.ts";
import { codeOf, storeUnavailable, type Work } from "./backend.ts";
import { openClient } from "./postgres_client.ts";
import { type Client, isSessionLost, NotBegunError, postgresDialect } from "./postgres_driver.ts";
import type { Schema } from "./schema.ts";

/** Connections of one gateway. */
const POOL_SIZE = 10;

/** Also ends a connection that was still being opened when its pool was retired. */
const IDLE_SECONDS = 60;

/**
 * The server cancels a statement before the deadline retires the connections: a slow statement must
 * not look like a dead connection.
 */
const SERVER_SHARE = 0.75;

/** Queries that may be under way or waiting for a connection; more are refused at once. */
const MAX_QUERIES = 1000;

/**
 * SQLSTATEs that blame what was sent: values, cardinality, constraints, a trigger's refusal. Every
 * other one is the database's own state and may pass: no room, no right, no such table while a
 * backup is loaded.
 */
const OWN_FAULT = /^(2[123]...|P0...)$/;

/** What a pooler answers that takes no settings for a session. */
const REFUSED_SETTING = /unsupported startup parameter/;

interface Connections {
  client: Client;
  db: Kysely<Schema>;
}

export class PostgresPool {
  #connections: Connections;
  /** Undefined: not known yet. */
  #isPooled: boolean | undefined;
  #detection: Promise<void> | null = null;
  #running = 0;
  #isClosed = false;

  /** The first query connects. `deadlineMs`: for a query, including the wait for a connection. */
  constructor(
    private readonly address: DatabaseAddress,
    private readonly deadlineMs: number,
  ) {
    this.#isPooled = address.isPooled || undefined;
    this.#connections = this.#connect();
  }

  /**
   * Runs the work, once more on fresh connections if it is sure not to have begun or `retry` says that
   * it may begin twice. Throws `store_unavailable`, or the database's error where the work is at fault.
   */
  async run<T>(work: Work<T>, retry: boolean, withinMs: number): Promise<T> {
    if (this.#isClosed) throw storeUnavailable("it is closed");
    if (this.#running >= MAX_QUERIES) throw storeUnavailable("too many queries are waiting for it");
    this.#running++;
    const signal = AbortSignal.timeout(withinMs);
    try {
      return await this.#attempt(work, signal).catch((error) => {
        const isSafe = retry || this.#isPooled === undefined || error instanceof NotBegunError;
        if (isSafe && !signal.aborted && isLost(error)) return this.#attempt(work, signal);
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
      this.#running--;
    }
  }

  /** Lets what runs end within the deadline. Harmless twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#connections.client.end({ timeout: this.deadlineMs / 1000 });
  }

  async #attempt<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
    if (this.#isPooled === undefined) {
      this.#detection ??= this.#detectPooler().finally(() => this.#detection = null);
      await untilAborted(this.#detection, signal);
    }
    const mine = this.#connections;
    try {
      return await untilAborted(work(mine.db), signal);
    } catch (error) {
      if (signal.aborted || isLost(error)) this.#retire(mine);
      throw error;
    }
  }

  #retire(failed: Connections): void {
    if (failed !== this.#connections || this.#isClosed) return;
    this.#connections = this.#connect();
    // Without delay: queries that wait there for a connection fail now and are repeated on the new ones.
    void failed.client.end({ timeout: 0 });
  }

  /** Before any work: with statements that only one session knows, a pooler would lose transactions. */
  async #detectPooler(): Promise<void> {
    const mine = this.#connections;
    try {
      this.#isPooled = await isBehindPooler(mine.client);
    } catch (error) {
      if (error instanceof Error && REFUSED_SETTING.test(error.message)) this.#isPooled = true;
      else throw error;
    } finally {
      if (this.#isPooled !== false) this.#retire(mine);
    }
  }

  #connect(): Connections {
    const { address, deadlineMs } = this;
    const isPooled = this.#isPooled === true;
    const client = openClient(address, {
      max: POOL_SIZE,
      // Also of the driver's own statements, such as "commit".
      prepare: !isPooled,
      connect_timeout: deadlineMs / 1000,
      idle_timeout: IDLE_SECONDS,
    }, isPooled ? {} : { statement_timeout: deadlineMs * SERVER_SHARE });
    return { client, db: new Kysely<Schema>({ dialect: postgresDialect(client, isPooled) }) };
  }
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

/** The work's result, or the signal's reason if that comes first; retiring the connections ends the work. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
