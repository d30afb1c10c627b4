/** One node's connection, in either version of the wire: liveness, open attempts, and limits for peers that break the protocol. */

import {
  BESIDE_CALLS_WITHIN_MS,
  CloseCode,
  MAX_BYTES_BESIDE_CALLS,
  MAX_CHANGES_A_MINUTE,
  MAX_MALFORMED_IN_A_ROW,
  MAX_PINGS_A_MINUTE,
  MIN_IGNORED_BYTES,
  type RegisterV2,
  type Status,
} from "../../protocol/mod.ts";
import { EphemeralMap } from "../base/ephemeral_map.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "./attempt.ts";
import type { NodeConnection, NodeOffer } from "./node.ts";

/** What a Link needs of a WebSocket. Bun's ServerWebSocket is one. */
export interface Socket {
  /** Copies the message. Returns the bytes sent; −1: queued under backpressure; 0: dropped. */
  send(message: string | Uint8Array): number;
  /** The peer answers with the same text. */
  ping(text?: string): void;
  close(code: number, reason: string): void;
  /** Ends the connection at once, without a closing handshake. */
  terminate(): void;
  getBufferedAmount(): number;
}

/** The peer of a socket, as authenticated before the upgrade. */
export interface Dialer {
  accountId: string;
  keyId: string;
  /** Stays the same when the key is replaced by a new one. */
  keyFamily: string;
  /** The peer's address: part of the node key of nodes that send no id, as v1 allows. */
  address: string;
  /** The negotiated version of the wire. */
  wire: 1 | 2;
}

/** The data that Bun keeps with each socket. */
export interface SocketData {
  dialer: Dialer;
  link: Link | null;
}

/** A node's socket: at this gateway, or at another one that carries its frames. */
export interface NodeSocket extends Socket {
  /** Sends what `task` sends with one system call. Absent: it cannot. */
  cork?(task: () => void): unknown;
  readonly data: SocketData;
}

/** What a node shows to go on with the session of a lost link. */
export interface ResumeTicket {
  session: string;
  secret: string;
}

/** A node that registers with the session of a lost link. */
export interface ReturningNode {
  ticket: ResumeTicket;
  offer: NodeOffer;
  register: RegisterV2;
  /** Gives it a new session, where another gateway has the one it wants and does not go on with it. */
  begin(): void;
}

/** Receives what happens on a link. */
export interface LinkOwner {
  /** Returns the node's public id. */
  registered(link: Link, offer: NodeOffer, nodeId: string | null, isNew?: boolean): string;
  /**
   * The node wants to go on with the session of a lost link. True: the link that holds it has taken
   * over the socket of this one, or another gateway that may hold it is asked. Absent: sessions cannot
   * be resumed here.
   */
  resume?(link: Link, node: ReturningNode): boolean;
  /** The node changes what it offers, or whether it takes calls. */
  changed(link: Link, status: Status): void;
  /** The node answers a call that it no longer offers what was asked for. */
  offerWithdrawn?(link: Link): void;
  /** Something worth a line in the log. */
  noticed(link: Link, event: string, detail: Record<string, unknown>): void;
  /** Handling a message threw an error, which is a bug of this gateway. */
  failed(link: Link, error: unknown): void;
}

/** With more than this unsent, in bytes, a node gets no further calls until it has caught up. */
export const MAX_SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Late frames of attempts that ended are ignored. Between this number and twice as many attempts are remembered. */
const REMEMBERED_ENDED_ATTEMPTS = 1024;

/** A frame that is logged counts as at least so many bytes that belong to no call: a line costs many times what reading does. */
const NOTICED_BYTES = 8 * 1024;

/** Frames for calls that were never sent to this node, before the connection ends. */
const MAX_FOREIGN_FRAMES = 10;

