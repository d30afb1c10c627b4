/** Ledger entries on disk: appended durably while the database is away, replayed when it is back. */

import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "./backend.ts";
import type { SpoolReserve } from "./spool_reserve.ts";
import type { LedgerEntry } from "./store.ts";

const REPLAY_ROWS = 500;

/** The end of the name of a file that was set aside. */
const SET_ASIDE = /\.[0-9a-f]{8}-[0-9a-f-]+\.jsonl$/;

/** Errors of a disk, a quota or a file that takes no more. */
const NO_ROOM = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Entries can be appended while a replay runs; two replays must not overlap. */
export class LedgerSpool {
  /** The latest operation on the file that is appended to. Operations run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** Lines by the file's path, of this run's files and, after `count`, of an earlier run's. */
  readonly #lines = new Map<string, number>();
  /** The reserve that entries are being written over, while the disk is full. */
  #overflow: { usedBytes: number; bytes: number } | null = null;

  /** `name`: the beginning of the names of its files. */
  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly name = "ledger.spool",
    private readonly reserve: SpoolReserve | null = null,
  ) {}

  /** How many entries are on disk. */
  get size(): number {
    return this.#lines.values().reduce((sum, lines) => sum + lines, 0);
  }

  /** Counts what an earlier run left. */
  async count(): Promise<void> {
    await this.setAside();
    for (const path of await this.#filesSetAside()) {
      let lines = 0;
      for await (const line of linesOf(path)) if (line !== "") lines++;
      this.#lines.set(path, lines);
    }
  }

  /** Resolves once the entries are on the disk; false: the spool is full and they are not. */
  append(entries: readonly LedgerEntry[]): Promise<boolean> {
    return this.#afterTheLast(() => this.#append(entries));
  }

  async #append(entries: readonly LedgerEntry[]): Promise<boolean> {
    // A line end in front, so that a line torn by a crash spoils itself alone.
    const text = "\n" + entries.map((entry) => JSON.stringify(entry) + "\n").join("");
    try {
      if (!await this.#appendText(text)) return false;
      this.#appended(this.#path, entries.length);
    } catch (error) {
      if (!NO_ROOM.has(codeOf(error)) || !await this.#writeOver(text)) throw error;
      this.#appended(this.#overflowPath, entries.length);
    }
    return true;
  }

  #appended(path: string, entries: number): void {
    this.#lines.set(path, (this.#lines.get(path) ?? 0) + entries);
  }

  async #appendText(text: string): Promise<boolean> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = await open(this.#path, "a", 0o600);
    try {
      const { size } = await file.stat();
      if (size >= this.maxBytes) return false;
      try {
        await file.appendFile(text);
        await file.sync();
      } catch (error) {
        // What fitted of it would be counted as torn lines.
        await file.truncate(size).catch(() => {});
        throw error;
      }
      return true;
    } finally {
      await file.close();
    }
  }

  /** Writes into the room that was reserved; false: there is none, or none any more. */
  async #writeOver(text: string): Promise<boolean> {
    const bytes = Buffer.from(text);
    if (this.#overflow === null && this.reserve !== null) {
      await this.#renameForReplay(this.#overflowPath);
      const bytes = await this.reserve.giveAs(this.#overflowPath);
      if (bytes > 0) this.#overflow = { usedBytes: 0, bytes };
    }
    const overflow = this.#overflow;
    if (overflow === null || overflow.usedBytes + bytes.byteLength > overflow.bytes) return false;
    const file = await open(this.#overflowPath, "r+");
    try {
      await file.write(bytes, 0, bytes.byteLength, overflow.usedBytes);
      await file.sync();
      overflow.usedBytes += bytes.byteLength;
    } finally {
      await file.close();
    }
    return true;
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
      this.#lines.delete(path);
    }
    return torn;
  }

  /** Gives what was appended so far a name of its own, for the next replay. False: there was nothing. */
  setAside(): Promise<boolean> {
    return this.#afterTheLast(async () => {
      this.#overflow = null;
      const hadOverflow = await this.#renameForReplay(this.#overflowPath);
      return await this.#renameForReplay(this.#path) || hadOverflow;
    });
  }

  async #renameForReplay(path: string): Promise<boolean> {
    const aside = join(this.folder, `${this.name}.${crypto.randomUUID()}.jsonl`);
    const isThere = await ignoreMissing(rename(path, aside).then(() => true)) ?? false;
    const lines = this.#lines.get(path);
    this.#lines.delete(path);
    if (isThere && lines !== undefined) this.#lines.set(aside, lines);
    return isThere;
  }

  /** Deletes what was appended since the last `setAside`, if `mayClear` still allows it when its turn comes. */
  clear(mayClear: () => boolean): Promise<void> {
    return this.#afterTheLast(async () => {
      if (!mayClear()) return;
      await ignoreMissing(unlink(this.#path));
      this.#lines.delete(this.#path);
    });
  }

  get #path(): string {
    return join(this.folder, `${this.name}.jsonl`);
  }

  get #overflowPath(): string {
    return join(this.folder, `${this.name}.overflow.jsonl`);
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
