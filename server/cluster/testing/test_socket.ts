/** A socket without another end: keeps what is done to it. */

import { decodeV2, type FrameV2 } from "../../../protocol/mod.ts";
import type { Socket } from "../../node/link.ts";

export class TestSocket implements Socket {
  readonly sent: Uint8Array[] = [];
  readonly pings: string[] = [];
  closed = 0;
  terminated = 0;
  /** Whether frames are dropped, as when the socket's buffer is full. */
  dropsFrames = false;

  send(message: string | Uint8Array): number {
    this.sent.push(Uint8Array.from(message as Uint8Array));
    return this.dropsFrames ? 0 : message.length;
  }

  ping(text = ""): void {
    this.pings.push(text);
  }

  close(): void {
    this.closed++;
  }

  terminate(): void {
    this.terminated++;
  }

  /** What was sent that is a frame of wire v2. */
  frames(): FrameV2[] {
    return this.sent.flatMap((bytes) => {
      const decoded = decodeV2(bytes);
      return decoded.kind === "frame" ? [decoded.frame] : [];
    });
  }

  getBufferedAmount(): number {
    return 0;
  }
}
