/** A world in a test's hands: its time passes when the test says so, its sockets are fakes, its log is kept. */

import { decode, decodeV2, encodeJson, SUBPROTOCOL_V2 } from "../../protocol/mod.ts";
import { type CancelTimer, type ClientSocket, realWorld, type World } from "../world.ts";

interface Timer {
  atMs: number;
  run: () => void;
}

export class FakeWorld implements World {
  /** Every socket that was dialled, in order. */
  readonly sockets: FakeSocket[] = [];
  /** Messages that were logged, with their level. */
  readonly logged: string[] = [];
  readonly log = this.#logTo();
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  /** `random` is what every draw gives. */
  constructor(private readonly draw = 0.5) {}

  nowMs = () => this.#nowMs;
  todayMs = () => 1_700_000_000_000 + this.#nowMs;
  random = () => this.draw;
  fetch = () => Promise.reject(new Error("no network"));
  soon = realWorld.soon;

  connect = (url: string, headers: Record<string, string>, protocols: string[]): FakeSocket => {
    const socket = new FakeSocket(url, headers, protocols);
    this.sockets.push(socket);
    return socket;
  };

  after = (delayMs: number, run: () => void): CancelTimer => {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** Milliseconds until the next timer, or null where none runs. */
  get nextTimerMs(): number | null {
    const times = [...this.#timers].map(({ atMs }) => atMs - this.#nowMs);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Lets time pass: every timer that is due by then fires in its turn, with all that follows from it. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#nowMs = due.atMs;
      due.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  #logTo(): World["log"] {
    const note = (level: string) => (_: object, message: string) =>
      void this.logged.push(`${level}: ${message}`);
    return { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  }
}

/** Resolves once everything that is ready has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class FakeSocket implements ClientSocket {
  bufferedAmount = 0;
  protocol = "";
  /** Every frame, as its wire and its type: `v1 REGISTER`, `v2 register`. */
  readonly sent: string[] = [];
  /** The data of every frame that has some. */
  readonly data: unknown[] = [];
  /** How the node closed it. */
  closed: { code: number; reason: string } | null = null;
  isTerminated = false;
  pings = 0;
  /** Whether a ping is answered at once. */
  answersPings = true;
  /** Whether a close is answered at once. */
  answersClose = true;
  readonly #listeners = new Map<string, (event: unknown) => void>();

  constructor(
    readonly url = "",
    readonly headers: Readonly<Record<string, string>> = {},
    readonly protocols: readonly string[] = [],
  ) {}

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, listener);
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    const decoded = typeof message === "string" ? decode(message) : decodeV2(message);
    if (decoded.kind !== "frame") throw new Error(`Sent ${decoded.kind}`);
    if ("data" in decoded.frame) this.data.push(decoded.frame.data);
    this.sent.push(`${typeof message === "string" ? "v1" : "v2"} ${decoded.frame.type}`);
  }

  close(code = 1005, reason = ""): void {
    this.closed = { code, reason };
    if (this.answersClose) this.emit("close", { code, reason });
  }

  terminate(): void {
    this.isTerminated = true;
  }

  ping(): void {
    this.pings++;
    if (this.answersPings) this.emit("pong");
  }

  emit(type: string, event: unknown = {}): void {
    this.#listeners.get(type)?.(event);
  }

  /** A message from the gateway. */
  receive(message: string | Uint8Array): void {
    this.emit("message", {
      data: typeof message === "string" ? message : Uint8Array.from(message).buffer,
    });
  }

  /** The gateway accepts the connection, and speaks v2. `more`: further members of its WELCOME. */
  openV2(more: Record<string, unknown> = {}): this {
    this.openHello().receive(welcomeV2(more));
    return this;
  }

  /** The same, as far as the node's REGISTER. */
  openHello(): this {
    this.protocol = SUBPROTOCOL_V2;
    this.emit("open");
    this.receive(encodeJson("hello", 0, { versions: [1, 2] }));
    return this;
  }

  /** The gateway asks to be left. */
  goAway(redialWithinMs: number): void {
    this.receive(encodeJson("goaway", 0, { reason: "restart", redial_within_ms: redialWithinMs }));
  }
}

/** `more`: further members. */
export function welcomeV2(more: Record<string, unknown> = {}): Uint8Array {
  return encodeJson("welcome", 0, {
    session: "s",
    node: "n",
    ping_ms: 1,
    silence_ms: 2,
    window_bytes: 1 << 18,
    max_frame_bytes: 1 << 20,
    ...more,
  });
}
