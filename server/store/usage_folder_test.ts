/** The usage folder over a fake table: when it folds, how much at a time, and when it stops. */

import { expect, test } from "bun:test";
import { ColinkError } from "../base/error.ts";
import { silentLog } from "../base/log.ts";
import { UsageFolder } from "./usage_folder.ts";

const MANY = 100;

/** A number of waiting cells, and a clock on which pauses take no real time. */
class FakeUsage {
  readonly pieces: number[] = [];
  nowMs = 0;
  onPiece = () => {};

  constructor(public cells: number) {}

  waiting(most: number): Promise<number> {
    return Promise.resolve(Math.min(most, this.cells));
  }

  fold(limit: number): Promise<number> {
    const folded = Math.min(limit, this.cells);
    this.cells -= folded;
    this.pieces.push(folded);
    this.onPiece();
    return Promise.resolve(folded);
  }

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs;
  }

  after(delayMs: number, task: () => void): () => void {
    this.nowMs += delayMs;
    queueMicrotask(task);
    return () => {};
  }

  folder(): UsageFolder {
    return new UsageFolder({
      store: { usage: this },
      log: silentLog,
      clock: this,
      maxWaiting: MANY,
    });
  }
}

test("few cells wait for others of their hour, many are folded at once, in small pieces", async () => {
  const usage = new FakeUsage(MANY - 1);
  const folder = usage.folder();
  await folder.look();
  expect(usage.pieces).toEqual([]);
  usage.cells = MANY + 5;
  await folder.look();
  expect(Math.max(...usage.pieces)).toBeLessThan(MANY / 2);
  // Cells beyond the number that was counted wait again.
  expect(usage.cells).toBe(5);
});

test("few cells are folded when they have waited for ten minutes", async () => {
  const usage = new FakeUsage(7);
  const folder = usage.folder();
  usage.nowMs += 9 * 60_000;
  await folder.look();
  expect(usage.cells).toBe(7);
  usage.nowMs += 60_000;
  await folder.look();
  expect(usage.cells).toBe(0);
});

test("a closed folder finishes the current piece and starts no other", async () => {
  const usage = new FakeUsage(MANY);
  const folder = usage.folder();
  const closed = new Promise<void>((resolve) => {
    usage.onPiece = () => resolve(folder.close());
  });
  folder.start();
  await closed;
  expect(usage.pieces).toHaveLength(1);
});

test("cells that cannot be folded during an outage are folded afterwards", async () => {
  const usage = new FakeUsage(MANY);
  const folder = usage.folder();
  usage.onPiece = () => {
    usage.onPiece = () => {};
    throw new ColinkError("store_unavailable", "Cannot reach the account database: it is away");
  };
  await expect(folder.look()).rejects.toMatchObject({ code: "store_unavailable" });
  usage.cells = MANY;
  await folder.look();
  expect(usage.cells).toBe(0);
});
