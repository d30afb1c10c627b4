/**
 * Spreads work over turns of the event loop. The runtime hands over at once all that a turn has brought:
 * thousands of requests that one read of a connection found, or every signature that its threads have
 * checked since.
 */

export interface LoopTurnsWorld {
  monotonic(): number;
  /** Runs the task in the loop's next turn. */
  soon(task: () => void): void;
}

const systemWorld: LoopTurnsWorld = {
  monotonic: () => performance.now(),
  soon: (task) => void setImmediate(task),
};

export class LoopTurns {
  /** When the first work of this turn began; null: none has. */
  #beganMs: number | null = null;
  /** The oldest first. */
  readonly #waiting: (() => void)[] = [];
  readonly #endTurn = () => this.#next();

  /** `turnMs`: how long such work may take of one turn; 0: each piece of it has a turn of its own. */
  constructor(
    private readonly turnMs: number,
    private readonly world: LoopTurnsWorld = systemWorld,
  ) {}

  /** Null: the caller's work may begin at once. Otherwise resolves in the turn in which it may. */
  take(): Promise<void> | null {
    if (this.#beganMs === null) this.#begin();
    else if (this.#waiting.length > 0 || this.#isOver(this.#beganMs)) {
      return new Promise((resolve) => this.#waiting.push(resolve));
    }
    return null;
  }

  #begin(): number {
    this.world.soon(this.#endTurn);
    return this.#beganMs = this.world.monotonic();
  }

  #isOver(beganMs: number): boolean {
    return this.world.monotonic() - beganMs >= this.turnMs;
  }

  #next(): void {
    this.#beganMs = null;
    if (this.#waiting.length > 0) this.#resumeFrom(this.#begin());
  }

  /** Lets the oldest begin, and the next one if this turn, which began then, has time left after it. */
  #resumeFrom(beganMs: number): void {
    this.#waiting.shift()?.();
    if (this.#waiting.length === 0) return;
    afterMicrotasks(() => {
      if (!this.#isOver(beganMs)) this.#resumeFrom(beganMs);
    });
  }
}

/** Runs the task in this turn, behind all that is ready: most work is done after an await, and counts, too. */
function afterMicrotasks(task: () => void): void {
  queueMicrotask(() => process.nextTick(task));
}
