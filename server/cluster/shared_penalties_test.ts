/** Penalties that hold everywhere: what is told of them when Redis was away for a moment. */

import { beforeEach, expect, test } from "bun:test";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { silentLog } from "../base/log.ts";
import { PenaltyBook } from "../node/penalty.ts";
import type { Message, PenaltyNotice } from "./bus.ts";
import { SharedPenalties } from "./shared_penalties.ts";

const PENALTY_MS = 60_000;
const fault = { model: "m", code: "upstream_error", reason: "it failed" } as const;

let clock: FakeClock;
let book: PenaltyBook;
let shared: SharedPenalties;
let isAway: boolean;
let told: Message[];
let written: Map<string, PenaltyNotice>;

beforeEach(() => {
  clock = new FakeClock();
  book = new PenaltyBook(clock, { penaltyMs: PENALTY_MS, penaltyMaxMs: PENALTY_MS });
  isAway = false;
  told = [];
  written = new Map();
  const unlessAway = (work: () => void): Promise<void> => {
    if (isAway) return Promise.reject(new Error("away"));
    return Promise.resolve(work());
  };
  shared = new SharedPenalties({
    bus: {
      publish: (message) => unlessAway(() => void told.push(message)),
      writePenalty: (penalty) => unlessAway(() => void written.set(penalty.identity, penalty)),
      erasePenalty: (identity) => unlessAway(() => void written.delete(identity)),
      readPenalties: () => Promise.resolve([...written.values()]),
    },
    log: silentLog,
    id: "gw",
    book,
    toShared: (ms) => ms,
    toLocal: (ms) => ms,
    now: () => clock.now(),
  });
});

test("what was found out while Redis was away is told once it is back, and only once", async () => {
  isAway = true;
  book.penalize("key/n", fault);
  await settle();
  await shared.retryUnsent();
  expect(told).toEqual([]);
  isAway = false;
  await shared.retryUnsent();
  await shared.retryUnsent();
  expect(told.map(({ is }) => is)).toEqual(["penalty"]);
  expect(written.get("key/n")?.until).toBe(clock.now() + PENALTY_MS);
});

test("of a node that failed and served again meanwhile, only the last is told", async () => {
  isAway = true;
  book.penalize("key/n", fault);
  await clock.pass(PENALTY_MS);
  book.clear("key/n", "m");
  await settle();
  isAway = false;
  await shared.retryUnsent();
  expect(told.map(({ is }) => is)).toEqual(["pardon"]);
  expect(written.size).toBe(0);
});
