/**
 * Answers that another gateway keeps: asked for over the link with it, and given to a caller here as
 * they come. A caller who reads slowly slows its own answer down, and nothing else on the link.
 */

import type { Clock } from "../base/clock.ts";
import { ColinkError, type ErrorCode, errorKinds } from "../base/error.ts";
import type { UpstreamRejection } from "../node/failure.ts";
import type { AnsweringNode, AnswerReader, AnswerSource } from "../node/kept_answer.ts";

type LeaveCode = "caller_gone" | "caller_too_slow";
type Leave = (code: LeaveCode) => void;

/** One thing that is written to a target. Bytes are in base64. */
export type AnswerPart =
  /** The owner has the answer, and gives it. */
  | { does: "open"; isEnded: boolean }
  | { does: "head"; node: string; headers: Readonly<Record<string, string>> }
  | { does: "queued"; position: number }
  | { does: "data"; bytes: string }
  /** A part of a whole answer, or its last. */
  | { does: "whole"; bytes: string; isLast: boolean }
  | { does: "outgrown" }
  | { does: "end"; isMarked: boolean }
  | { does: "reject"; rejection: UpstreamRejection }
  | {
    does: "fail";
    code: string;
    message: string;
    param: string | null;
    retryAfterMs: number | null;
  };

export type AnswerMessage =
  /** The receiver has an answer for which a caller of the sender asks. */
  | { is: "ask"; ask: number; question: unknown }
  | { is: "answer"; ask: number; part: AnswerPart }
  /** The caller has taken so many bytes. */
  | { is: "taken"; ask: number; bytes: number }
  | { is: "leave"; ask: number; code: LeaveCode };

export interface AnswerRelayParts {
  clock: Clock;
  send: (peer: string, message: AnswerMessage) => void;
}

/** Gives a peer's caller an answer that is kept here. Throws ColinkError. */
export type Serve = (
  question: unknown,
  target: AnswerReader,
) => { leave: Leave; isEnded: boolean } | Promise<{ leave: Leave; isEnded: boolean }>;

/** Receives what happens to a question besides the answer's parts. */
export interface AskListener {
  opened(isEnded: boolean): void;
  /** The gateway is gone or does not answer: the error that the caller gets. */
  lost(): Promise<ColinkError>;
}

/** Bytes that may be on their way to a caller. */
const WINDOW_BYTES = 256 * 1024;
const PIECE_BYTES = 64 * 1024;

/** A gateway of an earlier version does not answer. */
const OPEN_WITHIN_MS = 5_000;

/** Answers that a peer may ask for at a time. */
const MAX_ASKS = 10_000;

export class AnswerRelay {
  /** Answers for callers here, by number. */
  readonly #asked = new Map<number, Asked>();
  /** Answers for callers of peers, by peer and number. */
  readonly #served = new Map<string, Map<number, Served>>();
  #asks = 0;
  /** Set by the owner of the answers. */
  serve: Serve | null = null;

  constructor(private readonly parts: AnswerRelayParts) {}

  /** Asks a linked peer for an answer. Returns how the caller leaves, which returns whether it was still there. */
  ask(
    peer: string,
    question: unknown,
    target: AnswerReader,
    listener: AskListener,
  ): (code: LeaveCode) => boolean {
    const ask = ++this.#asks;
    const { clock, send } = this.parts;
    const asked: Asked = {
      peer,
      target,
      listener,
      takenBytes: 0,
      parts: [],
      cancelTimeout: () => {},
    };
    asked.cancelTimeout = clock.after(OPEN_WITHIN_MS, () => {
      // It may still answer: without a word it would hold the answer for a caller who is gone.
      send(peer, { is: "leave", ask, code: "caller_gone" });
      this.#lose(ask);
    });
    this.#asked.set(ask, asked);
    send(peer, { is: "ask", ask, question });
    return (code) => {
      if (this.#close(ask) === null) return false;
      send(peer, { is: "leave", ask, code });
      return true;
    };
  }

  receive(peer: string, message: AnswerMessage): void {
    switch (message.is) {
      case "ask":
        return void this.#serve(peer, message.ask, message.question);
      case "answer":
        return this.#take(peer, message.ask, message.part);
      case "taken":
        return this.#served.get(peer)?.get(message.ask)?.taken(message.bytes);
      case "leave":
        return this.#left(peer, message.ask, message.code);
    }
  }

  /** The link with the peer has ended: callers on both sides lose their answers, and may come back. */
  peerLost(peer: string): void {
    for (const [ask, asked] of [...this.#asked]) if (asked.peer === peer) this.#lose(ask);
    for (const ask of [...this.#served.get(peer)?.keys() ?? []]) {
      this.#left(peer, ask, "caller_gone");
    }
    this.#served.delete(peer);
  }

  async #serve(peer: string, ask: number, question: unknown): Promise<void> {
    const served = this.#served.get(peer) ?? new Map<number, Served>();
    this.#served.set(peer, served);
    const give = (part: AnswerPart) => this.parts.send(peer, { is: "answer", ask, part });
    const target = new Served(give, () => void served.delete(ask));
    try {
      if (this.serve === null || served.size >= MAX_ASKS) throw unavailable();
      served.set(ask, target);
      const { leave, isEnded } = await this.serve(question, target);
      target.opened(leave, isEnded);
    } catch (error) {
      target.fail(error instanceof ColinkError ? error : unavailable());
    }
  }

  #left(peer: string, ask: number, code: LeaveCode): void {
    const served = this.#served.get(peer)?.get(ask);
    this.#served.get(peer)?.delete(ask);
    served?.leave(code);
  }

  #take(peer: string, ask: number, part: AnswerPart): void {
    const asked = this.#asked.get(ask);
    if (asked === undefined || asked.peer !== peer) return;
    asked.cancelTimeout();
    const { target } = asked;
    switch (part.does) {
      case "open":
        return asked.listener.opened(part.isEnded);
      case "head":
        return target.head({ who: { publicId: part.node } }, part.headers);
      case "queued":
        return target.queued(part.position);
      case "data":
        return this.#give(ask, asked, Buffer.from(part.bytes, "base64"));
      case "whole":
        asked.parts.push(Buffer.from(part.bytes, "base64"));
        if (!part.isLast) return this.#credit(ask, asked, asked.parts.at(-1)!.length);
        this.#close(ask);
        return target.whole(Buffer.concat(asked.parts));
      case "outgrown":
        return target.outgrown();
      case "end":
        this.#close(ask);
        return target.end(part.isMarked);
      case "reject":
        this.#close(ask);
        return target.reject(part.rejection);
      case "fail":
        this.#close(ask);
        return target.fail(errorOf(part));
    }
  }

  #give(ask: number, asked: Asked, bytes: Buffer): void {
    asked.takenBytes += bytes.length;
    const drained = () => {
      const taken = asked.takenBytes;
      asked.takenBytes = 0;
      if (taken > 0) this.#credit(ask, asked, taken);
    };
    if (asked.target.data(bytes, { drained })) drained();
  }

