/** Sends the frames that one turn of the event loop has for a node together. */

import type { NodeSocket, Socket } from "./link.ts";

/** Larger frames are sent at once: copying them would cost more than their system call. */
const MAX_BATCHED_BYTES = 4 * 1024;

/** What the runtime sends with one system call. */
const MAX_WAITING_BYTES = 16 * 1024;

export class TurnBatches {
  #waiting: BatchedSocket[] = [];

  /** `afterTurn` runs a task once what has arrived was handled. */
  constructor(private readonly afterTurn: (task: () => void) => void) {}

  /** The same socket, whose small frames wait for the end of the turn: a system call for each costs more than the frame. */
  over(socket: NodeSocket): Socket {
    return new BatchedSocket(socket, this.#begun);
  }

  readonly #begun = (socket: BatchedSocket): void => {
    if (this.#waiting.push(socket) === 1) this.afterTurn(this.#send);
  };

  readonly #send = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const socket of waiting) socket.flush();
  };
}

/** Keeps the order of all that it sends. */
class BatchedSocket implements Socket {
  #frames: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(
    private readonly socket: NodeSocket,
    private readonly onBegun: (socket: BatchedSocket) => void,
  ) {}

  send(message: string | Uint8Array): number {
    if (typeof message === "string" || message.byteLength > MAX_BATCHED_BYTES) {
      this.flush();
      return this.socket.send(message);
    }
    this.#waitingBytes += message.byteLength;
    const count = this.#frames.push(message.slice());
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.flush();
    else if (count === 1) this.onBegun(this);
    return message.byteLength;
  }

  ping(text?: string): void {
    this.flush();
    this.socket.ping(text);
  }

  close(code: number, reason: string): void {
    this.flush();
    this.socket.close(code, reason);
  }

  terminate(): void {
    this.#take();
    this.socket.terminate();
  }

  getBufferedAmount(): number {
    return this.#waitingBytes + this.socket.getBufferedAmount();
  }

  /** Sends what waits. A frame that is dropped leaves a gap, and ends the connection as Link.send does. */
  flush(): void {
    const frames = this.#take();
    if (frames.length === 0) return;
    const send = () => frames.forEach((frame) => this.#send(frame));
    if (frames.length > 1 && this.socket.cork) this.socket.cork(send);
    else send();
  }

  #take(): Uint8Array[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#waitingBytes = 0;
    return frames;
  }

  #send(frame: Uint8Array): void {
    if (this.socket.send(frame) === 0) this.socket.terminate();
  }
}
