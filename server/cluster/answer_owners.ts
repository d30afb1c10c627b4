/** Which gateway keeps an answer: one record in Redis for each name of an account. */

import type { AnswerName, AnswerOwner } from "../node/kept_answer.ts";
import type { Bus } from "./bus.ts";

export class AnswerOwners {
  constructor(
    private readonly bus: Pick<
      Bus,
      "claimAnswer" | "moveAnswer" | "readAnswer" | "renewAnswer" | "eraseAnswer"
    >,
    /** This gateway. */
    private readonly id: string,
  ) {}

  /** Says that a name belongs to this gateway, unless another has it: returns that one's record. Rejects while Redis is away. */
  async claim(name: AnswerName, callId: string, keepMs: number): Promise<AnswerOwner | null> {
    const own = { gateway: this.id, callId };
    const standing = await this.bus.claimAnswer(placeOf(name), own, Math.ceil(keepMs));
    return standing.gateway === this.id ? null : standing;
  }

  /** Says that this gateway's name belongs to another one from now on; another gateway's stays its own. Rejects while Redis is away. */
  move(name: AnswerName, owner: AnswerOwner, keepMs: number): Promise<void> {
    return this.bus.moveAnswer(this.id, placeOf(name), owner, Math.ceil(keepMs));
  }

  /** Null: no gateway has it, or this one. */
  async find(name: AnswerName): Promise<AnswerOwner | null> {
    const standing = await this.bus.readAnswer(placeOf(name));
    return standing?.gateway === this.id ? null : standing;
  }

  renew(name: AnswerName, callId: string, keepMs: number): void {
    const own = { gateway: this.id, callId };
    this.bus.renewAnswer(placeOf(name), own, Math.ceil(keepMs)).catch(ignoreError);
  }

  release(name: AnswerName): void {
    this.bus.eraseAnswer(this.id, placeOf(name)).catch(ignoreError);
  }
}

function placeOf({ accountId, kind, name }: AnswerName): string {
  return `${accountId} ${kind} ${name}`;
}

/** Redis is away: the record expires by itself. */
function ignoreError(): void {}
