/** One socket's life: dialled, greeted, served, watched, ended. */

import {
  CloseCode,
  MAX_MALFORMED_IN_A_ROW,
  type RegisterV2,
  type Status,
  SUBPROTOCOL_V2,
} from "../../protocol/mod.ts";
import type { Outlet, WireEvent, WireSession } from "./wire_session.ts";
import { WireSessionV1 } from "./wire_session_v1.ts";
import { WireSessionV2 } from "./wire_session_v2.ts";
import { closeError, dialError, type LinkError } from "./link_error.ts";
import type { Runner } from "../run/runner.ts";
import { Watchdog } from "./watchdog.ts";
import { type CancelTimer, type ClientSocket, pause, type World } from "../world.ts";

/** How long the gateway may take to accept a connection. */
const OPEN_WITHIN_MS = 20_000;
/** A server that agreed to v2 and does not say HELLO within this time agrees to anything: it is greeted in v1. */
const HELLO_WITHIN_MS = 1_500;
/** What a gateway has sent before it reads that the node has moved arrives within this time. */
const CROSSING_MS = 1_000;
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
  /** What the node is now. */
  register: () => RegisterV2;
  runner: Runner;
  world: World;
  /** Whether wire v2 is asked for. */
  asksForV2: boolean;
  /** REGISTER was sent. */
  onOpen(): void;
}

export interface ConnectionEnd extends LinkError {
  /** How long the link was open, in milliseconds; 0 if it never was. */
  livedMs: number;
}

export class Connection implements Outlet {
  /** Resolves once, when the socket is gone for whatever reason. */
  readonly ended: Promise<ConnectionEnd>;
  #resolve: (ending: ConnectionEnd) => void = () => {};
  /** Resolves when the gateway says that it leaves, with the time within which it wants to be left. */
  readonly leaving: Promise<{ redialWithinMs: number }>;
  #resolveLeaving: (leaving: { redialWithinMs: number }) => void = () => {};
  readonly #socket: ClientSocket;
  readonly #watchdog: Watchdog;
  #dialect: WireSession = new WireSessionV1(this);
  #cancelTimer: CancelTimer;
  #openedMs: number | null = null;
  /** A subprotocol was agreed on, which some servers do with any: v2 is spoken once it is heard. */
  #awaitsHello = false;
  #isGreeted = false;
  #isOver = false;
  #malformedInARow = 0;
  #lastError: unknown = null;

