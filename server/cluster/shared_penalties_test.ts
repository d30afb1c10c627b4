/** Penalties that hold at every gateway, also when Redis was away and clocks differ. */

import { beforeEach, describe, expect, test } from "bun:test";
import { silentLog } from "../base/log.ts";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { PenaltyBook } from "../node/penalty.ts";
import type { Message, PenaltyNotice } from "./bus.ts";
import { SharedPenalties } from "./shared_penalties.ts";

const PENALTY_MS = 60_000;
/** Redis' clock minus this process's monotonic one. */
const AHEAD_MS = 1_700_003_600_000;
const fault = { model: "m", code: "upstream_error", reason: "it failed" } as const;

let clock: FakeClock;
let book: PenaltyBook;
let shared: SharedPenalties;
let isAway: boolean;
let published: Message[];
let written: Map<string, PenaltyNotice>;
/** Delays the next operations until it is called. */
let hold: Promise<void> | null;
let readAt: number[];

beforeEach(() => {
  clock = new FakeClock();
  book = new PenaltyBook(clock, { penaltyMs: PENALTY_MS, penaltyMaxMs: PENALTY_MS });
  [isAway, published, written, hold, readAt] = [false, [], new Map(), null, []];
  const unlessAway = async <T>(work: () => T): Promise<T> => {
    if (isAway) throw new Error("away");
    await hold;
    return work();
  };
  shared = new SharedPenalties({
    bus: {
      publish: (message) => unlessAway(() => void published.push(message)),
      writePenalty: (penalty) => unlessAway(() => void written.set(penalty.identity, penalty)),
      erasePenalty: (identity) => unlessAway(() => void written.delete(identity)),
      readPenalties: (nowMs) =>
        unlessAway(() => {
          readAt.push(nowMs);
          return [...written.values()];
        }),
    },
    log: silentLog,
    id: "gw",
    book,
    sharedNowMs: () => sharedNowMs(),
  });
});

function sharedNowMs(): number {
  return clock.monotonic() + AHEAD_MS;
}

function kinds(): string[] {
  return published.map((message) =>
    message.is === "penalty"
      ? `penalty ${message.penalty.identity}`
      : `${message.is} ${(message as { identity?: string }).identity}`
  );
}

describe("a penalty that is given here", () => {
  test("is kept in Redis and published with its length, and with its end by Redis' clock", async () => {
    book.penalize("key/n", fault);
    await settle();
    const until = sharedNowMs() + PENALTY_MS;
    const at = sharedNowMs();
    const penalty = { ...fault, identity: "key/n", remainingMs: PENALTY_MS, until, faults: 1, at };
    expect(published).toEqual([{ is: "penalty", from: "gw", penalty }]);
    expect([...written]).toEqual([["key/n", penalty]]);
  });

  test("is erased and published as over when a call has succeeded", async () => {
    book.penalize("key/n", fault);
    await clock.pass(PENALTY_MS);
    book.clear("key/n", "m");
    await settle();
    expect(published.at(-1)).toEqual({
      is: "pardon",
      from: "gw",
      identity: "key/n",
      model: "m",
      at: sharedNowMs(),
    });
    expect(written.size).toBe(0);
  });
});

