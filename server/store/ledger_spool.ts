/** Ledger entries on disk: appended durably while the database is away, replayed when it is back. */

import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { LedgerEntry } from "./store.ts";

const REPLAY_ROWS = 500;

/** The end of the name of a file that was set aside. */
const SET_ASIDE = /\.[0-9a-f]{8}-[0-9a-f-]+\.jsonl$/;

/** Entries can be appended while a replay runs; two replays must not overlap. */
export class LedgerSpool {
  /** The latest operation on the file that is appended to. Operations run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** `name`: the beginning of the names of its files. */
  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly name = "ledger.spool",
  ) {}

  /** Resolves once the entries are on the disk; false: the spool is full and they are not. */
  append(entries: readonly LedgerEntry[]): Promise<boolean> {
    return this.#afterTheLast(() => this.#append(entries));
  }

  async #append(entries: readonly LedgerEntry[]): Promise<boolean> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = await open(this.#path, "a", 0o600);
    try {
      if ((await file.stat()).size >= this.maxBytes) return false;
      // A line end in front, so that a line torn by a crash spoils itself alone.
      await file.appendFile("\n" + entries.map((entry) => JSON.stringify(entry) + "\n").join(""));
      await file.sync();
      return true;
    } finally {
      await file.close();
    }
  }

  /**
   * Passes every entry on disk to `write`, in batches, and deletes a file once all of it is written.
   * An interrupted replay starts from the file's beginning again, so `write` must be idempotent.
   * Resolves with the number of torn lines.
   */
  async replay(write: (entries: LedgerEntry[]) => Promise<void>): Promise<number> {
    let torn = 0;
    do torn += await this.replaySetAside(write); while (await this.setAside());
    return torn;
  }

  /** As `replay`, but leaves out what was appended since the last `setAside`. */
  async replaySetAside(write: (entries: LedgerEntry[]) => Promise<void>): Promise<number> {
    let torn = 0;
    for (const path of await this.#filesSetAside()) {
      torn += await replayFile(path, write);
      await ignoreMissing(unlink(path));
    }
    return torn;
  }

  /** Gives what was appended so far a name of its own, for the next replay. False: there was nothing. */
  setAside(): Promise<boolean> {
    const path = join(this.folder, `${this.name}.${crypto.randomUUID()}.jsonl`);
    return this.#afterTheLast(async () => {
      return await ignoreMissing(rename(this.#path, path).then(() => true)) ?? false;
    });
  }

  /** Deletes what was appended since the last `setAside`, if `mayClear` still allows it when its turn comes. */
  clear(mayClear: () => boolean): Promise<void> {
    return this.#afterTheLast(async () => {
      if (mayClear()) await ignoreMissing(unlink(this.#path));
    });
  }

  get #path(): string {
    return join(this.folder, `${this.name}.jsonl`);
  }

  /** A file renamed between its opening and its writing would receive entries that no replay reads. */
  #afterTheLast<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Finds also the files that an earlier run left. */
  async #filesSetAside(): Promise<string[]> {
    const names = await ignoreMissing(readdir(this.folder)) ?? [];
    return names.filter((name) => name.startsWith(`${this.name}.`) && SET_ASIDE.test(name))
      .map((name) => join(this.folder, name));
  }
}

async function replayFile(
  path: string,
  write: (entries: LedgerEntry[]) => Promise<void>,
): Promise<number> {
  let torn = 0;
  let batch: LedgerEntry[] = [];
  for await (const line of linesOf(path)) {
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

/** Not by node:readline, which also ends a line at U+2028, and callers choose the names of models. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of createReadStream(path, "utf8")) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  yield rest;
}

function parsed(line: string): LedgerEntry | null {
  try {
    const value = JSON.parse(line) as LedgerEntry;
    return typeof value.id === "string" && typeof value.accountId === "string" ? value : null;
  } catch {
    return null; // Torn by a crash during the write; the caller counts it.
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
