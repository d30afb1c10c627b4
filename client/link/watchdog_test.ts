import { expect, test } from "bun:test";
import { PROBE_EVERY_MS, Watchdog } from "./watchdog.ts";

/** A clock that stands still until it is moved. */
function stillClock() {
  let nowMs = 0;
  let timers: { atMs: number; run: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    after(delayMs: number, run: () => void) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      return () => void (timers = timers.filter((other) => other !== timer));
    },
    pass(ms: number) {
      const untilMs = nowMs + ms;
      for (;;) {
        const due = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers = timers.filter((other) => other !== due);
        nowMs = due.atMs;
        due.run();
      }
      nowMs = untilMs;
    },
  };
}

function watched(answersProbes = true, isBusy = false) {
  const clock = stillClock();
  const link = { answersProbes, isBusy, probes: 0, deaths: 0 };
  const watchdog = new Watchdog(clock, {
    answersProbes,
    isBusy: () => link.isBusy,
    probe: () => link.probes++,
    onDead: () => link.deaths++,
  });
  watchdog.start();
  return { clock, link, watchdog };
}

test("a link on which nothing comes is dead within 25 seconds", () => {
  const { clock, link } = watched();
  clock.pass(25_000);
  expect(link).toMatchObject({ probes: 2, deaths: 1 });
});

test("a link that gave any sign of life 20 seconds ago is not dead", () => {
  const { clock, link, watchdog } = watched();
  for (let i = 0; i < 20; i++) {
    clock.pass(2 * PROBE_EVERY_MS);
    watchdog.markAlive();
  }
  expect(link.deaths).toBe(0);
});

test("silence proves nothing where answers to probes cannot be noticed, but probing goes on", () => {
  const { clock, link } = watched(false);
  clock.pass(600_000);
  expect(link).toMatchObject({ probes: 60, deaths: 0 });
});

test("a link is given up once, however long nothing comes afterwards", () => {
  const { clock, link } = watched();
  clock.pass(600_000);
  expect(link).toMatchObject({ probes: 2, deaths: 1 });
});

test("silence counts from the start, not from when the link was dialled", () => {
  const { clock, link, watchdog } = watched();
  watchdog.stop();
  clock.pass(60_000);
  watchdog.start();
  clock.pass(20_000);
  expect(link.deaths).toBe(0);
  clock.pass(10_000);
  expect(link.deaths).toBe(1);
});

test("a watchdog that was stopped looks no more", () => {
  const { clock, link, watchdog } = watched();
  watchdog.stop();
  clock.pass(600_000);
  expect(link).toMatchObject({ probes: 0, deaths: 0 });
});

test("while calls run, a link on which nothing comes is dead within 12 seconds", () => {
  for (let ms = 0; ms < 10_000; ms += 700) {
    const { clock, link, watchdog } = watched();
    clock.pass(ms);
    watchdog.markAlive();
    link.isBusy = true;
    clock.pass(12_000);
    expect(link.deaths).toBe(1);
  }
});

test("while calls run, a probe that is answered in time proves that the link lives", () => {
  const { clock, link, watchdog } = watched(true, true);
  for (let i = 0; i < 20; i++) {
    clock.pass(5_000);
    watchdog.markAlive();
  }
  expect(link.deaths).toBe(0);
});
