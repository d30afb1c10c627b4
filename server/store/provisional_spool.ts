/** What a crash would leave of calls that are over but for their node's last word: entries on disk that better ones are about to replace. */

import type { Log } from "../base/log.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import type { LedgerEntry } from "./store.ts";

const MAX_BYTES = 16 * 1024 * 1024;

export class ProvisionalSpool {
  readonly #spool: LedgerSpool;
  /** Ids of calls whose entries are on disk, or on their way there, and that were not recorded. */
  readonly #open = new Set<string>();
  #waiting: LedgerEntry[] = [];
  #writing: Promise<void> | null = null;
  /** Whether this run has written any that were not cleared away. */
  #hasWritten = false;
  /** An earlier run's, until the store has them. */
  #hasOld = true;

  constructor(folder: string, private readonly log: Log) {
    this.#spool = new LedgerSpool(folder, MAX_BYTES, "ledger.foreseen");
  }

  /** Sets aside what an earlier run has left: its calls get no better entries any more. Never fails. */
  async start(): Promise<void> {
    await this.#onDisk(this.#spool.take());
  }

  /** Keeps an entry until `recorded` is told of the call. Returns at once. */
  add(entry: LedgerEntry): void {
    this.#open.add(entry.id);
    this.#waiting.push(entry);
    this.#writing ??= this.#write();
  }

  recorded(id: string): void {
    this.#open.delete(id);
  }

  /** Hands what an earlier run has left to `write`; throws what that throws. Returns how many lines could not be read. */
  async replay(write: (entries: LedgerEntry[]) => Promise<void>): Promise<number> {
    if (!this.#hasOld) return 0;
    const torn = await this.#spool.replayTaken(write);
    this.#hasOld = false;
    return torn;
  }

  /** Removes what is of no use any more: every call was recorded, and `isSafe` says that this will last. Never fails. */
  async clear(isSafe: () => boolean): Promise<void> {
    if (!this.#hasWritten) return;
    const isOver = () => {
      const isOver = this.#open.size === 0 && isSafe();
      if (isOver) this.#hasWritten = false;
      return isOver;
    };
    await this.#onDisk(this.#spool.clear(isOver));
  }

  /** Those that come meanwhile go together. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#hasWritten = true;
      await this.#onDisk(this.#spool.append(this.#waiting.splice(0)));
    }
    this.#writing = null;
  }

  async #onDisk(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.log.error({ err: error }, "ledger: the file of provisional entries cannot be written");
    }
  }
}
