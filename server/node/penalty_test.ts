import { describe, expect, test } from "bun:test";
import { MINUTE_MS } from "../base/clock.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { type Fault, PenaltyBook } from "./penalty.ts";

function start({ penaltyMs = MINUTE_MS, penaltyMaxMs = 10 * MINUTE_MS } = {}) {
  const clock = new FakeClock();
  const book = new PenaltyBook(clock, { penaltyMs, penaltyMaxMs });
  const relieved: string[] = [];
  book.onRelief.subscribe((nodeKey) => relieved.push(nodeKey));
  /** A fault of the node `a`; returns the length of its penalty in seconds. */
  const penalize = (fault: Partial<Fault> = {}): number => {
    const penalty = book.penalize("a", {
      model: null,
      code: "node_lost",
      reason: "it failed",
      ...fault,
    });
    return penalty === null ? 0 : (penalty.until - clock.now()) / 1000;
  };
  return { clock, book, penalize, relieved };
}

describe("a penalty", () => {
  test("lasts its time; then calls probe the node, until one succeeds", async () => {
    const { clock, book, penalize, relieved } = start();
    expect(book.circuit("a", "m")).toBe("clear");
    expect(penalize()).toBe(60);
    await clock.pass(MINUTE_MS - 1);
    expect(book.circuit("a", "m")).toBe("penalized");
    expect(relieved).toEqual([]);
    await clock.pass(1);
    expect(book.circuit("a", "m")).toBe("probation");
    expect(relieved).toEqual(["a"]);
    const end = book.beginProbe("a", "m");
    expect(book.circuit("a", "m")).toBe("probing");
    end();
    expect(book.circuit("a", "m")).toBe("probation");
    expect(book.clear("a", "m")).toBe(true);
    expect(book.circuit("a", "m")).toBe("clear");
    expect(book.of("a")).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test("doubles with each fault in a row, up to the longest", async () => {
    const { clock, penalize } = start();
    const lengths = [];
    for (let i = 0; i < 6; i++) {
      lengths.push(penalize());
      await clock.pass(lengths.at(-1)! * 1000);
    }
    expect(lengths).toEqual([60, 120, 240, 480, 600, 600]);
  });

  test("is short again after a success", async () => {
    const { clock, book, penalize } = start();
    for (let i = 0; i < 3; i++) await clock.pass(penalize() * 1000);
    book.clear("a", "m");
    expect(penalize()).toBe(60);
  });

  test("is not ended by the success of a call that was running already", () => {
    const { book, penalize } = start();
    penalize();
    expect(book.clear("a", "m")).toBe(false);
    expect(book.circuit("a", "m")).toBe("penalized");
  });

  test("counts calls that fail together as one fault, and lasts its time from the last of them", async () => {
    const { clock, penalize } = start();
    penalize();
    await clock.pass(10_000);
    expect(penalize()).toBe(60);
    expect(penalize()).toBe(60);
    await clock.pass(MINUTE_MS);
    expect(penalize()).toBe(120);
  });

  test("is as long as the provider asks for, from a second to an hour", () => {
    const lengths = [90_000, 5_000, 1, 1e12].map((retryAfterMs) =>
      start().penalize({ retryAfterMs })
    );
    expect(lengths).toEqual([90, 5, 1, 3600]);
  });

  test("doubles from what the provider asks for, unless the node only rests", async () => {
    for (const blamesProvider of [false, true]) {
      const { clock, penalize } = start();
      const lengths = [];
      for (let i = 0; i < 3; i++) {
        lengths.push(penalize({ retryAfterMs: 2_000, blamesProvider }));
        await clock.pass(lengths.at(-1)! * 1000);
      }
      expect(lengths).toEqual(blamesProvider ? [2, 2, 2] : [2, 4, 8]);
    }
  });

  test("lasts its time though the clock of the day is set back, and shows its end by that clock", async () => {
    const { clock, book, penalize } = start();
    penalize();
    clock.setBack(8 * 60 * MINUTE_MS);
    expect(book.until("a", "m")).toBe(clock.now() + MINUTE_MS);
    expect(book.of("a")).toMatchObject([{ until: clock.now() + MINUTE_MS }]);
    expect(penalize()).toBe(60);
    await clock.pass(MINUTE_MS);
    expect(book.circuit("a", "m")).toBe("probation");
  });

  test("is not shortened by a later fault for which the provider asks for less", () => {
    const { penalize } = start();
    penalize({ retryAfterMs: 90_000 });
    expect(penalize()).toBe(90);
  });

  test("of one model leaves the others alone; one of the whole node counts for all", async () => {
    const { clock, book, penalize } = start();
    penalize({ model: "m" });
    expect(book.circuit("a", "m")).toBe("penalized");
    expect(book.circuit("a", "n")).toBe("clear");
    await clock.pass(MINUTE_MS);
    penalize();
    expect(book.circuit("a", "m")).toBe("penalized");
    expect(book.circuit("a", "n")).toBe("penalized");
    await clock.pass(MINUTE_MS);
    // A success with one model proves nothing about another one.
    book.clear("a", "n");
    expect(book.circuit("a", "m")).toBe("probation");
    expect(book.circuit("a", "n")).toBe("clear");
  });

  test("is of one node only", () => {
    const { book, penalize } = start();
    penalize();
    expect(book.circuit("b", "m")).toBe("clear");
  });

  test("starts again when the probe fails: the next probe waits for its end", async () => {
    const { clock, book, penalize } = start();
    penalize();
    await clock.pass(MINUTE_MS);
    const end = book.beginProbe("a", "m");
    penalize();
    end();
    expect(book.circuit("a", "m")).toBe("penalized");
    await clock.pass(2 * MINUTE_MS);
    expect(book.circuit("a", "m")).toBe("probation");
  });

  test("has its first length where the longest is set shorter than that", () => {
    expect(start({ penaltyMaxMs: 1000 }).penalize()).toBe(60);
  });

  test("does not exist if penalties are turned off", () => {
    const { book, penalize } = start({ penaltyMs: 0 });
    expect(penalize({ retryAfterMs: 90_000 })).toBe(0);
    expect(book.circuit("a", "m")).toBe("clear");
  });

  test("ends for the node that was penalised longest ago when too many are remembered", () => {
    const { clock, book, relieved } = start();
    const fault = { model: null, code: "node_lost", reason: "it failed" } as const;
    for (let i = 0; i < 50_001; i++) book.penalize(`node-${i}`, fault);
    expect(book.circuit("node-0", "m")).toBe("clear");
    expect(relieved).toEqual(["node-0"]);
    expect(book.circuit("node-1", "m")).toBe("penalized");
    expect(clock.pending).toBe(50_000);
  });
});

const far = { model: null, code: "node_lost", reason: "far", faults: 1 } as const;

describe("a penalty that another gateway has given", () => {
  test("counts here as well, and is not reported to others again", async () => {
    const { clock, book } = start();
    const reported: string[] = [];
    book.onPenalty.subscribe((nodeKey) => reported.push(nodeKey));
    book.onClear.subscribe((nodeKey) => reported.push(nodeKey));
    book.adopt("a", far, 5_000);
    expect(book.circuit("a", "m")).toBe("penalized");
    await clock.pass(5_000);
    expect(book.circuit("a", "m")).toBe("probation");
    book.clearRemote("a", null);
    expect(book.circuit("a", "m")).toBe("clear");
    expect(reported).toEqual([]);
    book.penalize("a", { model: null, code: "node_lost", reason: "near" });
    expect(reported).toEqual(["a"]);
  });

  test("neither shortens a longer one, nor begins if its time is over", () => {
    const { clock, book, penalize } = start();
    penalize();
    book.adopt("a", far, 1_000);
    expect(book.until("a", "m")).toBe(clock.now() + MINUTE_MS);
    book.adopt("b", far, -1);
    expect(book.circuit("b", "m")).toBe("clear");
    book.clearRemote("a", null);
    expect(book.circuit("a", "m")).toBe("penalized");
  });
});

describe("a node that is paced", () => {
  const fault: Fault = { model: "m", code: "upstream_error", reason: "it failed" };

  test("takes one call after each pause, which grows to 10 s, until one succeeds", async () => {
    const { clock, book, relieved } = start();
    const pauses = [];
    for (let i = 0; i < 7; i++) {
      book.pace("a", fault);
      expect(book.circuit("a", "m")).toBe("probing");
      expect(book.circuit("a", "n")).toBe("clear");
      expect(book.opensAtMs("a", "m")).toBe(0);
      const sinceMs = clock.monotonic();
      while (book.circuit("a", "m") === "probing") await clock.pass(500);
      pauses.push(clock.monotonic() - sinceMs);
      const end = book.beginProbe("a", "m");
      expect(book.circuit("a", "m")).toBe("probing");
      end();
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(relieved).toHaveLength(7);
    expect(book.isPaced("a", "m")).toBe(true);
    expect(book.clear("a", "m")).toBe(true);
    expect(book.isPaced("a", "m")).toBe(false);
    expect(book.circuit("a", "m")).toBe("clear");
  });

  test("is paced once for calls that fail side by side, and not while it is penalised", async () => {
    const { clock, book, penalize } = start();
    book.pace("a", fault);
    book.pace("a", fault);
    await clock.pass(500);
    expect(book.circuit("a", "m")).toBe("probation");
    penalize({ model: "m" });
    book.pace("a", fault);
    expect(book.circuit("a", "m")).toBe("penalized");
    expect(book.isPaced("a", "m")).toBe(false);
  });

  test("gets a first penalty if it is penalised: pauses are no faults", async () => {
    const { clock, book, penalize } = start();
    for (let i = 0; i < 3; i++) {
      book.pace("a", fault);
      await clock.pass(10_000);
    }
    expect(penalize({ model: "m" })).toBe(60);
  });

  test("is not paced where penalties are turned off", () => {
    const { book } = start({ penaltyMs: 0 });
    book.pace("a", fault);
    expect(book.circuit("a", "m")).toBe("clear");
  });
});
