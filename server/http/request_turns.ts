/**
 * Hands requests to their handler, and lets the event loop do other work between them. The runtime hands
 * over all requests that one read of a connection brought, thousands if they are short, without a turn
 * of the loop between them.
 */

/** How long requests may take of one turn. */
const TURN_MS = 5;

export interface RequestTurnsWorld {
  monotonic(): number;
  /** Runs the task in the loop's next turn. */
  soon(task: () => void): void;
}

const systemWorld: RequestTurnsWorld = {
  monotonic: () => performance.now(),
  soon: (task) => void setImmediate(task),
};

interface Waiting {
  request: Request;
  answer(response: Response | Promise<Response>): void;
}

export class RequestTurns {
  /** When the first request of this turn came; null: none came. */
  #beganMs: number | null = null;
  /** The oldest first. */
  #waiting: Waiting[] = [];
  readonly #endTurn = () => this.#next();

  constructor(
    private readonly handle: (request: Request) => Response | Promise<Response>,
    private readonly world: RequestTurnsWorld = systemWorld,
  ) {}

  /**
   * Handles the request at once, or in a later turn if this one has been used up. The runtime closes a
   * connection that sends another request before the waiting one is answered, so that each connection
   * has at most one that waits.
   */
  take(request: Request): Response | Promise<Response> {
    if (this.#beganMs === null) this.#begin();
    else if (this.#waiting.length > 0 || this.#isOver(this.#beganMs)) return this.#defer(request);
    return this.handle(request);
  }

  #begin(): number {
    this.world.soon(this.#endTurn);
    return this.#beganMs = this.world.monotonic();
  }

  #isOver(beganMs: number): boolean {
    return this.world.monotonic() - beganMs >= TURN_MS;
  }

  #defer(request: Request): Promise<Response> {
    return new Promise((answer) => this.#waiting.push({ request, answer }));
  }

  #next(): void {
    this.#beganMs = null;
    if (this.#waiting.length === 0) return;
    const beganMs = this.#begin();
    let done = 0;
    do {
      const { request, answer } = this.#waiting[done++]!;
      answer(this.#answerOf(request));
    } while (done < this.#waiting.length && !this.#isOver(beganMs));
    this.#waiting.splice(0, done);
  }

  /** A failure rejects the answer of this request only. */
  async #answerOf(request: Request): Promise<Response> {
    // Its caller has gone: no one would read the answer.
    if (request.signal.aborted) return new Response(null, { status: 499 });
    return await this.handle(request);
  }
}
