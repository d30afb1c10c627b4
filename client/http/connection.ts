/** One connection to an HTTP server, which carries one request at a time. */

import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import type { Socket, TCPSocketConnectOptions } from "bun";
import { dialFault } from "./dial_fault.ts";
import type { HttpFailure } from "./http_response.ts";
import { PulledResponse } from "./pulled_response.ts";
import { type ResponseEvents, type ResponseHead, ResponseParser } from "./response_parser.ts";

/** How long a connection is kept for the next request, where its server says nothing of it. */
const KEPT_SECONDS = 60;
/** Systems ask for an address that does not answer for minutes: callers have given up by then. */
const DIAL_WITHIN_MS = 15_000;
/** How long a server may take to end its side of a connection that has ended. */
const END_WITHIN_SECONDS = 5;
/** Dead peers of a connection that is silent for long, as while a model thinks, are found by probes. */
const PROBE_AFTER_MS = 60_000;

/** A server's end of a kept connection crosses a request on the way; a later one is its answer to it. */
const STALE_WITHIN_MS = 2_000;

/** The protocol that is asked for, behind its length: see RFC 7301. */
const ALPN = Buffer.from("\x08http/1.1");

/** A read of more is no token of a model: its sender does not wait for the time to pass. */
const LARGE_BYTES = 16 * 1024;

export interface Address {
  hostname: string;
  port: number;
  /** Absent: the connection is not encrypted. */
  tls?: { ca?: string[]; rejectUnauthorized: boolean };
  /** How long it may take to connect, encryption included. Default: 15 s. */
  dialWithinMs?: number;
}

type Handle = Socket<Connection>;

export class Connection implements ResponseEvents {
  #socket: Handle | null = null;
  readonly #dialledMs = performance.now();
  readonly #dialLimit: ReturnType<typeof setTimeout>;
  #isClosed = false;
  #isUnmade = false;
  readonly #parser = new ResponseParser(this);
  /** Absent: the connection waits for the next request. */
  #response: PulledResponse | null = null;
  /** Bytes of the request that the kernel has not taken. */
  #unsent: Buffer | null = null;
  #isPaused = false;
  /** When the request was sent over a kept connection, until the first byte of its response: else null. */
  #sentOverKeptMs: number | null = null;
  /** Whether the server keeps the connection after this response, and how long. */
  #keptSeconds = 0;

  /** `onIdle` is called whenever the connection can carry another request, and `onClose` once, at its end. */
  constructor(
    private readonly address: Address,
    private readonly onIdle: (connection: Connection) => void,
    private readonly onClose: (connection: Connection) => void,
  ) {
    const { hostname, port, tls, dialWithinMs = DIAL_WITHIN_MS } = address;
    const options = {
      hostname,
      port,
      data: this as Connection,
      socket: tls === undefined ? plainHandlers : encryptedHandlers,
      // An address is no server name (RFC 6066), but its certificate is checked for it all the same.
      ...(tls && {
        tls: { ...tls, serverName: isIP(hostname) > 0 ? "" : hostname, ALPNProtocols: ALPN },
      }),
    };
    // The handlers are passed the same error, but for options that are refused at once.
    Bun.connect(options as TCPSocketConnectOptions<Connection>)
      .catch((error) => void this.notMade(error));
    this.#dialLimit = setTimeout(() => this.#fail(late()), dialWithinMs);
  }