describe("a penalty of another gateway", () => {
  const notice = () => ({
    ...fault,
    identity: "key/n",
    until: sharedNowMs() + 5_000,
    faults: 1,
    at: sharedNowMs(),
  });

  test("holds here until the same moment, and is not published again", async () => {
    shared.receive({ is: "penalty", from: "gw-2", penalty: notice() });
    expect(book.until("key/n", "m")).toBe(clock.now() + 5_000);
    await clock.pass(5_000);
    expect(book.circuit("key/n", "m")).toBe("probation");
    shared.receive({
      is: "pardon",
      from: "gw-2",
      identity: "key/n",
      model: "m",
      at: sharedNowMs(),
    });
    expect(book.circuit("key/n", "m")).toBe("clear");
    await settle();
    expect(published).toEqual([]);
  });

  test("lasts as long as it had to when it was given, less what has passed since, whatever end it names", async () => {
    const penalty = { ...notice(), remainingMs: 5_000, until: sharedNowMs() + 1e12 };
    await clock.pass(1_000);
    shared.receive({ is: "penalty", from: "gw-2", penalty });
    await clock.pass(3_999);
    expect(book.circuit("key/n", "m")).toBe("penalized");
    await clock.pass(1);
    expect(book.circuit("key/n", "m")).toBe("probation");
  });

  test("holds no longer and no shorter when this machine's clock is set back meanwhile", async () => {
    clock.setBack(8 * 3_600_000);
    shared.receive({ is: "penalty", from: "gw-2", penalty: notice() });
    clock.setBack(-16 * 3_600_000);
    await clock.pass(4_999);
    expect(book.circuit("key/n", "m")).toBe("penalized");
    await clock.pass(1);
    expect(book.circuit("key/n", "m")).toBe("probation");
  });

  test("that claims a year, or no time at all, is over after an hour, or is none", async () => {
    const year = 365 * 24 * 3_600_000;
    const claims = [{ remainingMs: year }, { until: sharedNowMs() + year }];
    for (const [i, claim] of claims.entries()) {
      const penalty = { ...notice(), identity: `key/${i}`, ...claim };
      shared.receive({ is: "penalty", from: "gw-2", penalty });
    }
    for (const remainingMs of [NaN, -1, null, "5"] as never[]) {
      const penalty = { ...notice(), identity: "key/none", remainingMs, at: sharedNowMs() + 1 };
      shared.receive({ is: "penalty", from: "gw-2", penalty });
    }
    expect(book.circuit("key/none", "m")).toBe("clear");
    await clock.pass(3_600_000 - 1);
    expect(["key/0", "key/1"].map((key) => book.circuit(key, "m")))
      .toEqual(["penalized", "penalized"]);
    await clock.pass(1);
    expect(["key/0", "key/1"].map((key) => book.circuit(key, "m")))
      .toEqual(["probation", "probation"]);
  });

  test("is heeded although Redis' clock has gone back", async () => {
    const ahead = { ...notice(), at: sharedNowMs() + 8 * 3_600_000 };
    shared.receive({ is: "penalty", from: "gw-2", penalty: ahead });
    await clock.pass(5_000);
    shared.receive({ is: "penalty", from: "gw-2", penalty: notice() });
    expect(book.circuit("key/n", "m")).toBe("penalized");
  });

  test("does not come back when somebody puts it back into Redis, or sends it again", async () => {
    const old = notice();
    shared.receive({ is: "penalty", from: "gw-2", penalty: old });
    await clock.pass(5_000);
    const at = sharedNowMs();
    shared.receive({ is: "pardon", from: "gw-2", identity: "key/n", model: "m", at });
    const copy = { ...old, until: old.until + 5_000 };
    written.set("key/n", copy);
    await shared.read();
    shared.receive({ is: "penalty", from: "gw-2", penalty: copy });
    expect(book.circuit("key/n", "m")).toBe("clear");
    const next = { ...copy, at: at + 1, until: at + 1_000 };
    shared.receive({ is: "penalty", from: "gw-2", penalty: next });
    await clock.pass(1_000);
    shared.receive({ is: "pardon", from: "gw-2", identity: "key/n", model: "m", at });
    expect(book.circuit("key/n", "m")).toBe("probation");
  });

  test("that was given here and is over does not come back either", async () => {
    book.penalize("key/n", fault);
    await settle();
    const [, own] = [...written][0]!;
    await clock.pass(PENALTY_MS);
    book.clear("key/n", "m");
    await settle();
    written.set("key/n", { ...own, until: own.until + PENALTY_MS });
    await shared.read();
    expect(book.circuit("key/n", "m")).toBe("clear");
  });

  test("is read from Redis, as of now by Redis' clock", async () => {
    written.set("key/n", notice());
    await shared.read();
    expect(book.until("key/n", "m")).toBe(clock.now() + 5_000);
    expect(readAt).toEqual([sharedNowMs()]);
  });

  test("is not read while Redis is away, and the failure reaches no caller", async () => {
    isAway = true;
    await shared.read();
    expect(book.circuit("key/n", "m")).toBe("clear");
  });
});

describe("what could not be published while Redis was away", () => {
  test("is published once it is back, and only once", async () => {
    isAway = true;
    book.penalize("key/n", fault);
    await settle();
    await shared.retryUnsent();
    expect(published).toEqual([]);
    isAway = false;
    await shared.retryUnsent();
    await shared.retryUnsent();
    expect(kinds()).toEqual(["penalty key/n"]);
    expect(written.get("key/n")?.until).toBe(sharedNowMs() + PENALTY_MS);
  });

  test("is only the last thing that is known of each node", async () => {
    isAway = true;
    book.penalize("key/n", fault);
    await clock.pass(PENALTY_MS);
    book.clear("key/n", "m");
    book.penalize("key/o", fault);
    await settle();
    isAway = false;
    await shared.retryUnsent();
    expect(kinds()).toEqual(["pardon key/n", "penalty key/o"]);
    expect([...written.keys()]).toEqual(["key/o"]);
  });

  test("is not published after something newer, nor twice by two attempts at once", async () => {
    isAway = true;
    for (const node of ["key/a", "key/n"]) book.penalize(node, fault);
    await clock.pass(PENALTY_MS);
    isAway = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    hold = promise;
    const attempts = [shared.retryUnsent(), shared.retryUnsent()];
    hold = null;
    book.clear("key/n", "m");
    await settle();
    resolve();
    await Promise.all(attempts);
    expect(kinds()).toEqual(["pardon key/n", "penalty key/a"]);
    await shared.retryUnsent();
    expect(published).toHaveLength(2);
  });

  test("is kept for a thousand nodes, and for these in its newest form", async () => {
    isAway = true;
    for (let i = 0; i < 1_001; i++) book.penalize(`key/${i}`, fault);
    await clock.pass(PENALTY_MS);
    book.clear("key/0", "m");
    await settle();
    isAway = false;
    await shared.retryUnsent();
    expect(published).toHaveLength(1_000);
    expect(kinds()[0]).toBe("pardon key/0");
    expect(kinds()).not.toContain("penalty key/1000");
    book.penalize("key/1000", fault);
    await settle();
    expect(published).toHaveLength(1_001);
  });
});
