/**
 * Provisional entries on disk: what is known of calls that are over, but for their node's last
 * frame. After a crash they are written to the ledger; otherwise the recorded entries replace them.
 */

import type { Log } from "../base/log.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import type { LedgerEntry } from "./store.ts";

const MAX_BYTES = 16 * 1024 * 1024;

/** The name on disk stays that of the first version that wrote such a file. */
const FILE_NAME = "ledger.foreseen";

export class ProvisionalSpool {
  readonly #spool: LedgerSpool;
  /** Ids of calls with a provisional entry that are not recorded yet. */
  readonly #open = new Set<string>();
  #waiting: LedgerEntry[] = [];
  #writing: Promise<void> | null = null;
  /** Whether this run has written entries that are still on disk. */
  #hasWritten = false;
  /** Whether an earlier run's entries may be on disk. */
  #hasOld = true;

  constructor(folder: string, private readonly log: Log) {
    this.#spool = new LedgerSpool(folder, MAX_BYTES, FILE_NAME);
  }

  /** Sets an earlier run's entries aside: nothing will replace them any more. Never rejects. */
  async start(): Promise<void> {
    await this.#onDisk(this.#spool.setAside());
  }

  /** Keeps an entry until `recorded` is called with its id. Returns at once. */
  add(entry: LedgerEntry): void {
    this.#open.add(entry.id);
    this.#waiting.push(entry);
    this.#writing ??= this.#write();
  }

  recorded(id: string): void {
    this.#open.delete(id);
  }

  /** Passes an earlier run's entries to `write`, and throws what `write` throws. Resolves with the number of torn lines. */
  async replay(write: (entries: LedgerEntry[]) => Promise<void>): Promise<number> {
    if (!this.#hasOld) return 0;
    const torn = await this.#spool.replaySetAside(write);
    this.#hasOld = false;
    return torn;
  }

  /** Deletes this run's file once every call is recorded and `isSafe` says that the records are durable. Never rejects. */
  async clear(isSafe: () => boolean): Promise<void> {
    if (!this.#hasWritten) return;
    const isOver = () => {
      const isOver = this.#open.size === 0 && isSafe();
      if (isOver) this.#hasWritten = false;
      return isOver;
    };
    await this.#onDisk(this.#spool.clear(isOver));
  }

  /** Entries that arrive during a write to disk go together in the next one. */
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
