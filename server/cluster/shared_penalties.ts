/** Penalties that hold at every gateway: told when they are given, kept in Redis for those that come later. */

import type { Log } from "../log.ts";
import type { Penalty, PenaltyBook } from "../node/penalty.ts";
import type { Bus, Message, PenaltyNotice } from "./bus.ts";

export interface SharedPenaltiesParts {
  bus: Pick<Bus, "tell" | "writePenalty" | "erasePenalty" | "readPenalties">;
  log: Log;
  /** This gateway's. */
  id: string;
  book: PenaltyBook;
  /** Between this machine's clock and Redis'. */
  toShared: (localMs: number) => number;
  toLocal: (sharedMs: number) => number;
  now: () => number;
}

/** What was found out while Redis was away, told when it is back; more is not kept. */
const MAX_UNTOLD = 1_000;

export class SharedPenalties {
  readonly #untold = new Map<string, PenaltyNotice>();

  constructor(private readonly parts: SharedPenaltiesParts) {
    const { book } = parts;
    book.onPunished = (identity, penalty) => void this.#punished(identity, penalty);
    book.onAbsolved = (identity, model) => void this.#absolved(identity, model);
  }

  heard(message: Extract<Message, { is: "penalty" | "pardon" }>): void {
    const { book } = this.parts;
    if (message.is === "penalty") this.#adopt(message.penalty);
    else book.pardon(message.identity, message.model);
  }

  /** Takes over what others have found out meanwhile. */
  async read(): Promise<void> {
    const { bus, toShared, now } = this.parts;
    try {
      for (const notice of await bus.readPenalties(toShared(now()))) this.#adopt(notice);
    } catch (error) {
      this.#isAway(error);
    }
  }

  /** Tells what could not be told. */
  async write(): Promise<void> {
    for (const notice of [...this.#untold.values()]) await this.#tell(notice);
  }

  #adopt({ identity, ...penalty }: PenaltyNotice): void {
    this.parts.book.adopt(identity, { ...penalty, until: this.parts.toLocal(penalty.until) });
  }

  async #punished(identity: string, { isOver: _, ...penalty }: Penalty): Promise<void> {
    await this.#tell({ ...penalty, identity, until: this.parts.toShared(penalty.until) });
  }

  async #tell(penalty: PenaltyNotice): Promise<void> {
    const { bus, id } = this.parts;
    const key = JSON.stringify([penalty.identity, penalty.model]);
    try {
      await bus.writePenalty(penalty);
      await bus.tell({ is: "penalty", from: id, penalty });
      this.#untold.delete(key);
    } catch (error) {
      if (this.#untold.size < MAX_UNTOLD) this.#untold.set(key, penalty);
      this.#isAway(error);
    }
  }

  async #absolved(identity: string, model: string | null): Promise<void> {
    const { bus, id } = this.parts;
    try {
      await bus.erasePenalty(identity, model);
      await bus.tell({ is: "pardon", from: id, identity, model });
    } catch (error) {
      this.#isAway(error);
    }
  }

  /** The missing sign of life says it to people. */
  #isAway(error: unknown): void {
    this.parts.log.debug({ cause: String(error) }, "cluster: cannot share a penalty");
  }
}