/** `Id` identifies an attempt on the wire; `Open` is the state of one that runs. */
export abstract class Link<Id = unknown, Open extends { sink: AttemptSink } = { sink: AttemptSink }>
  implements NodeConnection {
  protected readonly open = new EphemeralMap<Id, Open>();
  /** Attempts that ended, each with the bytes that may still come for it. */
  #ended = new Map<Id, number>();
  /** The previous generation; dropped whole, because evicting attempts one by one costs more than ending a call. */
  #endedBefore = this.#ended;
  #malformedInARow = 0;
  #foreign = 0;
  /** Bytes that belong to no call, changes of the offer and pings, in the minute that began at `#minuteSinceMs`. */
  #bytesBesideCalls = 0;
  #changes = 0;
  #pings = 0;
  #minuteSinceMs = -Infinity;
  /** Pings of the gateway that the node has not answered. */
  #unanswered = 0;
  #isClosed = false;
  /** Monotonic milliseconds of the last sign of life. */
  lastSeenMs: number;
  /** When a whole message came last, or it was opened, in monotonic milliseconds. */
  messageMs: number;
  pingedMs: number;
  /** When it was first pinged since anything has arrived. */
  askedMs = -Infinity;

  constructor(
    protected socket: Socket,
    protected readonly owner: LinkOwner,
    private readonly monotonic: () => number,
  ) {
    this.lastSeenMs = this.messageMs = this.pingedMs = monotonic();
  }

  abstract start(order: Order, sink: AttemptSink): RunningAttempt | null;

  /** Whether the end of the link is to be noticed soon. */
  get isBusy(): boolean {
    return false;
  }

  /** Whether the link can go on over another connection. */
  get isResumable(): boolean {
    return false;
  }

  /** Whether calls would be lost with its connection. */
  get losesCalls(): boolean {
    return this.open.size > 0 && !this.isResumable;
  }

  /** What the socket has not sent yet. */
  get unsentBytes(): number {
    return this.socket.getBufferedAmount();
  }

  /** Asks the node to connect to another gateway within the time, because this one is leaving. */
  abstract goAway(reason: string, redialWithinMs: number): void;

  /** Reads one message of an open link. */
  protected abstract read(message: string | Uint8Array): void;

  /** Reports to the peer that a message could not be read. */
  protected abstract reject(reason: string): void;

  /**
   * So many bytes may still come for an attempt that has ended, since a node may need a moment to
   * stop. A node that sends more loses its connection.
   */
  protected abstract readonly lateBytes: number;

  close(code: number, reason: string): void {
    this.#isClosed = true;
    this.socket.close(code, reason);
  }

  /** Cuts the connection without a closing handshake. A session may go on over the next one. */
  drop(): void {
    this.socket.terminate();
  }

  /**
   * Cuts the connection because of what the gateway suspects: calls that cannot go on are not the
   * node's fault, which may be innocent.
   */
  shed(reason: string): void {
    if (this.losesCalls) {
      for (const id of [...this.open.keys()]) this.fail(id, { kind: "interrupted", reason });
    }
    this.drop();
  }

  /** Cuts the connection for good. */
  cut(): void {
    this.#isClosed = true;
    this.drop();
  }

  /** The peer answers with the same text. */
  ping(text?: string): void {
    this.pingedMs = this.monotonic();
    if (this.askedMs < this.lastSeenMs) this.askedMs = this.pingedMs;
    this.sendPing(text);
  }

  protected sendPing(text?: string): void {
    this.#unanswered++;
    this.socket.ping(text);
  }

  /** Called at any sign of life. */
  markAlive(): void {
    this.lastSeenMs = this.monotonic();
  }

  /** Called when the socket takes bytes again. */
  drained(): void {
    this.markAlive();
  }

  /** What the socket has taken and not sent yet is gone. */
  protected unsentGone(): void {}

  /** The node has sent a ping, which the runtime answers. */
  pinged(): void {
    this.markAlive();
    this.#takePing();
  }

  /** The node has sent a pong. */
  ponged(text: string): void {
    this.markAlive();
    if (this.#unanswered === 0) return this.#takePing();
    this.#unanswered--;
    this.answered(text);
  }

  /** Called with the text of a pong that was asked for. */
  protected answered(_text: string): void {}

  /** A message from the socket. Never throws. */
  receive(message: string | Uint8Array): void {
    this.markAlive();
    this.messageMs = this.lastSeenMs;
    if (this.#isClosed) return;
    try {
      this.read(message);
    } catch (error) {
      this.owner.failed(this, error);
      this.cut();
    }
  }

  /** The socket belongs to another link from now on. */
  detach(): void {
    this.#isClosed = true;
  }

  /** The socket has closed: every open attempt is lost. */
  closed(reason: string, _code?: number): void {
    this.#isClosed = true;
    this.unsentGone();
    for (const id of [...this.open.keys()]) this.fail(id, { kind: "lost", reason });
  }

  /** Sends a message that must not be lost: if it is dropped, the link has a gap and is cut. */
  protected send(message: string | Uint8Array): void {
    if (!this.#isClosed && this.socket.send(message) === 0) this.drop();
  }

  /** Whether messages are still read. */
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
    // Must be first: the failure is judged by what the node offers.
    if (isOfferWithdrawn(failure)) this.owner.offerWithdrawn?.(this);
    attempt?.sink.fail(failure);
  }

  /** Ends the attempt: frames that still come for it are ignored. */
  protected end(id: Id): void {
    if (!this.open.delete(id)) return;
    this.#ended.set(id, this.lateBytes);
    if (this.#ended.size < REMEMBERED_ENDED_ATTEMPTS) return;
    this.#endedBefore = this.#ended;
    this.#ended = new Map();
  }

  /** Handles a frame for an attempt that is not open; `bytes` of it are part of an answer. */
  protected takeLate(id: Id, type: string, bytes = 0): void {
    const ended = this.#ended.has(id) ? this.#ended : this.#endedBefore;
    const mayCome = ended.get(id);
    if (mayCome === undefined) return this.takeForeign(type);
    ended.set(id, mayCome - bytes);
    if (bytes > mayCome) this.endFlood();
  }

  /** Ends the connection of a node that goes on answering calls that have ended. */
  protected endFlood(): void {
    this.close(CloseCode.protocol, "Too much was sent for a call that has ended");
  }

  /** Counts a frame that the node may not send: it names no call of the node, or its type is for nodes only. */
  protected takeForeign(type: string): void {
    this.#foreign++;
    this.owner.noticed(this, "node sent a frame for a call that is not its own", { type });
    if (this.#foreign >= MAX_FOREIGN_FRAMES) {
      this.close(CloseCode.protocol, "Too many frames for calls that are not this node's");
    }
  }

  /**
   * Counts what belongs to no running call: no caller pays for reading it. False: there was too much
   * of it, and the connection ends.
   */
  protected takesBeside(bytes: number): boolean {
    this.#beginMinute();
    this.#bytesBesideCalls += Math.max(bytes, MIN_IGNORED_BYTES);
    if (this.#bytesBesideCalls <= MAX_BYTES_BESIDE_CALLS) return true;
    this.close(CloseCode.protocol, "Too many bytes that belong to no call within a minute");
    return false;
  }

  /** Counts a frame of an unknown type, which a later version may define: a few are expected. */
  protected takeUnknown(bytes: number): void {
    this.takesBeside(bytes);
  }

  /** Counts a change of the node's offer. False: there were too many of them, and the connection ends. */
  protected takesChange(): boolean {
    this.#beginMinute();
    if (++this.#changes <= MAX_CHANGES_A_MINUTE) return true;
    this.close(CloseCode.protocol, "Too many changes of the offer within a minute");
    return false;
  }

  /** Counts a sign of life that the node was not asked for. */
  #takePing(): void {
    this.#beginMinute();
    if (++this.#pings <= MAX_PINGS_A_MINUTE || this.#isClosed) return;
    this.close(CloseCode.protocol, "Too many pings within a minute");
  }

  #beginMinute(): void {
    const nowMs = this.monotonic();
    if (nowMs - this.#minuteSinceMs < BESIDE_CALLS_WITHIN_MS) return;
    this.#bytesBesideCalls = 0;
    this.#changes = 0;
    this.#pings = 0;
    this.#minuteSinceMs = nowMs;
  }

  /** A message could be read: malformed ones before it are forgiven. */
  protected wellFormed(): void {
    this.#malformedInARow = 0;
  }

  /** Reports an unreadable message to the peer; several in a row end the connection, as many bytes do. */
  protected malformed(reason: string, bytes: number): void {
    if (!this.takesBeside(Math.max(bytes, NOTICED_BYTES))) return;
    this.#malformedInARow++;
    this.owner.noticed(this, "node sent a malformed frame", { reason });
    this.reject(`Cannot read frame: ${reason}`);
    if (this.#malformedInARow >= MAX_MALFORMED_IN_A_ROW) {
      this.close(CloseCode.protocol, "Too many malformed frames in a row");
    }
  }

  /** Logs an error that the node reports about its connection. */
  protected reported(code: number, message: string): void {
    if (!this.takesBeside(NOTICED_BYTES)) return;
    this.owner.noticed(this, "node reports an error", { code, detail: message.slice(0, 200) });
  }
}

function isOfferWithdrawn(failure: AttemptFailure): boolean {
  return failure.kind === "refused" && failure.error.kind === "offer_withdrawn";
}
