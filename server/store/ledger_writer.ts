/** Ledger entries on their way to the store: in batches, off the request's path, through outages and restarts. */

import { ColinkError } from "../error.ts";
import type { Log } from "../log.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import type { LedgerEntry, Store } from "./store.ts";

export interface LedgerWriterOptions {
  store: Pick<Store, "writeLedger">;
  /** Where `ledger.spool.jsonl` lies. */
  dataDir: string;
  log: Log;
  /** Calls back after so many milliseconds; the answer takes that back. */
  after?: (delayMs: number, callback: () => void) => () => void;
  /** Entries held in memory, and bytes on disk, beyond which entries are lost and that is logged. */
  maxPending?: number;
  maxSpoolBytes?: number;
}

const BATCH_ROWS = 500;
const BATCH_DELAY_MS = 50;
const RETRY_DELAY_MS = 1000;
const MAX_PENDING = 20_000;
const MAX_SPOOL_BYTES = 256 * 1024 * 1024;

/**
 * Takes entries at once and writes them soon. While the store is unavailable entries go to a file
 * in the data folder, and from there to the store when it is back; the store takes each id once.
 */
export class LedgerWriter {
  readonly #store: LedgerWriterOptions["store"];
  readonly #spool: LedgerSpool;
  readonly #log: Log;
  readonly #after: NonNullable<LedgerWriterOptions["after"]>;
  readonly #maxPending: number;
  #queue: LedgerEntry[] = [];
  #inHand = 0;
  #lost = 0;
  #isAway = false;
  /** Left over from before, until looked at. */
  #hasSpooled = true;
  #isClosed = false;
  #cancelTimer: (() => void) | null = null;
  #timerMs = Infinity;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: LedgerWriterOptions) {
    this.#store = options.store;
    this.#spool = new LedgerSpool(options.dataDir, options.maxSpoolBytes ?? MAX_SPOOL_BYTES);
    this.#log = options.log;
    this.#after = options.after ?? afterTimeout;
    this.#maxPending = options.maxPending ?? MAX_PENDING;
  }

  /** Entries that are neither in the store nor on disk yet. */
  get pending(): number {
    return this.#queue.length + this.#inHand;
  }

  /** Writes what an earlier run left on disk. Never fails: what cannot be written now is tried again later. */
  start(): Promise<void> {
    return this.flush();
  }

  /** Takes an entry; returns at once. */
  record(entry: LedgerEntry): void {
    if (this.#isClosed || this.#queue.length >= this.#maxPending) return this.#lose(1);
    this.#queue.push(entry);
    this.#schedule(this.#queue.length >= BATCH_ROWS ? 0 : BATCH_DELAY_MS);
  }

  /** Resolves when all that was recorded before is in the store, or on disk while the store is away. */
  flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerMs = Infinity;
    return this.#turn = this.#turn.then(() => this.#write());
  }

  /** Flushes, for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#cancelTimer?.();
  }

  #schedule(delayMs: number): void {
    if (delayMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = delayMs;
    this.#cancelTimer = this.#after(delayMs, () => void this.flush());
  }

  /** One turn: first what lies on disk, which also tells whether the store is back, then the queue. Turns never overlap. */
  async #write(): Promise<void> {
    if (this.#hasSpooled && !this.#isClosed) await this.#replay();
    for (let rows = this.#queue.length; rows > 0; rows -= BATCH_ROWS) {
      await this.#writeBatch(this.#queue.splice(0, Math.min(rows, BATCH_ROWS)));
    }
    if (this.#isAway && !this.#isClosed) this.#schedule(RETRY_DELAY_MS);
  }

  async #writeBatch(batch: LedgerEntry[]): Promise<void> {
    this.#inHand = batch.length;
    try {
      if (this.#isAway && this.#hasSpooled) await this.#toDisk(batch);
      else await this.#toStore(batch);
    } catch (error) {
      this.#wentAway(error);
      await this.#toDisk(batch);
    } finally {
      this.#inHand = 0;
    }
  }

  /** Throws only what will pass. An entry that the store can never take is reported and left out. */
  async #toStore(entries: LedgerEntry[]): Promise<void> {
    try {
      await this.#store.writeLedger(entries);
      this.#cameBack();
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const [first, ...others] = entries;
      if (first === undefined) return;
      if (others.length > 0) {
        for (const entry of entries) await this.#toStore([entry]);
        return;
      }
      this.#log.error({ call: first.id, err: error }, "ledger: the store refuses this entry");
    }
  }

  async #toDisk(batch: LedgerEntry[]): Promise<void> {
    try {
      if (await this.#spool.append(batch)) this.#hasSpooled = true;
      else this.#lose(batch.length);
    } catch (error) {
      this.#log.error({ err: error }, "ledger: the spool file cannot be written");
      // Neither database nor disk: memory is the last place, as far as it goes.
      this.#queue.unshift(...batch);
      this.#lose(this.#queue.splice(this.#maxPending).length);
    }
  }

  async #replay(): Promise<void> {
    try {
      const torn = await this.#spool.replay((entries) => this.#toStore(entries));
      if (torn > 0) this.#log.warn({ lines: torn }, "ledger: lines torn by a crash were left out");
      this.#hasSpooled = false;
    } catch (error) {
      if (isUnavailable(error)) return this.#wentAway(error);
      this.#log.error({ err: error }, "ledger: the spool file cannot be read, it stays for later");
      this.#hasSpooled = false;
    }
  }

  #wentAway(error: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#log.warn({ err: error }, "ledger: the database is away, entries are kept on disk");
  }

  #cameBack(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#log.info({}, "ledger: the database is back");
  }

  /** Logged at the first, and again each time their number has doubled. */
  #lose(entries: number): void {
    const before = this.#lost;
    this.#lost += entries;
    if (this.#lost === before || this.#lost < before * 2) return;
    this.#log.error({ entries: this.#lost }, "ledger: entries were lost, there was no room left");
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof ColinkError && error.code === "store_unavailable";
}

function afterTimeout(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
