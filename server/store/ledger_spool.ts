/** Ledger entries on disk while the database is away: lines appended durably, written to the database later. */

import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { LedgerEntry } from "./store.ts";

const FILE_NAME = "ledger.spool.jsonl";

/** Files that somebody has taken for replaying; one that was left over is taken again. */
const TAKEN_NAME = /^ledger\.spool\.[0-9a-f-]+\.jsonl$/;

const REPLAY_ROWS = 500;

/** Appending goes on while a replay runs; two replays at once are not allowed. */
export class LedgerSpool {
  /** The last thing that was done to the file that is appended to: one at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly folder: string, private readonly maxBytes: number) {}

  /** Appends entries and returns once they are on the disk; false: the spool is full and they were not. */
  append(entries: readonly LedgerEntry[]): Promise<boolean> {
    return this.#afterTheLast(() => this.#append(entries));
  }

  async #append(entries: readonly LedgerEntry[]): Promise<boolean> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = await open(join(this.folder, FILE_NAME), "a", 0o600);
    try {
      if ((await file.stat()).size >= this.maxBytes) return false;
      // A line's end in front, so that a line torn by a crash spoils only itself.
      await file.appendFile("\n" + entries.map((entry) => JSON.stringify(entry) + "\n").join(""));
      await file.sync();
      return true;
    } finally {
      await file.close();
    }
  }

  /**
   * Hands every entry on disk to `write`, in batches, and removes a file once all of it was
   * taken. What is interrupted is handed over again next time, so `write` must be idempotent.
   * Returns how many lines could not be read.
   */
  async replay(write: (entries: LedgerEntry[]) => Promise<void>): Promise<number> {
    let torn = 0;
    do {
      for (const path of await this.#taken()) {
        torn += await replayFile(path, write);
        await ignoreMissing(unlink(path));
      }
    } while (await this.#afterTheLast(() => this.#take()));
    return torn;
  }

  /** Renamed before it is read: what another gateway on this folder appends from now on is in a new file. */
  async #take(): Promise<boolean> {
    const taken = join(this.folder, `ledger.spool.${crypto.randomUUID()}.jsonl`);
    const moved = rename(join(this.folder, FILE_NAME), taken).then(() => true);
    return await ignoreMissing(moved) ?? false;
  }

  /** What is renamed between being opened and being written would be written where nobody reads any more. */
  #afterTheLast<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #taken(): Promise<string[]> {
    const names = await ignoreMissing(readdir(this.folder)) ?? [];
    return names.filter((name) => TAKEN_NAME.test(name)).map((name) => join(this.folder, name));
  }
}

async function replayFile(
  path: string,
  write: (entries: LedgerEntry[]) => Promise<void>,
): Promise<number> {
  let torn = 0;
  let batch: LedgerEntry[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line === "") continue;
    const entry = parsed(line);
    if (entry === null) torn++;
    else batch.push(entry);
    if (batch.length < REPLAY_ROWS) continue;
    await write(batch);
    batch = [];
  }
  if (batch.length > 0) await write(batch);
  return torn;
}

function parsed(line: string): LedgerEntry | null {
  try {
    const value = JSON.parse(line) as LedgerEntry;
    return typeof value.id === "string" && typeof value.accountId === "string" ? value : null;
  } catch {
    return null; // Torn by a crash in the middle of writing: counted by the caller.
  }
}

async function ignoreMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}
