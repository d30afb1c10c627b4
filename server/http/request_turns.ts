/** Hands requests to their handler, as many in each turn of the event loop as it has time for. */

import { LoopTurns, type LoopTurnsWorld } from "../base/loop_turns.ts";

/** How long requests may take of one turn. */
const TURN_MS = 5;

export class RequestTurns {
  readonly #turns: LoopTurns;

  constructor(
    private readonly handle: (request: Request) => Response | Promise<Response>,
    world?: LoopTurnsWorld,
  ) {
    this.#turns = new LoopTurns(TURN_MS, world);
  }

  /**
   * Handles the request at once, or in a later turn if this one has been used up. The runtime closes a
   * connection that sends another request before the waiting one is answered, so that each connection
   * has at most one that waits.
   */
  take(request: Request): Response | Promise<Response> {
    const turn = this.#turns.take();
    return turn === null ? this.handle(request) : turn.then(() => this.#handleUnlessGone(request));
  }

  #handleUnlessGone(request: Request): Response | Promise<Response> {
    // Without its caller, no one would read the answer.
    return request.signal.aborted ? new Response(null, { status: 499 }) : this.handle(request);
  }
}
