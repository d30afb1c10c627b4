import { describe, expect, test } from "bun:test";
import { LivenessWatch, type WatchedLink } from "./liveness_watch.ts";

/** A clock that a test moves; what falls due while the process is blocked runs once, late. */
class TestClock {
  nowMs = 1_000;
  #timers: { atMs: number; task: () => void }[] = [];

  monotonic(): number {
    return this.nowMs;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, task };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  pass(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      this.nowMs++;
      this.#runDue();
    }
  }

  block(ms: number): void {
    this.nowMs += ms;
    this.#runDue();
  }

  #runDue(): void {
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { task } of due) task();
  }
}

class TestLink implements WatchedLink {
  lastSeenMs: number;
  pingedMs: number;
  pings = 0;

  constructor(private readonly clock: TestClock) {
    this.lastSeenMs = this.pingedMs = clock.nowMs;
  }

  ping(): void {
    this.pings++;
    this.pingedMs = this.clock.nowMs;
  }

  markAlive(): void {
    this.lastSeenMs = this.clock.nowMs;
  }
}

const times = { everyMs: 10, pingMs: 30, silenceMs: 100 };

function watched(links = 1, change: Partial<typeof times> = {}) {
  const clock = new TestClock();
  const all = Array.from({ length: links }, () => new TestLink(clock));
  const silent: number[] = [];
  const watch = new LivenessWatch(
    clock,
    { ...times, ...change },
    () => all,
    (link) => void silent.push(all.indexOf(link)),
  );
  watch.start();
  return { clock, all, link: all[0]!, silent, watch };
}

describe("a watch over links", () => {
  test("pings each when its time has come, and no sooner", () => {
    const { clock, link } = watched();
    clock.pass(29);
    expect(link.pings).toBe(0);
    clock.pass(1);
    expect(link.pings).toBe(1);
    clock.pass(30);
    expect(link.pings).toBe(2);
  });

  test("pings at the look that comes a little before the time, not at the one after it", () => {
    const { clock, link } = watched(1, { pingMs: 33 });
    clock.pass(30);
    expect(link.pings).toBe(1);
  });

  test("leaves out a ping where another has just been sent", () => {
    const { clock, link } = watched();
    clock.pass(25);
    link.ping();
    clock.pass(25);
    expect(link.pings).toBe(1);
    clock.pass(10);
    expect(link.pings).toBe(2);
  });

  test("reports a link on which nothing has come for longer than the silence, and does not ping it", () => {
    const { clock, link, silent } = watched();
    clock.pass(100);
    expect(silent).toEqual([]);
    const { pings } = link;
    clock.pass(10);
    expect(silent).toEqual([0]);
    expect(link.pings).toBe(pings);
  });

  test("reports none on which anything came in time, however often", () => {
    const { clock, link, silent } = watched();
    for (let i = 0; i < 5; i++) {
      clock.pass(100);
      link.markAlive();
    }
    expect(silent).toEqual([]);
  });

  test("judges each link for itself", () => {
    const { clock, all, silent } = watched(3);
    clock.pass(60);
    all[1]!.markAlive();
    clock.pass(50);
    expect(silent).toEqual([0, 2]);
    expect(all[1]!.pings).toBe(3);
  });

  test("reports none at a look that comes late: what arrived meanwhile was not read yet", () => {
    const { clock, link, silent } = watched();
    clock.pass(5);
    clock.block(200);
    expect(silent).toEqual([]);
    expect(link.pings).toBe(1);
    clock.pass(9);
    expect(silent).toEqual([]);
    clock.pass(1);
    expect(silent).toEqual([0]);
  });

  test("does report one at a look that comes only a little late", () => {
    const { clock, silent } = watched();
    clock.pass(100);
    clock.block(10 + times.silenceMs / 4);
    expect(silent).toEqual([0]);
    const late = watched();
    late.clock.pass(100);
    late.clock.block(10 + times.silenceMs / 4 + 1);
    expect(late.silent).toEqual([]);
  });

  test("that was stopped neither pings nor reports, even where a report stops it", () => {
    const { clock, link, silent, watch } = watched();
    watch.stop();
    clock.pass(500);
    expect([link.pings, silent]).toEqual([0, []]);
    const other = new TestClock();
    let reports = 0;
    const once = new LivenessWatch(other, times, () => [new TestLink(clock)], () => {
      reports++;
      once.stop();
    });
    other.nowMs += 1_000;
    once.start();
    other.pass(500);
    expect(reports).toBe(1);
  });
});
