/** One socket's life: dialled, greeted, served, watched, ended. */

import { CloseCode, MAX_MALFORMED_IN_A_ROW, type RegisterData } from "../protocol/mod.ts";
import { type Asked, greeting, type Outlet, read, replyTo, signOfLife } from "./dialect_v1.ts";
import { closeFault, dialFault, type LinkFault } from "./link_fault.ts";
import type { Runner } from "./runner.ts";
import { Watchdog } from "./watchdog.ts";
import { type CancelTimer, type ClientSocket, pause, type World } from "./world.ts";

/** How long the gateway may take to accept a connection. */
const OPEN_WITHIN_MS = 20_000;
/** How long the gateway may take to answer a goodbye. */
const CLOSE_WITHIN_MS = 2_000;
/** From this much unsent on, upstreams are not read until it is below the second. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;
/** Client sockets tell nobody that they drained, so it is looked at this often. */
const DRAIN_LOOK_MS = 20;

export interface ConnectionOptions {
  url: URL;
  token: string;
  register: RegisterData;
  runner: Runner;
  world: World;
  /** REGISTER was sent. */
  onOpen(): void;
}

export interface Ending extends LinkFault {
  /** How long the link was open, in milliseconds; 0 if it never was. */
  livedMs: number;
}

export class Connection implements Outlet {
  /** Resolves once, when the socket is gone for whatever reason. */
  readonly ended: Promise<Ending>;
  #resolve: (ending: Ending) => void = () => {};
  readonly #socket: ClientSocket;
  readonly #watchdog: Watchdog;
  #cancelTimer: CancelTimer;
  #openedMs: number | null = null;
  #isOver = false;
  #malformedInARow = 0;
  #lastError: unknown = null;

  constructor(private readonly options: ConnectionOptions) {
    const { url, token, world } = options;
    this.ended = new Promise((resolve) => this.#resolve = resolve);
    this.#socket = world.connect(url.href, { "Client-Token": token });
    this.#watchdog = new Watchdog(world, {
      answersProbes: this.#socket.ping !== undefined,
      probe: () => this.#probe(),
      onDead: () => this.#cut("disconnected: nothing was heard from the gateway for 40 s"),
    });
    this.#cancelTimer = world.after(
      OPEN_WITHIN_MS,
      () => this.#cut("cannot connect: the server does not answer; check server_url and firewalls"),
    );
    this.#listen();
  }

  send(text: string): void {
    if (!this.#isOver && this.#openedMs !== null) this.#socket.send(text);
  }

  async drained(signal: AbortSignal): Promise<void> {
    if (this.#socket.bufferedAmount <= HIGH_WATER_BYTES) return;
    while (this.#socket.bufferedAmount > LOW_WATER_BYTES && !signal.aborted && !this.#isOver) {
      await pause(this.options.world, DRAIN_LOOK_MS, signal);
    }
  }

  /** Says goodbye, and hangs up if it is not answered. */
  close(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#cancelTimer();
    this.#cancelTimer = this.options.world.after(CLOSE_WITHIN_MS, () => this.#cut(reason));
    this.#socket.close(code, reason);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.addEventListener("open", () => this.#open());
    socket.addEventListener("message", (event) => {
      this.#watchdog.heard();
      const { data } = event as { data: unknown };
      // Binary frames belong to a later version.
      if (typeof data === "string") this.#obey(read(data));
    });
    socket.addEventListener("ping", () => this.#watchdog.heard());
    socket.addEventListener("pong", () => this.#watchdog.heard());
    socket.addEventListener("error", (event) => this.#lastError = event);
    socket.addEventListener("close", (event) => {
      const { code, reason } = event as { code: number; reason: string };
      this.#end(this.#openedMs === null ? dialFault(this.#lastError) : closeFault(code, reason));
    });
  }

  #open(): void {
    if (this.#isOver) return;
    this.#cancelTimer();
    this.#openedMs = this.options.world.nowMs();
    this.#watchdog.start();
    this.send(greeting(this.options.register));
    this.options.onOpen();
  }

  #obey(asked: Asked): void {
    if (this.#isOver) return;
    const { runner, world } = this.options;
    this.#malformedInARow = asked.kind === "malformed" ? this.#malformedInARow + 1 : 0;
    switch (asked.kind) {
      case "run":
        return runner.take(asked.call, replyTo(asked.call.id, this));
      case "cancel":
        return runner.cancel(asked.id);
      case "notice":
        return world.log.warn(
          { code: asked.code },
          `the gateway says: ${printable(asked.message)}`,
        );
      case "malformed":
        world.log.debug({ reason: asked.reason }, "ignored a malformed frame");
        if (this.#malformedInARow >= MAX_MALFORMED_IN_A_ROW) {
          this.close(CloseCode.protocol, "ten malformed frames in a row");
        }
    }
  }

  #probe(): void {
    if (this.#socket.ping) this.#socket.ping();
    else this.send(signOfLife);
  }

  /** Ends without waiting for the other end, which may be unable to answer. */
  #cut(reason: string): void {
    this.#end({ reason, needsOwner: false });
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  /** The one ending: whatever ran on this link has lost its way back. */
  #end(fault: LinkFault): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer();
    this.#watchdog.stop();
    this.options.runner.cancelAll();
    const livedMs = this.#openedMs === null ? 0 : this.options.world.nowMs() - this.#openedMs;
    this.#resolve({ ...fault, livedMs });
  }
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ").slice(0, 300);
}
