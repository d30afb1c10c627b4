/** Notices that nothing arrives on the link any more, which no runtime's WebSocket client does by itself. */

import { LivenessWatch } from "../../protocol/mod.ts";
import type { World } from "../world.ts";

/** How often the link is checked and probed. */
export const PROBE_EVERY_MS = 10_000;
/** Checked every 10 s, a link is given up after 40 s of silence at the latest. */
const SILENCE_MS = 30_000;

export interface WatchdogOptions {
  /** Asks the other end for a sign of life. */
  probe: () => void;
  /** Whether an answer to a probe can be noticed at all; if not, silence proves nothing. */
  answersProbes: boolean;
  /** Called once, when nothing came for too long. */
  onDead: () => void;
}

export class Watchdog {
  readonly #link: { lastSeenMs: number; pingedMs: number; ping: () => void };
  readonly #watch: LivenessWatch;

  constructor(
    private readonly world: Pick<World, "nowMs" | "after">,
    { probe, answersProbes, onDead }: WatchdogOptions,
  ) {
    this.#link = { lastSeenMs: 0, pingedMs: -Infinity, ping: probe };
    this.#watch = new LivenessWatch(
      { monotonic: () => world.nowMs(), after: (delayMs, task) => world.after(delayMs, task) },
      {
        everyMs: PROBE_EVERY_MS,
        pingMs: PROBE_EVERY_MS,
        silenceMs: answersProbes ? SILENCE_MS : Infinity,
      },
      () => [this.#link],
      () => {
        this.stop();
        onDead();
      },
    );
  }

  start(): void {
    this.markAlive();
    this.#watch.start();
  }

  /** Call it whenever anything at all has arrived from the other end. */
  markAlive(): void {
    this.#link.lastSeenMs = this.world.nowMs();
  }

  stop(): void {
    this.#watch.stop();
  }
}
