/** A body of JSON that is passed on while it arrives. */

import { AnswerBody } from "./answer_body.ts";

/** White space may stand before JSON. */
const KEEP_ALIVE = " ";

export class WholeBody extends AnswerBody {
  #hasBegun = false;

  /** Writes a piece of the answer. */
  write(piece: string | Uint8Array): void {
    if (this.isEnded) return;
    this.#hasBegun = true;
    this.deliver(piece);
  }

  /** Writes white space where it means nothing: before the answer. */
  override keepAlive(): void {
    if (!this.isEnded && !this.#hasBegun) this.put(KEEP_ALIVE);
  }

  /** Ends a complete answer. */
  end(): void {
    this.close();
  }

  /**
   * Ends an incomplete answer. The reader has status 200 and must not take what it has for an answer:
   * the connection is cut, and the error in its last bytes is left without its closing brace for the
   * sake of readers who cannot tell a cut from an end (HTTP/1.0).
   */
  breakOff(errorJson: string): void {
    if (this.isEnded) return;
    this.forgetUntaken();
    if (!this.#hasBegun) this.put(errorJson.replace(/\}\s*$/, ""));
    this.cut();
  }
}
