/** Penalties that hold at every gateway: told when they are given, kept in Redis for those that come later. */

import type { Log } from "../base/log.ts";
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

type Verdict = Extract<Message, { is: "penalty" | "pardon" }>;

export class SharedPenalties {
  /** By node and model: what was found out last. */
  readonly #untold = new Map<string, Verdict>();
  #isWriting = false;

  constructor(private readonly parts: SharedPenaltiesParts) {
    const { book, id } = parts;
    book.onPunished = (identity, penalty) => void this.#tell(this.#verdict(identity, penalty));
    book.onAbsolved = (identity, model) => {
      void this.#tell({ is: "pardon", from: id, identity, model });
    };
  }

  heard(message: Verdict): void {
    const { book } = this.parts;
    if (message.is === "penalty") this.#adopt(message.penalty);
    else book.clearRemote(message.identity, message.model);
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
    if (this.#isWriting) return;
    this.#isWriting = true;
    for (const verdict of [...this.#untold.values()]) await this.#tell(verdict);
    this.#isWriting = false;
  }

  #adopt({ identity, ...penalty }: PenaltyNotice): void {
    this.parts.book.adopt(identity, { ...penalty, until: this.parts.toLocal(penalty.until) });
  }

  #verdict(identity: string, { isOver: _, ...penalty }: Penalty): Verdict {
    const notice = { ...penalty, identity, until: this.parts.toShared(penalty.until) };
    return { is: "penalty", from: this.parts.id, penalty: notice };
  }

  /** Never rejects: what cannot be told is kept. */
  async #tell(verdict: Verdict): Promise<void> {
    const { bus } = this.parts;
    const { identity, model } = verdict.is === "penalty" ? verdict.penalty : verdict;
    const key = JSON.stringify([identity, model]);
    // An older one must not be told after it.
    const isRoom = this.#untold.size < MAX_UNTOLD || this.#untold.has(key);
    if (isRoom) this.#untold.set(key, verdict);
    try {
      if (verdict.is === "penalty") await bus.writePenalty(verdict.penalty);
      else await bus.erasePenalty(identity, model);
      await bus.tell(verdict);
      if (this.#untold.get(key) === verdict) this.#untold.delete(key);
    } catch (error) {
      this.#isAway(error);
    }
  }

  /** The missing sign of life says it to people. */
  #isAway(error: unknown): void {
    this.parts.log.debug({ cause: String(error) }, "cluster: cannot share a penalty");
  }
}
