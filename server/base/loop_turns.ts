/**
 * Gives each piece of work a turn of the event loop of its own. The runtime reports all that its threads
 * have completed, such as checks of signatures, in one turn, and runs what awaits each to its end.
 */
export class LoopTurns {
  /** Whether some work has this turn. */
  #isTaken = false;
  /** The oldest first. */
  readonly #waiting: (() => void)[] = [];
  readonly #endTurn = () => this.#next();

  /** `soon`: runs the task in the loop's next turn. */
  constructor(private readonly soon: (task: () => void) => void = setImmediate) {}

  /** Resolves when a turn is the caller's, which may be this one. */
  take(): Promise<void> {
    if (this.#isTaken) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#isTaken = true;
    this.soon(this.#endTurn);
    return Promise.resolve();
  }

  #next(): void {
    const begin = this.#waiting.shift();
    this.#isTaken = begin !== undefined;
    if (begin === undefined) return;
    this.soon(this.#endTurn);
    begin();
  }
}
