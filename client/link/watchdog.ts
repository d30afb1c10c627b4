/** Notices a link on which nothing comes any more, which no runtime's WebSocket client does by itself. */

import type { CancelTimer, World } from "../world.ts";

/** How often the link is looked at and probed. */
export const PROBE_EVERY_MS = 10_000;
/** Probes in a row that may stay without any sign of life: dead after 40 s at the latest. */
const MAX_UNANSWERED = 3;

export interface WatchedLink {
  /** Asks the other end for a sign of life. */
  probe(): void;
  /** Whether an answer to a probe can be heard at all; if not, silence proves nothing. */
  readonly answersProbes: boolean;
  /** Nothing came for too long. */
  onDead(): void;
}

/**
 * Counts its own probes instead of milliseconds, so that a machine that slept or a loop that was
 * blocked gets the chance to hear what had arrived meanwhile.
 */
export class Watchdog {
  #unanswered = 0;
  #cancel: CancelTimer = () => {};

  constructor(private readonly world: Pick<World, "after">, private readonly link: WatchedLink) {}

  start(): void {
    this.#cancel = this.world.after(PROBE_EVERY_MS, () => this.#look());
  }

  /** Anything at all came from the other end. */
  heard(): void {
    this.#unanswered = 0;
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    if (this.link.answersProbes && ++this.#unanswered > MAX_UNANSWERED) return this.link.onDead();
    this.link.probe();
    this.start();
  }
}
