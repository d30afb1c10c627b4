/** Takes ledger entries off the request's path and writes them to the store in batches, through outages and restarts. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { isStoreUnavailable } from "./backend.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import { ProvisionalSpool } from "./provisional_spool.ts";
import type { LedgerEntry, Store } from "./store.ts";

export interface LedgerWriterOptions {
  store: Pick<Store, "writeLedger">;
  /** The folder of `ledger.spool.jsonl`. */
  dataDir: string;
  clock: Clock;
  log: Log;
  /** Entries held in memory, and bytes on disk, beyond which entries are lost and that is logged. */
  maxPending?: number;
  maxSpoolBytes?: number;
}

const BATCH_ROWS = 500;
const BATCH_DELAY_MS = 50;
/** When the store takes longer than this, entries go to disk while it is still waited for. */
const SAVE_AFTER_MS = 30;
const RETRY_DELAY_MS = 1000;
const MAX_PENDING = 20_000;
const MAX_SPOOL_BYTES = 256 * 1024 * 1024;

/**
 * While the store is slow or unavailable, entries go to a file in the data folder, and from there
 * to the store later; the store takes each id once. So no entry is in memory alone for more than a
 * tenth of a second.
 */
export class LedgerWriter {
  readonly #store: LedgerWriterOptions["store"];
  readonly #spool: LedgerSpool;
  readonly #provisional: ProvisionalSpool;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxPending: number;
  #queue: LedgerEntry[] = [];
  /** Sent to the store, which has not confirmed them yet, and not on disk. */
  #sent: LedgerEntry[] = [];
  /** The number of entries that are being written to disk. */
  #saving = 0;
  /** Settles when the latest write to disk has ended. */
  #saved: Promise<void> = Promise.resolve();
  #isWriting = false;
  #lost = 0;
  #isStoreAway = false;
  /** Whether the spool may hold entries. At the start it may hold an earlier run's. */
  #hasSpooled = true;
  #isClosed = false;
  #timer: (() => void) | null = null;
  #timerMs = Infinity;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(options: LedgerWriterOptions) {
    this.#store = options.store;
    this.#spool = new LedgerSpool(options.dataDir, options.maxSpoolBytes ?? MAX_SPOOL_BYTES);
    this.#provisional = new ProvisionalSpool(options.dataDir, options.log);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxPending = options.maxPending ?? MAX_PENDING;
  }

  /** The number of entries that are neither in the store nor on disk yet. */
  get pending(): number {
    return this.#queue.length + this.#sent.length + this.#saving;
  }

  /** Writes what an earlier run left on disk. Never rejects: what cannot be written now is retried later. */
  async start(): Promise<void> {
    await this.#provisional.start();
    await this.flush();
  }

  /**
   * Keeps on disk what is known of a call that is over, but for its node's last frame. The entry
   * counts if this process dies before it records the call. Returns at once.
   */
  recordProvisional(entry: LedgerEntry): void {
    if (!this.#isClosed) this.#provisional.add(entry);
  }

  /** Takes an entry; returns at once. */
  record(entry: LedgerEntry): void {
    this.#provisional.recorded(entry.id);
    if (this.#isClosed || this.#queue.length >= this.#maxPending) return this.#lose(1);
    this.#queue.push(entry);
    const isBatchFull = this.#queue.length >= BATCH_ROWS && !this.#isWriting;
    this.#schedule(isBatchFull ? 0 : BATCH_DELAY_MS);
  }

  /** Resolves when every entry that was recorded before is in the store, or on disk during an outage. */
  flush(): Promise<void> {
    this.#cancelTimer();
    return this.#lastTurn = this.#lastTurn.then(() => this.#write());
  }

  /** Flushes once more; later entries are lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#cancelTimer();
  }

  #schedule(delayMs: number): void {
    if (delayMs >= this.#timerMs) return;
    this.#cancelTimer();
    this.#timerMs = delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#cancelTimer();
      void (this.#isWriting ? this.#saveAll() : this.flush());
    });
  }

  #cancelTimer(): void {
    this.#timer?.();
    this.#timer = null;
    this.#timerMs = Infinity;
  }

  /** One turn: first the entries on disk, which shows whether the store is back, then the queue. Turns never overlap. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    const cancelSave = this.#clock.after(SAVE_AFTER_MS, () => void this.#saveAll());
    if (this.#hasSpooled && !this.#isClosed) await this.#replay();
    for (let rows = this.#queue.length; rows > 0 && this.#queue.length > 0; rows -= BATCH_ROWS) {
      await this.#writeBatch(this.#queue.splice(0, Math.min(rows, BATCH_ROWS)));
    }
    // Entries count as spooled, and are replayed by the next turn, only once they are on disk.
    while (this.#saving > 0) await this.#saved;
    await this.#provisional.clear(() => this.pending === 0);
    cancelSave();
    this.#isWriting = false;
    if (this.#isClosed) return;
    if (this.#isStoreAway) this.#schedule(RETRY_DELAY_MS);
    else if (this.#hasSpooled || this.#queue.length > 0) this.#schedule(BATCH_DELAY_MS);
  }

  async #writeBatch(batch: LedgerEntry[]): Promise<void> {
    this.#sent = batch;
    try {
      if (!this.#isStoreAway || !this.#hasSpooled) await this.#toStore(batch);
      else await this.#saveAll();
    } catch (error) {
      this.#noteOutage(error);
      await this.#saveAll();
    } finally {
      this.#sent = [];
    }
  }

  /** Writes to disk what is in memory alone, also what was sent to the store: the store takes each id once. */
  async #saveAll(): Promise<void> {
    const entries = [...this.#sent, ...this.#queue.splice(0)];
    this.#sent = [];
    if (entries.length > 0) await (this.#saved = this.#toDisk(entries));
  }

  /** Throws `store_unavailable` alone. An entry that the store can never take is logged and left out. */
  async #toStore(entries: LedgerEntry[]): Promise<void> {
    try {
      await this.#store.writeLedger(entries);
      this.#noteRecovery();
    } catch (error) {
      if (isStoreUnavailable(error)) throw error;
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
    this.#saving += batch.length;
    try {
      if (await this.#spool.append(batch)) this.#hasSpooled = true;
      else this.#lose(batch.length);
    } catch (error) {
      this.#log.error({ err: error }, "ledger: the spool file cannot be written");
      // Neither the store nor the disk takes them: memory keeps as many as it may.
      this.#queue.unshift(...batch);
      this.#lose(this.#queue.splice(this.#maxPending).length);
    } finally {
      this.#saving -= batch.length;
    }
  }

  async #replay(): Promise<void> {
    // Reset first: entries can be spooled while the replay runs.
    this.#hasSpooled = false;
    try {
      const write = (entries: LedgerEntry[]) => this.#toStore(entries);
      let torn = await this.#spool.replay(write);
      // Last, because the store takes each id once: a recorded entry counts before a provisional one.
      torn += await this.#provisional.replay(write);
      if (torn > 0) this.#log.warn({ lines: torn }, "ledger: lines torn by a crash were left out");
    } catch (error) {
      if (!isStoreUnavailable(error)) {
        this.#log.error(
          { err: error },
          "ledger: the spool file cannot be read, it stays for later",
        );
        return;
      }
      this.#hasSpooled = true;
      this.#noteOutage(error);
    }
  }

  #noteOutage(error: unknown): void {
    if (this.#isStoreAway) return;
    this.#isStoreAway = true;
    this.#log.warn({ err: error }, "ledger: the database is away, entries are kept on disk");
  }

  #noteRecovery(): void {
    if (!this.#isStoreAway) return;
    this.#isStoreAway = false;
    this.#log.info({}, "ledger: the database is back");
  }

  /** Logs the first loss, and again each time the number of lost entries has doubled. */
  #lose(entries: number): void {
    const before = this.#lost;
    this.#lost += entries;
    if (this.#lost === before || this.#lost < before * 2) return;
    this.#log.error({ entries: this.#lost }, "ledger: entries were lost, there was no room left");
  }
}
