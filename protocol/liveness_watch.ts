/** Pings links, and notices those on which nothing arrives any more: no WebSocket does so by itself in good time. */

export interface WatchedLink {
  /** When anything last arrived, in monotonic milliseconds. */
  readonly lastSeenMs: number;
  /** When it was last pinged, in monotonic milliseconds. */
  readonly pingedMs: number;
  /** Whether calls run on it, so that its end is noticed sooner. Absent: it is not. */
  readonly isBusy?: boolean;
  /** When it was first pinged since anything last arrived, in monotonic milliseconds. */
  readonly askedMs?: number;
  ping(): void;
}

/**
 * A link on which calls run is looked at and, where nothing has arrived meanwhile, pinged so often; it
 * is silent when a ping got no sign of life for so long. Its end is noticed within two looks, the wait
 * for an answer, and one more look: 10 s, in a process that runs.
 */
export const BUSY_LOOK_MS = 2_000;
export const BUSY_ANSWER_MS = 5_500;

export interface LivenessTimes {
  /** How often the links are looked at; busy ones need BUSY_LOOK_MS or less. */
  everyMs: number;
  /** How often each link is pinged; at most at every look. */
  pingMs: number;
  /** A link is silent when nothing has arrived for longer than this. */
  silenceMs: number;
}

export interface LivenessClock {
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Runs `task` once after the delay; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** Timers fire a little early or late: a ping is due from this part of its time on. */
const PING_DUE = 0.9;

/** A look that comes later than this part of the silence proves that this process did not run. */
const BLOCKED = 0.25;

export class LivenessWatch<L extends WatchedLink = WatchedLink> {
  #cancelLook: () => void = () => {};

  /** `onSilent` is called at every look with each silent link that `links` still returns. */
  constructor(
    private readonly clock: LivenessClock,
    private readonly times: LivenessTimes,
    private readonly links: () => Iterable<L>,
    private readonly onSilent: (link: L) => void,
  ) {}

  start(): void {
    const { clock, times } = this;
    const startedMs = clock.monotonic();
    this.#cancelLook = clock.after(times.everyMs, () => {
      this.start();
      this.#look(clock.monotonic() - startedMs);
    });
  }

  stop(): void {
    this.#cancelLook();
  }

  #look(elapsedMs: number): void {
    const { everyMs } = this.times;
    const nowMs = this.clock.monotonic();
    for (const link of this.links()) {
      const { silentMs, limitMs, pingDueMs } = link.isBusy
        ? this.#busyTimes(link, nowMs)
        : this.#idleTimes(link, nowMs);
      // What arrived while this process was blocked has not been read yet: no link is judged by it.
      const wasBlocked = elapsedMs - everyMs > limitMs * BLOCKED;
      if (silentMs > limitMs && !wasBlocked) this.onSilent(link);
      else if (nowMs >= pingDueMs) link.ping();
    }
  }

  #idleTimes({ lastSeenMs, pingedMs }: L, nowMs: number) {
    const { pingMs, silenceMs } = this.times;
    return {
      silentMs: nowMs - lastSeenMs,
      limitMs: silenceMs,
      pingDueMs: pingedMs + pingMs * PING_DUE,
    };
  }

  #busyTimes({ lastSeenMs, pingedMs, askedMs = -Infinity }: L, nowMs: number) {
    const { pingMs, silenceMs } = this.times;
    const isAsked = askedMs >= lastSeenMs;
    const seenMs = Math.max(lastSeenMs, pingedMs);
    const dueMs = Math.min(pingedMs + pingMs, seenMs + BUSY_LOOK_MS * PING_DUE);
    return {
      silentMs: isAsked ? nowMs - askedMs : 0,
      limitMs: Math.min(BUSY_ANSWER_MS, silenceMs),
      pingDueMs: dueMs,
    };
  }
}
