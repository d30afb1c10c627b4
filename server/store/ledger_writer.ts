/** Takes ledger entries off the request's path and writes them to the store in batches, through outages and restarts. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import { codeOf, isStoreUnavailable, storeUnavailable } from "./backend.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import { ProvisionalSpool } from "./provisional_spool.ts";
import { SpoolReserve } from "./spool_reserve.ts";
import type { LedgerEntry, Store } from "./store.ts";

export interface LedgerWriterOptions {
  store: Pick<Store, "writeLedger" | "probe">;
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

/** An entry that the store refuses by itself is tried again this often, this long after the last time. */
const MAX_REFUSALS = 5;
const REFUSED_RETRY_MS = 10_000;
const MAX_SUSPECTS = 10_000;

/** Entries that the store refused again and again, for the operator to look at. */
const REFUSED = "ledger.refused";

/** After the disk could not be read, or had no room for the reserve. */
const DISK_RETRY_MS = 10_000;

/**
 * While the store is slow or unavailable, entries go to a file in the data folder, and from there
 * to the store later; the store takes each id once. So no entry is in memory alone for more than a
 * tenth of a second. An entry that the store refuses while it takes others waits in a file of its
 * own, so that it holds up none of them.
 */
export class LedgerWriter {
  readonly #store: LedgerWriterOptions["store"];
  readonly #reserve: SpoolReserve;
  readonly #spool: LedgerSpool;
  readonly #suspects: LedgerSpool;
  readonly #refused: LedgerSpool;
  /** By the entry's id: how often the store refused it. */
  readonly #refusals = new LruCache<string, number>(MAX_SUSPECTS);
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
  /** Why entries cannot be written to disk; null: nothing is known to be wrong. */
  #diskTrouble: string | null = null;
  #hasRefused: boolean;
  #hasStarted = false;
  #suspectsDueMs = 0;
  #reserveDueMs = 0;
  /** When files that could not be read are read again. */
  #rereadDueMs = Infinity;
  /** Whether the spool may hold entries. At the start it may hold an earlier run's. */
  #hasSpooled = true;
  #isClosed = false;
  #timer: (() => void) | null = null;
  #timerMs = Infinity;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(options: LedgerWriterOptions) {
    this.#store = options.store;
    const { dataDir, maxSpoolBytes = MAX_SPOOL_BYTES } = options;
    this.#reserve = new SpoolReserve(join(dataDir, "ledger.reserve"));
    this.#spool = new LedgerSpool(dataDir, maxSpoolBytes, "ledger.spool", this.#reserve);
    this.#suspects = new LedgerSpool(dataDir, maxSpoolBytes, "ledger.suspect");
    this.#refused = new LedgerSpool(dataDir, maxSpoolBytes, REFUSED);
    this.#hasRefused = existsSync(join(dataDir, `${REFUSED}.jsonl`));
    this.#provisional = new ProvisionalSpool(dataDir, options.log);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxPending = options.maxPending ?? MAX_PENDING;
  }

  /** The number of entries that are neither in the store nor on disk yet. */
  get pending(): number {
    return this.#queue.length + this.#sent.length + this.#saving;
  }

  /** The number of entries on disk that wait for the store. */
  get spooled(): number {
    return this.#spool.size + this.#suspects.size;
  }

  /** What the operator should know of; null: every ended call is, or will be, in the ledger. */
  get trouble(): string | null {
    if (this.#lost > 0) return `${this.#lost} ended calls were lost: there was no room left`;
    if (this.#diskTrouble !== null) {
      return `ended calls wait in memory alone: the data folder takes no more (${this.#diskTrouble})`;
    }
    if (this.#hasStarted && !this.#reserve.isFilled) {
      return "the data folder is full: no room is reserved for ended calls";
    }
    return this.#hasRefused
      ? `calls that the database refuses are in ${REFUSED}.jsonl in the data folder`
      : null;
  }

  /** Writes what an earlier run left on disk. Never rejects: what cannot be written now is retried later. */
  async start(): Promise<void> {
    await this.#provisional.start();
    await this.#suspects.count().catch((error) => this.#noteDisk(error));
    await this.#spool.count().catch((error) => this.#noteDisk(error));
    await this.#fillReserve();
    this.#hasStarted = true;
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
    if (!this.#isClosed) await this.#replay();
    for (let rows = this.#queue.length; rows > 0 && this.#queue.length > 0; rows -= BATCH_ROWS) {
      await this.#writeBatch(this.#queue.splice(0, Math.min(rows, BATCH_ROWS)));
    }
    // Entries count as spooled, and are replayed by the next turn, only once they are on disk.
    while (this.#saving > 0) await this.#saved;
    await this.#provisional.clear(() => this.pending === 0);
    if (!this.#isStoreAway && !this.#isClosed) await this.#fillReserve();
    if (this.pending === 0 && this.#rereadDueMs === Infinity) this.#diskTrouble = null;
    cancelSave();
    this.#isWriting = false;
    if (this.#isClosed) return;
    if (this.#isStoreAway) this.#schedule(RETRY_DELAY_MS);
    else if (this.#hasSpooled || this.#queue.length > 0) this.#schedule(BATCH_DELAY_MS);
    else if (this.#suspects.size > 0) this.#schedule(REFUSED_RETRY_MS);
    else if (!this.#reserve.isFilled || this.#rereadDueMs < Infinity) this.#schedule(DISK_RETRY_MS);
  }

  async #fillReserve(): Promise<void> {
    const nowMs = this.#clock.monotonic();
    if (this.#reserve.isFilled || nowMs < this.#reserveDueMs) return;
    try {
      await this.#reserve.fill();
      this.#reserveDueMs = 0;
    } catch (error) {
      if (this.#reserveDueMs === 0) {
        this.#log.warn(
          { err: error },
          "ledger: no room can be reserved for ended calls: make room in the data folder",
        );
      }
      this.#reserveDueMs = nowMs + DISK_RETRY_MS;
    }
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

  /** Throws what the disk throws, and `store_unavailable`. Entries that the store refuses by themselves are then on disk. */
  async #toStore(entries: LedgerEntry[]): Promise<void> {
    try {
      await this.#store.writeLedger(entries);
      this.#noteRecovery();
    } catch (error) {
      if (isStoreUnavailable(error)) throw error;
      const middle = entries.length >> 1;
      const [first] = entries;
      if (middle === 0) return await this.#suspect(first!, error);
      await this.#toStore(entries.slice(0, middle));
      await this.#toStore(entries.slice(middle));
    }
  }

  /** Keeps an entry for a later attempt. Throws `store_unavailable` where the store refuses every entry. */
  async #suspect(entry: LedgerEntry, error: unknown): Promise<void> {
    await this.#store.probe();
    const refusals = this.#refusals.get(entry.id) ?? 0;
    if (refusals === 0) {
      this.#log.error({ call: entry.id, err: error }, "ledger: the store refuses this entry");
    }
    if (!await this.#suspects.append([entry])) throw storeUnavailable("the spool is full", error);
    this.#refusals.set(entry.id, refusals + 1);
    this.#suspectsDueMs = this.#clock.monotonic() + REFUSED_RETRY_MS;
  }

  async #retrySuspects(): Promise<void> {
    if (this.#suspects.size === 0 || this.#clock.monotonic() < this.#suspectsDueMs) return;
    await this.#suspects.setAside();
    await this.#suspects.replaySetAside(async (entries) => {
      for (const entry of entries) await this.#retry(entry);
    });
  }

  async #retry(entry: LedgerEntry): Promise<void> {
    if ((this.#refusals.get(entry.id) ?? 0) < MAX_REFUSALS) return await this.#toStore([entry]);
    try {
      await this.#store.writeLedger([withoutStatistics(entry)]);
    } catch (error) {
      if (isStoreUnavailable(error)) throw error;
      await this.#store.probe();
      if (!await this.#refused.append([entry])) throw storeUnavailable("the spool is full", error);
      this.#hasRefused = true;
      const where = { call: entry.id, file: `${REFUSED}.jsonl`, err: error };
      this.#log.error(where, "ledger: the store refuses this entry for good, it is kept in a file");
    }
  }

  async #toDisk(batch: LedgerEntry[]): Promise<void> {
    this.#saving += batch.length;
    try {
      if (await this.#spool.append(batch)) this.#hasSpooled = true;
      else this.#lose(batch.length);
      this.#diskTrouble = null;
    } catch (error) {
      this.#noteDisk(error);
      // Neither the store nor the disk takes them: memory keeps as many as it may.
      this.#queue.unshift(...batch);
      this.#lose(this.#queue.splice(this.#maxPending).length);
    } finally {
      this.#saving -= batch.length;
    }
  }

  async #replay(): Promise<void> {
    const nowMs = this.#clock.monotonic();
    const hadSpooled = this.#hasSpooled || nowMs >= this.#rereadDueMs;
    // Reset first: entries can be spooled while the replay runs.
    this.#hasSpooled = false;
    this.#rereadDueMs = Infinity;
    try {
      // Before the files are touched: while the store is away, they stay as they are.
      if (this.#isStoreAway) await this.#store.probe();
      await this.#retrySuspects();
      if (!hadSpooled) return;
      const write = (entries: LedgerEntry[]) => this.#toStore(entries);
      let torn = await this.#spool.replay(write);
      // Last, because the store takes each id once: a recorded entry counts before a provisional one.
      torn += await this.#provisional.replay(write);
      if (torn > 0) this.#log.warn({ lines: torn }, "ledger: lines torn by a crash were left out");
    } catch (error) {
      if (isStoreUnavailable(error)) {
        this.#hasSpooled ||= hadSpooled;
        return this.#noteOutage(error);
      }
      // Entries on a disk that cannot be read must not hold up those in memory.
      this.#rereadDueMs = nowMs + DISK_RETRY_MS;
      this.#noteDisk(error);
    }
  }

  /** The entries stay where they are, and are tried again. */
  #noteDisk(error: unknown): void {
    const trouble = codeOf(error) || "unknown error";
    if (this.#diskTrouble === trouble) return;
    this.#diskTrouble = trouble;
    this.#log.error({ err: error }, "ledger: the data folder does not take ended calls");
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

/** The call and who made it. What its node reported of it is left out. */
function withoutStatistics(entry: LedgerEntry): LedgerEntry {
  return {
    ...entry,
    promptTokens: null,
    completionTokens: null,
    estimated: true,
    deliveredBytes: 0,
    deliveredChunks: 0,
    producedChunks: 0,
    queuedMs: 0,
    firstByteMs: null,
    durationMs: 0,
    attemptLog: [],
    choice: null,
    replays: null,
  };
}
