/** A link that keeps what is sent on it, and a loop whose turns a test makes. */

import type { FrameV2 } from "../../protocol/mod.ts";
import { framesOf, inShort } from "../../protocol/testing/frames.ts";
import type { FrameSink } from "../link/wire_session.ts";

export class RecordedFrames implements FrameSink {
  /** What was sent and not looked at. */
  readonly #sent: (string | Uint8Array)[] = [];
  #soon: (() => void)[] = [];
  #nowMs = 1_000;

  readonly world = {
    nowMs: () => this.#nowMs,
    soon: (run: () => void) => void this.#soon.push(run),
  };

  send(message: string | Uint8Array): void {
    this.#sent.push(message);
  }

  takesUnsent(): boolean {
    return false;
  }

  drained(): Promise<void> | null {
    return null;
  }

  /** The next turn of the event loop, so many milliseconds later. */
  turn(laterMs = 0): void {
    this.#nowMs += laterMs;
    for (const run of this.#soon.splice(0)) run();
  }

  /** What was sent since the last look; throws if any of it is no frame of wire v2. */
  frames(): FrameV2[] {
    return this.#sent.splice(0).flatMap((message) => framesOf(message as Uint8Array));
  }

  /** The same as hex, by messages. */
  hex(): string[] {
    return this.#sent.splice(0).map((message) => (message as Uint8Array).toHex());
  }

  /** The same by messages, with each frame in short: STREAM by its text, others by their type. */
  messages(): string[][] {
    return this.#sent.splice(0).map((message) => framesOf(message as Uint8Array).map(inShort));
  }
}

/** Resolves with whether the promise has settled once everything that is ready has run. */
export async function isSettled(promise: Promise<unknown> | null): Promise<boolean> {
  let settled = promise === null;
  void promise?.then(() => settled = true, () => settled = true);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return settled;
}
