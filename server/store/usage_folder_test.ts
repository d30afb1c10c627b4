/** The folder, over cells that are only counted: when it folds, how much at a time, and when it stops. */

import { expect, test } from "bun:test";
import { ColinkError } from "../base/error.ts";
import { silentLog } from "../base/log.ts";
import { UsageFolder } from "./usage_folder.ts";

const MANY = 100;

/** Cells that wait, and a clock on which only waiting takes time. */
class Surroundings {
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

test("few cells wait for their like, many are folded at once, a few at a time", async () => {
  const around = new Surroundings(MANY - 1);
  const folder = around.folder();
  await folder.look();
  expect(around.pieces).toEqual([]);
  around.cells = MANY + 5;
  await folder.look();
  expect(Math.max(...around.pieces)).toBeLessThan(MANY / 2);
  // What came meanwhile waits again.
  expect(around.cells).toBe(5);
});

test("few cells are folded, too, when they have waited for ten minutes", async () => {
  const around = new Surroundings(7);
  const folder = around.folder();
  around.nowMs += 9 * 60_000;
  await folder.look();
  expect(around.cells).toBe(7);
  around.nowMs += 60_000;
  await folder.look();
  expect(around.cells).toBe(0);
});

test("a closed folder ends after the piece that it is at, and begins no other", async () => {
  const around = new Surroundings(MANY);
  const folder = around.folder();
  const closed = new Promise<void>((resolve) => {
    around.onPiece = () => resolve(folder.close());
  });
  folder.start();
  await closed;
  expect(around.pieces).toHaveLength(1);
});

test("cells that cannot be folded now are folded later", async () => {
  const around = new Surroundings(MANY);
  const folder = around.folder();
  around.onPiece = () => {
    around.onPiece = () => {};
    throw new ColinkError("store_unavailable", "Cannot reach the account database: it is away");
  };
  await expect(folder.look()).rejects.toMatchObject({ code: "store_unavailable" });
  around.cells = MANY;
  await folder.look();
  expect(around.cells).toBe(0);
});