  #credit(ask: number, { peer }: Asked, bytes: number): void {
    if (this.#asked.has(ask)) this.parts.send(peer, { is: "taken", ask, bytes });
  }

  #lose(ask: number): void {
    const asked = this.#close(ask);
    if (asked === null) return;
    void asked.listener.lost().then((error) => asked.target.fail(error));
  }

  #close(ask: number): Asked | null {
    const asked = this.#asked.get(ask);
    if (asked === undefined) return null;
    asked.cancelTimeout();
    this.#asked.delete(ask);
    return asked;
  }
}

interface Asked {
  peer: string;
  target: AnswerReader;
  listener: AskListener;
  /** Given to the caller and not granted to the peer again. */
  takenBytes: number;
  /** Of a whole answer. */
  parts: Buffer[];
  cancelTimeout: () => void;
}

/** A peer's caller, as a target. What is written before it is open is kept until then. */
class Served implements AnswerReader {
  #leave: Leave | null = null;
  #left: LeaveCode | null = null;
  #creditBytes = WINDOW_BYTES;
  #source: AnswerSource | null = null;
  #isOpen = false;
  #early: AnswerPart[] = [];

  constructor(
    private readonly send: (part: AnswerPart) => void,
    private readonly onEnd: () => void,
  ) {}

  opened(leave: Leave, isEnded: boolean): void {
    this.#leave = leave;
    this.#isOpen = true;
    this.send({ does: "open", isEnded });
    for (const part of this.#early.splice(0)) this.send(part);
    if (this.#left !== null) leave(this.#left);
  }

  leave(code: LeaveCode): void {
    this.#left = code;
    this.#leave?.(code);
  }

  taken(bytes: number): void {
    const wasFull = this.#creditBytes <= 0;
    this.#creditBytes += bytes;
    if (wasFull && this.#creditBytes > 0) this.#source?.drained();
  }

  head({ who }: AnsweringNode, headers: Readonly<Record<string, string>>): void {
    this.#give({ does: "head", node: who.publicId, headers });
  }

  queued(position: number): void {
    this.#give({ does: "queued", position });
  }

  data(piece: string | Uint8Array, source: AnswerSource): boolean {
    this.#source = source;
    const bytes = Buffer.from(piece as Uint8Array);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#give({ does: "data", bytes: bytes.toString("base64", at, at + PIECE_BYTES) });
    }
    this.#creditBytes -= bytes.length;
    return this.#creditBytes > 0;
  }

  whole(body: string | Uint8Array): void {
    const bytes = Buffer.from(body as Uint8Array);
    for (let at = 0; at < bytes.length || at === 0; at += PIECE_BYTES) {
      const isLast = at + PIECE_BYTES >= bytes.length;
      this.#give({ does: "whole", bytes: bytes.toString("base64", at, at + PIECE_BYTES), isLast });
    }
    this.onEnd();
  }

  outgrown(): void {
    this.#give({ does: "outgrown" });
  }

  end(isMarked = false): void {
    this.#give({ does: "end", isMarked });
    this.onEnd();
  }

  reject(rejection: UpstreamRejection): void {
    this.#give({ does: "reject", rejection });
    this.onEnd();
  }

  fail({ code, message, param, retryAfterMs }: ColinkError): void {
    // A refusal is an answer, too.
    this.#isOpen = true;
    this.#give({ does: "fail", code, message, param, retryAfterMs });
    this.onEnd();
  }

  #give(part: AnswerPart): void {
    if (this.#isOpen) this.send(part);
    else this.#early.push(part);
  }
}

function errorOf({ code, message, param, retryAfterMs }: Extract<AnswerPart, { does: "fail" }>) {
  const known = Object.hasOwn(errorKinds, code) ? code as ErrorCode : "gateway_lost";
  return new ColinkError(known, message, {
    ...(param === null ? {} : { param }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}

function unavailable(): ColinkError {
  return new ColinkError(
    "gateway_lost",
    "Cannot continue: the call's gateway cannot answer now; try again",
  );
}