  constructor(private readonly options: ConnectionOptions) {
    const { url, token, world, asksForV2 } = options;
    const protocols = asksForV2 ? [SUBPROTOCOL_V2] : [];
    this.ended = new Promise((resolve) => this.#resolve = resolve);
    this.leaving = new Promise((resolve) => this.#resolveLeaving = resolve);
    this.#socket = world.connect(url.href, { "Client-Token": token }, protocols);
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

  send(message: string | Uint8Array<ArrayBuffer>): void {
    if (!this.#isOver && this.#openedMs !== null) this.#socket.send(message);
  }

  /** Tells the gateway that the node's state has changed, where the link's version has a word for it. */
  announce(status: Status): void {
    this.#dialect.announce(status);
  }

  /** Tells the gateway that the node's models have changed; before the greeting there is no need to. */
  offer(): void {
    if (this.#isGreeted) this.#dialect.offer(this.options.register());
  }

  drained(signal: AbortSignal): Promise<void> | null {
    return this.#socket.bufferedAmount <= HIGH_WATER_BYTES ? null : this.#drain(signal);
  }

  async #drain(signal: AbortSignal): Promise<void> {
    while (this.#socket.bufferedAmount > LOW_WATER_BYTES && !signal.aborted && !this.#isOver) {
      await pause(this.options.world, DRAIN_LOOK_MS, signal);
    }
  }

  /** The node is served by another gateway now: this one gets no more work, and ends what runs. */
  async moveOut(): Promise<void> {
    const { runner, world } = this.options;
    this.announce({ state: "draining", reason: "this node has moved to another gateway" });
    // Calls may be on their way that were sent before this was read.
    await pause(world, CROSSING_MS, new AbortController().signal);
    await runner.idle(this);
    this.close(CloseCode.normal, "this node has moved to another gateway");
  }

  /** Says goodbye, and hangs up if it is not answered. */
  close(code: number, reason: string): void {
    if (this.#isOver) return;
    if (this.#openedMs === null) return this.#cut(reason);
    this.#cancelTimer();
    this.#cancelTimer = this.options.world.after(CLOSE_WITHIN_MS, () => this.#cut(reason));
    this.#socket.close(code, reason);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.addEventListener("open", () => this.#open());
    socket.addEventListener("message", (event) => {
      this.#watchdog.heard();
      const { data } = event as { data: string | ArrayBuffer };
      // Whoever begins in text speaks v1, whatever was agreed.
      if (this.#awaitsHello && typeof data === "string") this.#speakV1();
      this.#obey(this.#dialect.read(typeof data === "string" ? data : new Uint8Array(data)));
    });
    socket.addEventListener("ping", () => this.#watchdog.heard());
    socket.addEventListener("pong", () => this.#watchdog.heard());
    socket.addEventListener("error", (event) => this.#lastError = event);
    socket.addEventListener("close", (event) => {
      const { code, reason } = event as { code: number; reason: string };
      this.#end(this.#openedMs === null ? dialError(this.#lastError) : closeError(code, reason));
    });
  }

  #open(): void {
    if (this.#isOver) return;
    this.#cancelTimer();
    this.#openedMs = this.options.world.nowMs();
    this.#watchdog.start();
    if (this.#socket.protocol === SUBPROTOCOL_V2) this.#awaitHello();
    else this.#greet();
  }

  #awaitHello(): void {
    this.#awaitsHello = true;
    this.#dialect = new WireSessionV2(this, this.options.world);
    this.#cancelTimer = this.options.world.after(HELLO_WITHIN_MS, () => this.#speakV1());
  }

  #speakV1(): void {
    this.#dialect = new WireSessionV1(this);
    this.#greet();
  }

  #greet(): void {
    this.#awaitsHello = false;
    this.#isGreeted = true;
    this.#cancelTimer();
    this.#dialect.greet(this.options.register());
    this.options.onOpen();
  }

  #obey(asked: WireEvent): void {
    if (this.#isOver) return;
    const { runner, world } = this.options;
    this.#malformedInARow = asked.kind === "malformed" ? this.#malformedInARow + 1 : 0;
    switch (asked.kind) {
      case "run":
        return runner.take(asked.call, asked.reply, this);
      case "cancel":
        return runner.cancel(asked.id);
      case "notice":
        return world.log.warn(
          { code: asked.code },
          `the gateway says: ${printable(asked.message)}`,
        );
      case "leaving":
        this.#resolveLeaving(asked);
        return world.log.info({}, `the gateway is leaving: ${printable(asked.reason)}`);
      case "greet":
        return this.#greet();
      case "malformed":
        world.log.debug({ reason: asked.reason }, "ignored a malformed frame");
        if (this.#malformedInARow >= MAX_MALFORMED_IN_A_ROW) {
          this.close(CloseCode.protocol, "ten malformed frames in a row");
        }
    }
  }

  #probe(): void {
    if (this.#socket.ping) this.#socket.ping();
    else this.#dialect.signOfLife();
  }

  /** Ends without waiting for the other end, which may be unable to answer. */
  #cut(reason: string): void {
    this.#end({ reason, needsOwner: false });
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  /** The one ending: whatever ran on this link has lost its way back. */
  #end(fault: LinkError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer();
    this.#watchdog.stop();
    this.options.runner.cancelAll(this);
    const livedMs = this.#openedMs === null ? 0 : this.options.world.nowMs() - this.#openedMs;
    this.#resolve({ ...fault, livedMs });
  }
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ").slice(0, 300);
}
