/** A caller at the level of its socket: one that sends half a request, or stops reading, as no HTTP client would. */

import { connect, type Socket } from "node:net";
import { endAfterTests } from "./cleanup.ts";
import { within } from "./wait.ts";

export class RawCaller {
  /** All that was read so far, as text. */
  text = "";
  /** Bytes read so far. */
  bytes = 0;
  /** Resolves when the other end has closed the connection, or cut it. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;

  constructor(gateway: { url: string }) {
    const { hostname, port } = new URL(gateway.url);
    this.#socket = connect(Number(port), hostname);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#socket.on("data", (data) => {
      this.bytes += data.length;
      this.text += data;
    });
    this.#socket.on("close", () => resolve());
    // A cut is an end like any other here.
    this.#socket.on("error", () => resolve());
    endAfterTests(() => void this.#socket.destroy());
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Sends one whole chat call. */
  call(token: string, body: Record<string, unknown>): void {
    const text = JSON.stringify(body);
    this.write(`${headOf(token)}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  /** Takes nothing more; what comes fills the buffers on the way. */
  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  leave(): void {
    this.#socket.destroy();
  }

  async hungUp(deadlineMs?: number): Promise<void> {
    await within("the gateway to hang up", this.closed, deadlineMs);
  }
}

/** The head of a chat call, without its last header and its end. */
export function headOf(token: string): string {
  return [
    "POST /v1/chat/completions HTTP/1.1",
    "host: co-link",
    `authorization: Bearer ${token}`,
    "content-type: application/json",
    "",
  ].join("\r\n");
}
