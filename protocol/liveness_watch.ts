/** Pings links, and notices those on which nothing arrives any more: no WebSocket does so by itself in good time. */

export interface WatchedLink {
  /** When anything last arrived, in monotonic milliseconds. */
  readonly lastSeenMs: number;
  /** When it was last pinged, in monotonic milliseconds. */
  readonly pingedMs: number;
  ping(): void;
}

export interface LivenessTimes {
  /** How often the links are looked at. */
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
    const { everyMs, pingMs, silenceMs } = this.times;
    const nowMs = this.clock.monotonic();
    // What arrived while this process was blocked has not been read yet: no link is judged by it.
    const wasBlocked = elapsedMs - everyMs > silenceMs * BLOCKED;
    for (const link of this.links()) {
      if (nowMs - link.lastSeenMs > silenceMs && !wasBlocked) this.onSilent(link);
      else if (nowMs - link.pingedMs >= pingMs * PING_DUE) link.ping();
    }
  }
}
