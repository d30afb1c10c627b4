import { describe, expect, test } from "bun:test";
import { FakeClock } from "./testing/fake_clock.ts";
import { TimerQueues } from "./timer_queues.ts";

/** Queues over a fake clock, and the native timers that they have set. */
function runtime() {
  const clock = new FakeClock();
  /** Whether each native timer keeps the process alive. */
  const natives: { isHeld: boolean }[] = [];
  const queues = new TimerQueues({
    monotonic: () => clock.monotonic(),
    setTimeout(task, delayMs) {
      const native = { isHeld: true };
      natives.push(native);
      clock.after(delayMs, task);
      return { ref: () => (native.isHeld = true), unref: () => (native.isHeld = false) };
    },
  });
  return { clock, natives, queues };
}

describe("timers of one delay", () => {
  test("fire in order, each at its time, with one native timer at a time", async () => {
    const { clock, natives, queues } = runtime();
    const fired: string[] = [];
    const set = (name: string) =>
      queues.after(1_000, () => fired.push(`${name} ${clock.monotonic() - startMs}`));
    const startMs = clock.monotonic();
    set("a");
    set("b");
    await clock.pass(400);
    set("c");
    expect(natives).toHaveLength(1);
    await clock.pass(2_000);
    expect(fired).toEqual(["a 1000", "b 1000", "c 1400"]);
    expect(natives).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  test("do not fire once they are cancelled, and the others do", async () => {
    const { clock, queues } = runtime();
    const fired: string[] = [];
    const cancel = queues.after(1_000, () => fired.push("a"));
    queues.after(1_000, () => fired.push("b"));
    cancel?.();
    await clock.pass(1_000);
    cancel?.();
    expect(fired).toEqual(["b"]);
  });

  test("may be set and cancelled by the task of another", async () => {
    const { clock, queues } = runtime();
    const fired: string[] = [];
    let cancel: (() => void) | null = null;
    queues.after(1_000, () => {
      cancel?.();
      queues.after(1_000, () => fired.push("again"));
    });
    cancel = queues.after(1_000, () => fired.push("cancelled"));
    await clock.pass(1_999);
    expect(fired).toEqual([]);
    await clock.pass(1);
    expect(fired).toEqual(["again"]);
  });

  test("keep the process alive only while one is set", async () => {
    const { clock, natives, queues } = runtime();
    queues.after(1_000, () => {})?.();
    expect(natives).toEqual([{ isHeld: false }]);
    const cancel = queues.after(1_000, () => {});
    expect(natives).toEqual([{ isHeld: true }]);
    cancel?.();
    expect(natives).toEqual([{ isHeld: false }]);
    await clock.pass(10_000);
    expect(clock.pending).toBe(0);
  });
});

test("beyond a hundred distinct delays there is no queue, until an earlier one is empty", async () => {
  const { clock, queues } = runtime();
  let fired = 0;
  let refused = 0;
  for (let delayMs = 1; delayMs <= 1_000; delayMs++) {
    if (queues.after(delayMs, () => fired++) === null) refused++;
  }
  expect(refused).toBe(900);
  await clock.pass(1_000);
  expect(fired).toBe(100);
  expect(queues.after(5_000, () => {})).not.toBe(null);
});
