/** A node's socket, whatever it speaks: liveness, the attempts that run on it, and what a broken peer does to it. */

import {
  CloseCode,
  IGNORED_WITHIN_MS,
  MAX_IGNORED_BYTES,
  MAX_MALFORMED_IN_A_ROW,
  type Status,
} from "../../protocol/mod.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "./attempt.ts";
import type { NodeConnection, NodeOffer } from "./node.ts";

/** What a Link needs of a WebSocket. Bun's ServerWebSocket is one. */
export interface Socket {
  /** Takes a copy. Bytes sent; −1: queued; 0: dropped. */
  send(message: string | Uint8Array): number;
  /** The peer answers with the same text. */
  ping(text?: string): void;
  close(code: number, reason: string): void;
  /** Ends the connection at once, without a closing handshake. */
  terminate(): void;
  getBufferedAmount(): number;
}

/** What a Link reports to the room that keeps the nodes. */
export interface LinkOwner {
  /** Returns the node's public id. */
  registered(link: Link, offer: NodeOffer, nodeId: string | null): string;
  /** The node changes what it offers, or whether it takes calls. */
  changed(link: Link, status: Status): void;
  /** Something that the log should know. */
  noticed(link: Link, event: string, detail: Record<string, unknown>): void;
  /** A message made this gateway stumble, which is a fault of its own. */
  failed(link: Link, error: unknown): void;
}

/** A node that reads this slowly gets no further calls until it has caught up, in bytes. */
const MAX_SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Late frames of calls that ended are nobody's fault; so many are remembered, and up to twice as many. */
const REMEMBERED_ENDED_ATTEMPTS = 1024;

/** Frames for calls that were never this node's, before the connection ends. */
const MAX_FOREIGN_FRAMES = 10;

/** `Id` is how the dialect names an attempt on the wire; `Open` is what it keeps of one that runs. */
export abstract class Link<Id = unknown, Open extends { sink: AttemptSink } = { sink: AttemptSink }>
  implements NodeConnection {
  protected readonly open = new Map<Id, Open>();
  /** With the bytes that may still come for each. */
  #ended = new Map<Id, number>();
  /** Those before them: both go at once, for to forget one at a time costs a call more than to end it. */
  #endedBefore = this.#ended;
  #malformedInARow = 0;
  #foreign = 0;
  /** Of the minute that began then. */
  #ignoredBytes = 0;
  #ignoredSinceMs = -Infinity;
  #isClosed = false;
  /** Monotonic milliseconds of the last sign of life. */
  heardMs: number;
  pingedMs: number;

  constructor(
    protected readonly socket: Socket,
    protected readonly owner: LinkOwner,
    private readonly monotonic: () => number,
  ) {
    this.heardMs = this.pingedMs = monotonic();
  }

  abstract start(order: Order, sink: AttemptSink): RunningAttempt | null;

  /** This gateway is leaving; the node should look for another one within the time. */
  abstract goAway(reason: string, redialWithinMs: number): void;

  /** Reads one message, once it is known that the link is open. */
  protected abstract read(message: string | Uint8Array): void;

  /** Answers a message that could not be read. */
  protected abstract complain(reason: string): void;

  /**
   * So much of an answer that nobody wants any more is dropped quietly, in bytes: a node may need
   * a moment to stop. One that sends more loses its connection.
   */
  protected abstract readonly lateBytes: number;

  close(code: number, reason: string): void {
    this.#isClosed = true;
    this.socket.close(code, reason);
  }

  /** The peer is gone or does not answer: nothing more will come. */
  drop(): void {
    this.socket.terminate();
  }

  /** Whoever is alive answers, with the same text. */
  ping(text?: string): void {
    this.pingedMs = this.monotonic();
    this.socket.ping(text);
  }

  heard(): void {
    this.heardMs = this.monotonic();
  }

  /** The peer answers a ping, with the text that it carried. */
  ponged(_text: string): void {
    this.heard();
  }

  /** A message from the socket. Never throws. */
  receive(message: string | Uint8Array): void {
    this.heard();
    if (this.#isClosed) return;
    try {
      this.read(message);
    } catch (error) {
      this.owner.failed(this, error);
      this.drop();
    }
  }

  /** The socket has closed: every open attempt is lost. */
  closed(reason: string): void {
    this.#isClosed = true;
    for (const id of [...this.open.keys()]) this.fail(id, { kind: "lost", reason });
  }

  /** Sends what must not be lost: a node that leaves so much unread that it was dropped is hung up on. */
  protected say(message: string | Uint8Array): void {
    if (!this.#isClosed && this.socket.send(message) === 0) this.drop();
  }

  /** Whether anything that it sends is still read. */
  protected get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Whether the node can be sent a call now. */
  protected get takesCalls(): boolean {
    return !this.#isClosed && this.socket.getBufferedAmount() <= MAX_SEND_BUFFER_BYTES;
  }

  protected fail(id: Id, failure: AttemptFailure): void {
    const attempt = this.open.get(id);
    this.end(id);
    attempt?.sink.fail(failure);
  }

  /** The attempt is over: what still comes for it is dropped quietly. */
  protected end(id: Id): void {
    if (!this.open.delete(id)) return;
    this.#ended.set(id, this.lateBytes);
    if (this.#ended.size < REMEMBERED_ENDED_ATTEMPTS) return;
    this.#endedBefore = this.#ended;
    this.#ended = new Map();
  }

  /** A frame came for an attempt that is not open, with so many bytes of an answer. */
  protected notOpen(id: Id, type: string, bytes = 0): void {
    const ended = this.#ended.has(id) ? this.#ended : this.#endedBefore;
    const mayCome = ended.get(id);
    if (mayCome === undefined) return this.foreign(type);
    ended.set(id, mayCome - bytes);
    if (bytes > mayCome) this.floods();
  }

  /** The node goes on and on with answers that nobody wants. */
  protected floods(): void {
    this.close(CloseCode.protocol, "Too much was sent for a call that has ended");
  }

  protected foreign(type: string): void {
    this.#foreign++;
    this.owner.noticed(this, "node sent a frame for a call that is not its own", { type });
    if (this.#foreign >= MAX_FOREIGN_FRAMES) {
      this.close(CloseCode.protocol, "Too many frames for calls that are not this node's");
    }
  }

  /**
   * A frame came that a later version may know. Few are to be expected, and many would be garbage
   * faster than it is collected.
   */
  protected ignored(bytes: number): void {
    const nowMs = this.monotonic();
    if (nowMs - this.#ignoredSinceMs >= IGNORED_WITHIN_MS) {
      this.#ignoredBytes = 0;
      this.#ignoredSinceMs = nowMs;
    }
    this.#ignoredBytes += bytes;
    if (this.#ignoredBytes > MAX_IGNORED_BYTES) {
      this.close(CloseCode.protocol, "Too much was sent that this gateway does not know");
    }
  }

  protected wellFormed(): void {
    this.#malformedInARow = 0;
  }

  protected malformed(reason: string): void {
    this.#malformedInARow++;
    this.owner.noticed(this, "node sent a malformed frame", { reason });
    this.complain(`Cannot read frame: ${reason}`);
    if (this.#malformedInARow >= MAX_MALFORMED_IN_A_ROW) {
      this.close(CloseCode.protocol, "Too many malformed frames in a row");
    }
  }

  /** What a node says of its own trouble, shortened for the log. */
  protected reported(code: number, message: string): void {
    this.owner.noticed(this, "node reports an error", { code, detail: message.slice(0, 200) });
  }
}