  /** Sends a request whose response is `response`. Only on a new connection, or one that is idle. */
  send(request: Buffer, response: PulledResponse): void {
    response.attach(this);
    this.#response = response;
    this.#unsent = request;
    this.#parser.reset();
    if (this.#socket === null) return;
    this.#sentOverKeptMs = performance.now();
    this.#socket.ref();
    this.#socket.timeout(0);
    this.flush();
  }

  /** Ends the connection at once, whatever is on its way: its server stops its work. */
  terminate(): void {
    this.#close();
    this.#socket?.terminate();
  }

  /** Ends a connection that carries no request: its server need not take that for a failure. */
  retire(): void {
    this.#close();
    this.#socket!.end();
    this.#socket!.timeout(END_WITHIN_SECONDS);
  }

  /** What arrives afterwards is dropped. */
  #close(): void {
    clearTimeout(this.#dialLimit);
    this.#response = null;
    this.#isClosed = true;
    this.onClose(this);
  }

  /** Reads on after a pause. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket?.resume();
  }

  head({ status, headers, keepsAlive }: ResponseHead): void {
    this.#keptSeconds = keepsAlive ? keptSeconds(headers.get("keep-alive")) : 0;
    this.#response?.begin(status, headers);
  }

  body(bytes: Uint8Array): void {
    this.#response?.add(bytes);
  }

  end(): void {
    const response = this.#response;
    this.#response = null;
    response?.end();
  }

  opened(socket: Handle): void {
    this.#socket = socket;
    if (this.#isClosed) return void socket.terminate();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_AFTER_MS);
  }

  /** Nothing keeps the request back any more. */
  ready(): void {
    clearTimeout(this.#dialLimit);
    this.flush();
  }

  /** Writes what is left of the request. */
  flush(): void {
    if (this.#unsent === null || this.#isClosed) return;
    const sent = Math.max(0, this.#socket!.write(this.#unsent));
    this.#unsent = sent === this.#unsent.length ? null : this.#unsent.subarray(sent);
  }

  received(bytes: Buffer): void {
    if (this.#isClosed) return;
    // Bytes that belong to no request may come from an attempt to answer the next one.
    if (this.#response === null) return this.terminate();
    this.#sentOverKeptMs = null;
    try {
      const isClean = this.#parser.feed(bytes);
      if (this.#parser.hasEnded) return this.#rest(isClean);
    } catch (error) {
      return this.#fail(error as Error);
    }
    const response = this.#response;
    if (response === null || this.#isPaused) return;
    // After a large piece nothing is read before the next one is asked for: it may be as large.
    if (response.isUnread || (bytes.length >= LARGE_BYTES && !response.isAwaited)) {
      this.#isPaused = true;
      this.#socket!.pause();
    }
  }

  /** The response has come whole: keeps the connection for the next request, if it may carry one. */
  #rest(isClean: boolean): void {
    if (this.#isClosed) return;
    const mayGoOn = isClean && this.#unsent === null && this.#keptSeconds > 0;
    if (!mayGoOn) return this.retire();
    this.resume();
    // An idle connection keeps no program running.
    this.#socket!.unref();
    this.#socket!.timeout(this.#keptSeconds);
    this.onIdle(this);
  }

  /** The server has ended its side: a body without a length ends with it. */
  ended(): void {
    if (this.#response !== null && this.#parser.feedEnd()) this.retire();
  }

  /** No request has come for long, or the server does not end its side. */
  timedOut(): void {
    if (this.#isClosed) this.#socket?.terminate();
    else this.retire();
  }

  /** Fails with the reason for which there is no connection. Called twice by some runtimes. */
  async notMade(error: Error & { code?: string }): Promise<void> {
    if (this.#isClosed || this.#isUnmade) return;
    this.#isUnmade = true;
    const elapsedMs = performance.now() - this.#dialledMs;
    const code = await dialFault(error.code ?? "", { ...this.address, elapsedMs });
    this.#fail(Object.assign(error, { code }));
  }

  closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    if (error === undefined) this.ended();
    this.#fail(error ?? lost());
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    const response = this.#response;
    this.terminate();
    const sentMs = this.#sentOverKeptMs;
    const isStale = sentMs !== null && performance.now() - sentMs < STALE_WITHIN_MS;
    response?.fail(Object.assign(error, { isStale } satisfies HttpFailure));
  }
}

const commonHandlers = {
  data: ({ data }: Handle, bytes: Buffer) => data.received(bytes),
  drain: ({ data }: Handle) => data.flush(),
  end: ({ data }: Handle) => data.ended(),
  close: ({ data }: Handle, error?: Error) => data.closed(error),
  error: ({ data }: Handle, error: Error) => data.closed(error),
  connectError: ({ data }: Handle, error: Error) => void data.notMade(error),
  // Only connections that carry no request have a limit.
  timeout: ({ data }: Handle) => data.timedOut(),
};

const plainHandlers = {
  ...commonHandlers,
  open(socket: Handle) {
    socket.data.opened(socket);
    socket.data.ready();
  },
};

const encryptedHandlers = {
  ...commonHandlers,
  open: (socket: Handle) => socket.data.opened(socket),
  /** Nothing is sent before the server has proved that it has the name. */
  handshake({ data }: Handle, isAuthorized: boolean, error: Error | null) {
    if (isAuthorized) data.ready();
    else data.closed(error ?? lost());
  },
};

/** The connection has ended before the response has. */
function lost(): Error {
  return Object.assign(new Error("The connection was closed"), { code: "ECONNRESET" });
}

/** The server does not answer: its address, or its TLS. */
function late(): Error {
  return Object.assign(new Error("The connection was not made in time"), { code: "ETIMEDOUT" });
}

/** By a `Keep-Alive` header; a second less than it says, because the request is on its way for a while. */
function keptSeconds(header: string | null): number {
  const [, seconds] = /\btimeout=(\d{1,6})\b/.exec(header ?? "") ?? [];
  return seconds === undefined ? KEPT_SECONDS : Math.min(KEPT_SECONDS, Number(seconds) - 1);
}
