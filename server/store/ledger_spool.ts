/** Ledger entries on disk while the database is away: lines appended durably, written to the database later. */

import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { LedgerEntry } from "./store.ts";

const REPLAY_ROWS = 500;

const TAKEN_NAME = /\.[0-9a-f]{8}-[0-9a-f-]+\.jsonl$/;

/** Appending goes on while a replay runs; two replays at once are not allowed. */
export class LedgerSpool {
  /** The last thing that was done to the file that is appended to: one at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /** `name`: what its files' names begin with. */
  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly name = "ledger.spool",
  ) {}

  /** Appends entries and returns once they are on the disk; false: the spool is full and they were not. */
  append(entries: readonly LedgerEntry[]): Promise<boolean> {
    return this.#afterTheLast(() => this.#append(entries));
  }

  async #append(entries: readonly LedgerEntry[]): Promise<boolean> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = await open(this.#path, "a", 0o600);
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
    do torn += await this.replayTaken(write); while (await this.take());
    return torn;
  }

  /** As `replay`, but leaves out what was appended since the last `take`. */
  async replayTaken(write: (entries: LedgerEntry[]) => Promise<void>): Promise<number> {
    let torn = 0;
    for (const path of await this.#taken()) {
      torn += await replayFile(path, write);
      await ignoreMissing(unlink(path));
    }
    return torn;
  }

  /** Sets aside what was appended so far, under a name of its own. False: nothing was. */
  take(): Promise<boolean> {
    const taken = join(this.folder, `${this.name}.${crypto.randomUUID()}.jsonl`);
    return this.#afterTheLast(async () => {
      return await ignoreMissing(rename(this.#path, taken).then(() => true)) ?? false;
    });
  }

  /** Forgets what was appended since the last `take`, unless something still speaks against it. */
  clear(mayClear: () => boolean): Promise<void> {
    return this.#afterTheLast(async () => {
      if (mayClear()) await ignoreMissing(unlink(this.#path));
    });
  }

  get #path(): string {
    return join(this.folder, `${this.name}.jsonl`);
  }

  /** What is renamed between being opened and being written would be written where nobody reads any more. */
  #afterTheLast<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Files that somebody has set aside; one that was left over is found again. */
  async #taken(): Promise<string[]> {
    const names = await ignoreMissing(readdir(this.folder)) ?? [];
    return names.filter((name) => name.startsWith(`${this.name}.`) && TAKEN_NAME.test(name))
      .map((name) => join(this.folder, name));
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
