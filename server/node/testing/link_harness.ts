/** Links over fake sockets and a fake clock, for the tests of this folder. */

import { decodeV2, encodeJson, type FrameV2, type RegisterData } from "../../../protocol/mod.ts";
import { Budgets } from "../../base/budgets.ts";
import { FakeClock } from "../../base/testing/fake_clock.ts";
import type { Fields, Log } from "../../base/log.ts";
import type { AttemptFailure, Order, RunningAttempt } from "../attempt.ts";
import { ReceivedBody } from "../body.ts";
import { Hub } from "../hub.ts";
import type { SocketData } from "../link.ts";
import { Links } from "../links.ts";
import { OfferBudget } from "../offer_budget.ts";

/** A socket that records what is sent to it. */
export class FakeSocket {
  readonly data: SocketData;
  readonly messages: (string | Uint8Array)[] = [];
  /** The text of each ping. */
  readonly pinged: string[] = [];
  closed: { code: number; reason: string } | null = null;
  isTerminated = false;
  /** What `send` returns; at 0, messages are dropped. */
  sendAnswers = 1;
  buffered = 0;

  constructor(
    { wire = 1 as 1 | 2, accountId = "owner", keyId = "key", address = "10.0.0.1" } = {},
  ) {
    const dialer = { accountId, keyId, keyFamily: keyId, address, wire };
    this.data = { dialer, link: null };
  }

  send(message: string | Uint8Array): number {
    if (this.sendAnswers !== 0) this.messages.push(message.slice());
    return this.sendAnswers;
  }

  ping(text = ""): void {
    this.pinged.push(text);
  }

  get pings(): number {
    return this.pinged.length;
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  terminate(): void {
    this.isTerminated = true;
  }

  getBufferedAmount(): number {
    return this.buffered;
  }

  /** The frames sent to a v1 node. */
  get sent(): { type: string; data: Record<string, unknown> }[] {
    return this.messages.map((text) => JSON.parse(text as string));
  }

  /** The frames sent to a v2 node. */
  get frames(): FrameV2[] {
    return this.messages.map((bytes) => {
      const decoded = decodeV2(bytes as Uint8Array);
      if (decoded.kind !== "frame") throw new Error(`The gateway sent ${JSON.stringify(decoded)}`);
      return decoded.frame;
    });
  }
}

export class LinkHarness {
  readonly clock: FakeClock;
  readonly hub = new Hub();
  /** Every line as level and message: `info node connected`. */
  readonly log: string[] = [];
  /** The calls of the observer: `left public:key/n1 1006 silent`. */
  readonly observed: string[] = [];
  readonly links: Links;
  /** What this process takes, in bytes. */
  residentBytes = 0;
  readonly #handlers;

  constructor(
    {
      maxBufferedBytes = 1 << 20,
      maxFrameBytes = 8 << 20,
      offersPerAccount = 100_000,
      resumeMs = 30_000,
      clock = new FakeClock(),
    } = {},
  ) {
    this.clock = clock;
    const record = (level: keyof Log) => (_fields: Fields, message: string) =>
      void this.log.push(`${level} ${message}`);
    this.links = new Links({
      hub: this.hub,
      clock: this.clock,
      log: {
        debug: record("debug"),
        info: record("info"),
        warn: record("warn"),
        error: record("error"),
      },
      publicId: (nodeKey) => `public:${nodeKey}`,
      offers: new OfferBudget({ offersPerAccount }, new Budgets(), this.clock),
      memory: { residentBytes: () => this.residentBytes, knownBytes: () => 0 },
      observer: {
        connected: ({ who }) =>
          void this.observed.push(`connected ${who.publicId}, ${this.hub.size} in the hub`),
        changed: ({ who, offer }) =>
          void this.observed.push(`changed ${who.publicId} ${offer.models}`),
        noticed: ({ who }, text) => void this.observed.push(`noticed ${who.publicId} ${text}`),
        lent: ({ who }, { open_s }) => void this.observed.push(`lent ${who.publicId} ${open_s}`),
        left: ({ who }, code, isSilent) =>
          void this.observed.push(`left ${who.publicId} ${code}${isSilent ? " silent" : ""}`),
      },
    }, {
      pingMs: 15_000,
      silenceMs: 45_000,
      registerMs: 5_000,
      resumeMs,
      maxFrameBytes,
      maxBufferedBytes,
    });
    this.#handlers = this.links.handlers();
  }

  dial(dialer: ConstructorParameters<typeof FakeSocket>[0] = {}): FakeSocket {
    const socket = new FakeSocket(dialer);
    this.#handlers.open!(socket as never);
    return socket;
  }

  /** The node sends a text message, or an object as JSON. */
  text(socket: FakeSocket, message: unknown): void {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    void this.#handlers.message!(socket as never, text as never);
  }

  /** The node sends a binary message. */
  bytes(socket: FakeSocket, bytes: Uint8Array): void {
    void this.#handlers.message!(socket as never, Buffer.from(bytes) as never);
  }

  /** The node registers, in the socket's version of the wire. */
  register(socket: FakeSocket, change: Partial<RegisterData> = {}): void {
    const data = { max_parallel: 2, models: ["m"], ...change };
    if (socket.data.dialer.wire === 1) this.text(socket, { type: "REGISTER", data });
    else this.bytes(socket, encodeJson("register", 0, { node_id: "n1", ...data }));
  }

  /** The node sends a ping. */
  ping(socket: FakeSocket): void {
    void this.#handlers.ping!(socket as never, Buffer.alloc(0) as never);
  }

  /** The node answers the last ping. */
  pong(socket: FakeSocket): void {
    void this.#handlers.pong!(socket as never, Buffer.from(socket.pinged.at(-1) ?? "") as never);
  }

  /** The socket closes. */
  gone(socket: FakeSocket, code = 1006): void {
    void this.#handlers.close!(socket as never, code, "");
  }

  get ids(): string[] {
    return [...this.hub.nodes()].map((node) => node.who.publicId);
  }
}

/** What the sink of a call received. */
interface Received {
  headers: Readonly<Record<string, string>>[];
  /** Pieces as text. */
  data: string[];
  finished: number;
  failures: AttemptFailure[];
}

export interface StartedCall {
  received: Received;
  /** Null: the connection did not take the call. */
  running: RunningAttempt | null;
}

/** Sends a call to the node, or else to the first one. */
export function call(
  harness: LinkHarness,
  change: Partial<Order> = {},
  node = [...harness.hub.nodes()][0]!,
): StartedCall {
  const received: Received = { headers: [], data: [], finished: 0, failures: [] };
  const order: Order = {
    attemptId: "req-1",
    model: "m",
    endpoint: "/v1/chat/completions",
    body: bodyOf(`{"model":"m","seed":9007199254740993}`),
    stream: false,
    wantsUsage: false,
    streamOptions: null,
    choices: 1,
    headers: null,
    ...change,
  };
  const running = node.connection.start(order, {
    head: (headers) => void received.headers.push(headers),
    data: (piece) => void received.data.push(Buffer.from(piece as string).toString()),
    finish: () => void received.finished++,
    fail: (failure) => void received.failures.push(failure),
  });
  return { received, running };
}

export function bodyOf(text: string): Order["body"] {
  return new ReceivedBody(new TextEncoder().encode(text));
}
