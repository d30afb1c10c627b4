/** Notices that nothing arrives on the link any more, which no runtime's WebSocket client does by itself. */

import { BUSY_LOOK_MS, LivenessWatch, type WatchedLink } from "../../protocol/mod.ts";
import type { World } from "../world.ts";

/** How often the link is probed; sooner while calls run. */
export const PROBE_EVERY_MS = 10_000;
/** A link is given up soon after so long a silence; sooner while calls run. */
const SILENCE_MS = 20_000;

export interface WatchdogOptions {
  /** Asks the other end for a sign of life. */
  probe: () => void;
  /** Whether an answer to a probe can be noticed at all; if not, silence proves nothing. */
  answersProbes: boolean;
  /** Whether calls run. */
  isBusy: () => boolean;
  /** Called once, when nothing came for too long. */
  onDead: () => void;
}

export class Watchdog {
  readonly #link: ProbedLink;
  readonly #watch: LivenessWatch<ProbedLink>;

  constructor(
    private readonly world: Pick<World, "nowMs" | "after">,
    { probe, answersProbes, isBusy, onDead }: WatchdogOptions,
  ) {
    this.#link = new ProbedLink(world, probe, () => answersProbes && isBusy());
    this.#watch = new LivenessWatch(
      { monotonic: () => world.nowMs(), after: (delayMs, task) => world.after(delayMs, task) },
      {
        everyMs: BUSY_LOOK_MS,
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

class ProbedLink implements WatchedLink {
  lastSeenMs = 0;
  pingedMs = -Infinity;
  askedMs = -Infinity;

  constructor(
    private readonly world: Pick<World, "nowMs">,
    private readonly probe: () => void,
    private readonly hasCalls: () => boolean,
  ) {}

  get isBusy(): boolean {
    return this.hasCalls();
  }

  ping(): void {
    this.pingedMs = this.world.nowMs();
    if (this.askedMs < this.lastSeenMs) this.askedMs = this.pingedMs;
    this.probe();
  }
}
