/** One kept-open HTTP/1.1 connection on a bare socket: requests one after the other, answers as they come. */

import type { Socket } from "bun";
import { type BodyReader, bodyReader } from "./http_body.ts";

/** What becomes of an answer. */
export interface AnswerTaker {
  /** A piece of the body as it came, cut anywhere; only good until this returns. */
  content(piece: Buffer): void;
  end(): void;
  fail(problem: Error): void;
}

const HEAD_END = Buffer.from("\r\n\r\n");

export class HttpSocket {
  #socket: Socket | null = null;
  #taker: AnswerTaker | null = null;
  /** Until the head is whole, all of it that has come. */
  #head: Buffer = Buffer.alloc(0);
  #body: BodyReader | null = null;

  static async connect(port: number): Promise<HttpSocket> {
    const own = new HttpSocket();
    own.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => own.#read(bytes),
        close: () => own.#lost(),
        error: () => own.#lost(),
      },
    });
    own.#socket.setNoDelay(true);
    return own;
  }

  /** Sends a request: head and body, small enough for the kernel to take at once. */
  send(request: Buffer, taker: AnswerTaker): void {
    if (this.#socket === null || this.#taker !== null) {
      throw new Error("Cannot send a request: the connection is closed or busy");
    }
    this.#taker = taker;
    this.#head = Buffer.alloc(0);
    this.#body = null;
    if (this.#socket.write(request) !== request.length) {
      throw new Error("Cannot send a request: the kernel did not take it whole");
    }
  }

  /** Hangs up, whatever was still to come. */
  close(): void {
    this.#taker = null;
    this.#socket?.terminate();
    this.#socket = null;
  }

  #read(bytes: Buffer): void {
    const taker = this.#taker;
    if (taker === null) return;
    const rest = this.#body === null ? this.#readHead(bytes, taker) : bytes;
    if (rest === null || this.#body === null) return;
    const isWhole = this.#body.take(rest, taker.content);
    if (!isWhole || this.#taker === null) return;
    this.#taker = null;
    taker.end();
  }

  /** Returns what of the bytes belongs to the body; null: there is none yet, and may never be. */
  #readHead(bytes: Buffer, taker: AnswerTaker): Buffer | null {
    const come = Buffer.concat([this.#head, bytes]);
    const headEnd = come.indexOf(HEAD_END);
    if (headEnd < 0) {
      this.#head = come;
      return null;
    }
    const head = come.toString("latin1", 0, headEnd);
    if (!head.startsWith("HTTP/1.1 200")) {
      this.close();
      taker.fail(new Error(`Cannot use the answer: ${come.toString("utf8", 0, 1000)}`));
      return null;
    }
    this.#body = bodyReader(head);
    return come.subarray(headEnd + HEAD_END.length);
  }

  #lost(): void {
    const taker = this.#taker;
    this.#taker = null;
    this.#socket = null;
    taker?.fail(new Error("the connection was closed before the answer's end"));
  }
}

/** Whether somebody listens on this port. */
export async function canConnect(port: number): Promise<boolean> {
  try {
    (await HttpSocket.connect(port)).close();
    return true;
  } catch {
    // Refused: not yet.
    return false;
  }
}
