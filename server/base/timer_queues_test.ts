import { describe, expect, test } from "bun:test";
import { FakeClock } from "./testing/fake_clock.ts";
import { TimerQueues } from "./timer_queues.ts";

/** A runtime whose clock stands still until it is moved. */
function runtime() {
  const clock = new FakeClock();
  /** One entry a bell: whether it keeps the process alive. */
  const bells: { isHeld: boolean }[] = [];
  const queues = new TimerQueues({
    monotonic: () => clock.monotonic(),
    setTimeout(task, delayMs) {
      const bell = { isHeld: true };
      bells.push(bell);
      clock.after(delayMs, task);
      return { ref: () => (bell.isHeld = true), unref: () => (bell.isHeld = false) };
    },
  });
  return { clock, bells, queues };
}

describe("timers of one delay", () => {
  test("ring in order, each at its time, with one bell at a time", async () => {
    const { clock, bells, queues } = runtime();
    const rung: string[] = [];
    const set = (name: string) =>
      queues.after(1_000, () => rung.push(`${name} ${clock.monotonic() - startMs}`));
    const startMs = clock.monotonic();
    set("a");
    set("b");
    await clock.pass(400);
    set("c");
    expect(bells).toHaveLength(1);
    await clock.pass(2_000);
    expect(rung).toEqual(["a 1000", "b 1000", "c 1400"]);
    expect(bells).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  test("do not ring once they were called off, and the others do", async () => {
    const { clock, queues } = runtime();
    const rung: string[] = [];
    const cancel = queues.after(1_000, () => rung.push("a"));
    queues.after(1_000, () => rung.push("b"));
    cancel?.();
    await clock.pass(1_000);
    cancel?.();
    expect(rung).toEqual(["b"]);
  });

  test("may be set and called off by the task of another", async () => {
    const { clock, queues } = runtime();
    const rung: string[] = [];
    let cancel: (() => void) | null = null;
    queues.after(1_000, () => {
      cancel?.();
      queues.after(1_000, () => rung.push("again"));
    });
    cancel = queues.after(1_000, () => rung.push("called off"));
    await clock.pass(1_999);
    expect(rung).toEqual([]);
    await clock.pass(1);
    expect(rung).toEqual(["again"]);
  });

  test("keep the process alive only while one is set", async () => {
    const { clock, bells, queues } = runtime();
    queues.after(1_000, () => {})?.();
    expect(bells).toEqual([{ isHeld: false }]);
    const cancel = queues.after(1_000, () => {});
    expect(bells).toEqual([{ isHeld: true }]);
    cancel?.();
    expect(bells).toEqual([{ isHeld: false }]);
    await clock.pass(10_000);
    expect(clock.pending).toBe(0);
  });
});

test("of too many different delays, the last are left to the runtime until others are over", async () => {
  const { clock, queues } = runtime();
  let rung = 0;
  let left = 0;
  for (let delayMs = 1; delayMs <= 1_000; delayMs++) {
    if (queues.after(delayMs, () => rung++) === null) left++;
  }
  expect(left).toBe(900);
  await clock.pass(1_000);
  expect(rung).toBe(100);
  expect(queues.after(5_000, () => {})).not.toBe(null);
});
