/** A v1 gateway of one page, for tests: takes nodes, sends them calls, remembers what came back. */

import type { Server, ServerWebSocket } from "bun";
import {
  decode,
  encodeCall,
  encodeError,
  type ErrorData,
  type RegisterData,
} from "../../protocol/mod.ts";

/** How one call ended, and its pieces. */
export interface Ended {
  pieces: string[];
  /** Null: FINISH. */
  error: ErrorData | null;
}

interface Pending {
  pieces: string[];
  resolve(ended: Ended): void;
  onPiece?: ((text: string) => void) | undefined;
}

export class StubGateway {
  /** REGISTER of every node, in order. */
  readonly registers: RegisterData[] = [];
  /** How every link was closed by its node. */
  readonly closes: { code: number; reason: string }[] = [];
  readonly tokens: (string | null)[] = [];
  /** All text that came from nodes. */
  transcript = "";
  /** Answers upgrades with this status instead, while it is set. */
  refuseWith: number | null = null;
  readonly #server: Server<undefined>;
  readonly #calls = new Map<string, Pending>();
  #sockets: ServerWebSocket<undefined>[] = [];
  #waiting: { test: () => boolean; resolve: () => void }[] = [];
  #nextId = 1;

  constructor() {
    this.#server = Bun.serve<undefined>({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) => {
        this.tokens.push(request.headers.get("client-token"));
        const status = new URL(request.url).pathname === "/ws" ? this.refuseWith : 404;
        this.#settle();
        if (status !== null) return new Response("no", { status });
        return server.upgrade(request) ? undefined : new Response("no", { status: 426 });
      },
      websocket: {
        maxPayloadLength: 8 << 20,
        open: (socket) => {
          this.#sockets.push(socket);
          // Bun agrees to any subprotocol; a first word in text tells the node that this is v1.
          socket.send('{"type":"READY","data":{}}');
        },
        message: (_, text) => this.#receive(String(text)),
        close: (socket, code, reason) => {
          this.#sockets = this.#sockets.filter((other) => other !== socket);
          this.closes.push({ code, reason });
          this.#settle();
        },
      },
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#server.port}/ws`;
  }

  /** Waits until something holds; looked at whenever anything happens here. */
  until(test: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ test, resolve });
      this.#settle();
    });
  }

  /** Waits for the n-th REGISTER, counted from 1. */
  async registered(count = 1): Promise<RegisterData> {
    await this.until(() => this.registers.length >= count);
    return this.registers[count - 1]!;
  }

  /** Sends a call to the newest node; `ended` tells how it went. */
  call(
    model: string,
    payload: object | string,
    onPiece?: (text: string) => void,
  ): { id: string; ended: Promise<Ended> } {
    const id = `req-${this.#nextId++}`;
    const ended = new Promise<Ended>((resolve) =>
      this.#calls.set(id, { pieces: [], resolve, onPiece })
    );
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    this.send(encodeCall(id, model, text));
    return { id, ended };
  }

  cancel(id: string): void {
    this.send(encodeError({ request_id: id, code: 499, message: "caller gone" }));
  }

  send(text: string): void {
    this.#sockets.at(-1)!.send(text);
  }

  /** Closes every link with a code. */
  hangUp(code: number, reason: string): void {
    for (const socket of this.#sockets) socket.close(code, reason);
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  #receive(text: string): void {
    this.transcript += text;
    const decoded = decode(text);
    if (decoded.kind !== "frame") throw new Error(`a node sent ${decoded.kind}: ${text}`);
    const { frame, bodyText } = decoded;
    if (frame.type === "REGISTER") this.registers.push(frame.data);
    else if (frame.type === "STREAM") {
      const pending = this.#calls.get(frame.data.request_id);
      pending?.pieces.push(bodyText);
      pending?.onPiece?.(bodyText);
    } else if (frame.type !== "CALL") {
      const id = frame.data.request_id ?? "";
      const pending = this.#calls.get(id);
      this.#calls.delete(id);
      const error = frame.type === "ERROR" ? frame.data : null;
      pending?.resolve({ pieces: pending.pieces, error });
    }
    this.#settle();
  }

  #settle(): void {
    const met = this.#waiting.filter(({ test }) => test());
    this.#waiting = this.#waiting.filter((entry) => !met.includes(entry));
    for (const { resolve } of met) resolve();
  }
}
