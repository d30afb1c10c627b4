/** Ledger entries on their way to the store: in batches, off the request's path, through outages and restarts. */

import type { Clock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import { ProvisionalSpool } from "./provisional_spool.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import type { LedgerEntry, Store } from "./store.ts";

export interface LedgerWriterOptions {
  store: Pick<Store, "writeLedger">;
  /** Where `ledger.spool.jsonl` lies. */
  dataDir: string;
  clock: Clock;
  log: Log;
  /** Entries held in memory, and bytes on disk, beyond which entries are lost and that is logged. */
  maxPending?: number;
  maxSpoolBytes?: number;
}

const BATCH_ROWS = 500;
const BATCH_DELAY_MS = 50;
/** A store that takes longer than this is not waited for: what a crash would cost goes to disk. */
const PATIENCE_MS = 30;
const RETRY_DELAY_MS = 1000;
const MAX_PENDING = 20_000;
const MAX_SPOOL_BYTES = 256 * 1024 * 1024;

/**
 * Takes entries at once and writes them soon. While the store is slow or unavailable entries go to
 * a file in the data folder, and from there to the store later; the store takes each id once. So
 * none is in memory alone for more than a tenth of a second.
 */
export class LedgerWriter {
  readonly #store: LedgerWriterOptions["store"];
  readonly #spool: LedgerSpool;
  readonly #provisional: ProvisionalSpool;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #maxPending: number;
  #queue: LedgerEntry[] = [];
  /** Offered to the store, which has not taken them yet, and not on disk. */
  #inHand: LedgerEntry[] = [];
  #onTheWayToDisk = 0;
  /** Settles when what was last sent to disk is there. */
  #saved: Promise<void> = Promise.resolve();
  #isWriting = false;
  #lost = 0;
  #isAway = false;
  /** Left over from before, until looked at. */
  #hasSpooled = true;
  #isClosed = false;
  #disarm: (() => void) | null = null;
  #timerMs = Infinity;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: LedgerWriterOptions) {
    this.#store = options.store;
    this.#spool = new LedgerSpool(options.dataDir, options.maxSpoolBytes ?? MAX_SPOOL_BYTES);
    this.#provisional = new ProvisionalSpool(options.dataDir, options.log);
    this.#log = options.log;
    this.#clock = options.clock;
    this.#maxPending = options.maxPending ?? MAX_PENDING;
  }

  /** Entries that are neither in the store nor on disk yet. */
  get pending(): number {
    return this.#queue.length + this.#inHand.length + this.#onTheWayToDisk;
  }

  /** Writes what an earlier run left on disk. Never fails: what cannot be written now is tried again later. */
  async start(): Promise<void> {
    await this.#provisional.start();
    await this.flush();
  }

  /**
   * What is known of a call that is over but for its node's last word. It is kept on disk until the
   * call is recorded, and counts if this process does not live to do that. Returns at once.
   */
  recordProvisional(entry: LedgerEntry): void {
    if (!this.#isClosed) this.#provisional.add(entry);
  }

  /** Takes an entry; returns at once. */
  record(entry: LedgerEntry): void {
    this.#provisional.recorded(entry.id);
    if (this.#isClosed || this.#queue.length >= this.#maxPending) return this.#lose(1);
    this.#queue.push(entry);
    const isDue = this.#queue.length >= BATCH_ROWS && !this.#isWriting;
    this.#schedule(isDue ? 0 : BATCH_DELAY_MS);
  }

  /** Resolves when all that was recorded before is in the store, or on disk while the store is away. */
  flush(): Promise<void> {
    this.#cancelTimer();
    return this.#turn = this.#turn.then(() => this.#write());
  }

  /** Flushes, for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#cancelTimer();
  }

  #schedule(delayMs: number): void {
    if (delayMs >= this.#timerMs) return;
    this.#cancelTimer();
    this.#timerMs = delayMs;
    this.#disarm = this.#clock.after(delayMs, () => {
      this.#cancelTimer();
      void (this.#isWriting ? this.#rescue() : this.flush());
    });
  }

  #cancelTimer(): void {
    this.#disarm?.();
    this.#disarm = null;
    this.#timerMs = Infinity;
  }

  /** One turn: first what lies on disk, which also tells whether the store is back, then the queue. Turns never overlap. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    const cancel = this.#clock.after(PATIENCE_MS, () => void this.#rescue());
    if (this.#hasSpooled && !this.#isClosed) await this.#replay();
    for (let rows = this.#queue.length; rows > 0 && this.#queue.length > 0; rows -= BATCH_ROWS) {
      await this.#writeBatch(this.#queue.splice(0, Math.min(rows, BATCH_ROWS)));
    }
    // Only from here on is it known to lie on disk, and fetched from there.
    while (this.#onTheWayToDisk > 0) await this.#saved;
    await this.#provisional.clear(() => this.pending === 0);
    cancel();
    this.#isWriting = false;
    if (this.#isClosed) return;
    if (this.#isAway) this.#schedule(RETRY_DELAY_MS);
    else if (this.#hasSpooled || this.#queue.length > 0) this.#schedule(BATCH_DELAY_MS);
  }

  async #writeBatch(batch: LedgerEntry[]): Promise<void> {
    this.#inHand = batch;
    try {
      if (!this.#isAway || !this.#hasSpooled) await this.#toStore(batch);
      else await this.#rescue();
    } catch (error) {
      this.#wentAway(error);
      await this.#rescue();
    } finally {
      this.#inHand = [];
    }
  }

  /** Whatever is in memory alone goes to disk, also what the store is being offered: it takes each id once. */
  async #rescue(): Promise<void> {
    const entries = [...this.#inHand, ...this.#queue.splice(0)];
    this.#inHand = [];
    if (entries.length > 0) await (this.#saved = this.#toDisk(entries));
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
    this.#onTheWayToDisk += batch.length;
    try {
      if (await this.#spool.append(batch)) this.#hasSpooled = true;
      else this.#lose(batch.length);
    } catch (error) {
      this.#log.error({ err: error }, "ledger: the spool file cannot be written");
      // Neither database nor disk: memory is the last place, as far as it goes.
      this.#queue.unshift(...batch);
      this.#lose(this.#queue.splice(this.#maxPending).length);
    } finally {
      this.#onTheWayToDisk -= batch.length;
    }
  }

  async #replay(): Promise<void> {
    // Something may be added while this runs.
    this.#hasSpooled = false;
    try {
      const write = (entries: LedgerEntry[]) => this.#toStore(entries);
      let torn = await this.#spool.replay(write);
      // Last: what was recorded counts, and not what was foreseen of it.
      torn += await this.#provisional.replay(write);
      if (torn > 0) this.#log.warn({ lines: torn }, "ledger: lines torn by a crash were left out");
    } catch (error) {
      if (!isUnavailable(error)) {
        this.#log.error(
          { err: error },
          "ledger: the spool file cannot be read, it stays for later",
        );
        return;
      }
      this.#hasSpooled = true;
      this.#wentAway(error);
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
