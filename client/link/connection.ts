/** One socket's life: dialled, registered, served, watched, closed. */

import {
  CloseCode,
  MAX_MALFORMED_IN_A_ROW,
  MAX_PARALLEL_LIMIT,
  type RegisterV2,
  type Status,
  SUBPROTOCOL_V2,
} from "../../protocol/mod.ts";
import type { FrameSink, WireEvent, WireSession } from "./wire_session.ts";
import { WireSessionV1 } from "./wire_session_v1.ts";
import { WireSessionV2 } from "./wire_session_v2.ts";
import { closeError, dialCode, dialError, type LinkError } from "./link_error.ts";
import type { Runner } from "../run/runner.ts";
import { Watchdog } from "./watchdog.ts";
import { type CancelTimer, type ClientSocket, pause, type World } from "../world.ts";

/** How long the gateway may take to accept a connection. */
const OPEN_WITHIN_MS = 20_000;
/** A server that agrees to v2 and sends no HELLO within this time agrees to any subprotocol: v1 is spoken. */
const HELLO_WITHIN_MS = 1_500;
/**
 * How long HELLO, and then the answer to REGISTER, may take where a lost session is to go on: its
 * gateway speaks v2, and the link may be lost again before a message has come.
 */
const RESUME_WITHIN_MS = 5_000;
/** Calls that a gateway has sent before it reads that the node has moved arrive within this time. */
const CROSSING_MS = 1_000;
/** How often it is looked whether the gateway has acknowledged all answers. */
const DELIVERY_POLL_MS = 250;
/** How long the gateway may take to answer a close. */
const CLOSE_WITHIN_MS = 2_000;
/** Above this many unsent bytes upstreams are not read, until no more than the second are left. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;
/**
 * So many calls may come while more than the first is unsent. A gateway that reads sends a node no
 * more than it has slots; one that does not read would fill the node's memory with refusals.
 */
const MAX_UNREAD_CALLS = MAX_PARALLEL_LIMIT;
/** Client sockets have no drain event, so their buffer is looked at this often. */
const DRAIN_POLL_MS = 20;

const UNANSWERED = "disconnected: the gateway does not answer";

export interface ConnectionOptions {
  url: URL;
  token: string;
  /** What the node is now. */
  register: () => RegisterV2;
  runner: Runner;
  world: World;
  /** What the link's answers may keep for the gateway together, beyond a floor for each. Default: 16 MiB. */
  readAheadBytes?: (() => number) | undefined;
  /** Whether the node offers to speak wire v2. */
  asksForV2: boolean;
  /** The session of a lost link that may go on over this one; null: there is none. */
  lostSession?: () => WireSessionV2 | null;
  /** How long the gateway may take to accept the connection. Default: 20 s. */
  openWithinMs?: number | undefined;
  /** Called when the gateway has taken the node in. */
  onRegistered(): void;
  /** Called when the gateway has agreed to go on with the lost session, or has not. */
  onLostSettled?: () => void;
}

export interface ConnectionEnd extends LinkError {
  /** How long the link was open, in milliseconds; 0 if it never was. */
  livedMs: number;
  /** The session, if it may go on over another link: its calls run on. */
  session: WireSessionV2 | null;
}

/**
 * Codes with which no end closes a link for good: the connection was lost, a proxy has recycled it, or
 * an end has failed.
 */
const LOST_CODES: ReadonlySet<number> = new Set([1001, 1005, 1006, 1011]);

type Stage = "dialling" | "awaiting hello" | "registered" | "closing" | "ended";

export class Connection implements FrameSink {
  #stage: Stage = "dialling";
  /** Ends the stage if it takes too long. */
  #cancelDeadline: CancelTimer;
  readonly #dialledMs: number;
  #openedMs: number | null = null;
  readonly #socket: ClientSocket;
  readonly #watchdog: Watchdog;
  #session: WireSession = new WireSessionV1(this);
  /** Whether the gateway has said that it keeps to `share_with`. */
  #takesShareWith = false;
  #malformedInARow = 0;
  /** Calls that have come since the gateway has stopped reading. */
  #unreadCalls = 0;
  /** Whether the gateway has sent GOAWAY: not every gateway resumes a session after that. */
  #isLeft = false;
  /** Whether the gateway has taken the node in. */
  #isTakenIn = false;
  #lastError: unknown = null;
  #probedMs: number | null = null;
  #roundTripMs: number | null = null;
  readonly #ended = Promise.withResolvers<ConnectionEnd>();
  readonly #leaving = Promise.withResolvers<{ redialWithinMs: number }>();
  /** Resolves once, when the socket is gone for whatever reason. */
  readonly ended = this.#ended.promise;
  /** Resolves when the gateway says that it leaves, with the time within which nodes shall dial the next one. */
  readonly leaving = this.#leaving.promise;

  constructor(private readonly options: ConnectionOptions) {
    const { url, token, world, asksForV2, openWithinMs = OPEN_WITHIN_MS } = options;
    const protocols = asksForV2 ? [SUBPROTOCOL_V2] : [];
    this.#dialledMs = world.nowMs();
    this.#socket = world.connect(url.href, { "Client-Token": token }, protocols);
    this.#watchdog = new Watchdog(world, {
      answersProbes: this.#socket.ping !== undefined,
      probe: () => this.#probe(),
      // Where calls would be lost with the link, a network that stalls is given more time.
      isBusy: () => resumable(this.#session)?.isBusy ?? false,
      onDead: () => this.#cut("disconnected: the gateway sent nothing for too long", true),
    });
    this.#cancelDeadline = world.after(
      openWithinMs,
      () => this.#cut("cannot connect: the server does not answer; check server_url and firewalls"),
    );
    this.#listen();
  }

  /** The session on the link, which may have begun on an earlier link that was lost. */
  get session(): WireSession {
    return this.#session;
  }

  /** Of the last probe that was answered; null: none was, or the runtime cannot measure it. */
  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    if (this.#openedMs !== null && this.#stage !== "ended") this.#socket.send(message);
  }

  /** Tells the gateway of the node's state, in wire versions that can. */
  announceStatus(status: Status): void {
    this.#session.announceStatus(status);
  }

  /** Tells the gateway what the node offers now. Before REGISTER, which says it, nothing is sent. */
  announceOffer(): void {
    if (this.#stage === "registered") this.#session.announceOffer(this.#offer());
  }

  /** Whether nothing is offered, because the gateway would send calls of everyone to a node that is not for everyone. */
  get isWithheld(): boolean {
    const { share_with = "everyone" } = this.options.register();
    return this.#stage === "registered" && !this.#takesShareWith && share_with !== "everyone";
  }

  drained(signal: AbortSignal): Promise<void> | null {
    return this.#socket.bufferedAmount <= HIGH_WATER_BYTES ? null : this.#drain(signal);
  }

  async #drain(signal: AbortSignal): Promise<void> {
    const isFull = () => this.#socket.bufferedAmount > LOW_WATER_BYTES && this.#stage !== "ended";
    while (isFull() && !signal.aborted) await pause(this.options.world, DRAIN_POLL_MS, signal);
  }

  /** Leaves a gateway once another one serves the node: announces it, and closes when its calls have ended. */
  async retire(): Promise<void> {
    const { runner, world } = this.options;
    const reason = "this node has moved to another gateway";
    this.announceStatus({ state: "draining", reason });
    await pause(world, CROSSING_MS, new AbortController().signal);
    await runner.idle(this.#session);
    await this.#delivered();
    this.close(CloseCode.normal, reason);
  }

  /** Resolves when the gateway has acknowledged the ends of all answers, or this link cannot carry them any more. */
  async #delivered(): Promise<void> {
    const isDue = () => this.#stage === "registered" && resumable(this.#session, true)?.isBusy;
    while (isDue()) {
      await pause(this.options.world, DELIVERY_POLL_MS, new AbortController().signal);
    }
  }

  /** Closes the link; cuts it if the gateway does not answer, or has not accepted it yet. */
  close(code: number, reason: string): void {
    if (this.#stage === "ended") return;
    if (this.#stage === "dialling") return this.#cut(reason);
    this.#enter("closing", CLOSE_WITHIN_MS, () => this.#cut(reason));
    this.#socket.close(code, reason);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.addEventListener("open", () => this.#open());
    socket.addEventListener("message", (event) => {
      this.#watchdog.markAlive();
      const { data } = event as { data: string | ArrayBuffer };
      // A gateway whose first message is text speaks v1, whatever was agreed.
      if (this.#stage === "awaiting hello" && typeof data === "string") this.#speakV1();
      const message = typeof data === "string" ? data : new Uint8Array(data);
      const wireEvent = this.#session.read(message);
      if (wireEvent.kind === "session lost") this.#beginAnew(message);
      else this.#handle(wireEvent);
    });
    socket.addEventListener("ping", () => this.#watchdog.markAlive());
    socket.addEventListener("pong", () => this.#answered());
    socket.addEventListener("error", (event) => this.#lastError = event);
    socket.addEventListener("close", (event) => {
      const { code, reason } = event as { code: number; reason: string };
      if (this.#openedMs === null) void this.#endDial();
      else this.#end(closeError(code, reason), LOST_CODES.has(code));
    });
  }

  async #endDial(): Promise<void> {
    const { url, world } = this.options;
    const elapsedMs = world.nowMs() - this.#dialledMs;
    const code = dialCode(this.#lastError);
    const fault = await world.dialFault?.(code, url, elapsedMs) ?? code;
    this.#end(dialError(this.#lastError, fault), false);
  }

  /** Changes the stage, which clears the deadline of the one before. */
  #enter(stage: Stage, withinMs?: number, onLate: () => void = () => {}): void {
    this.#stage = stage;
    this.#cancelDeadline();
    if (withinMs !== undefined) this.#cancelDeadline = this.options.world.after(withinMs, onLate);
  }

  #open(): void {
    if (this.#stage !== "dialling") return;
    this.#openedMs = this.options.world.nowMs();
    this.#watchdog.start();
    if (this.#socket.protocol === SUBPROTOCOL_V2) {
      this.#session = this.#newSession();
      if (this.#lost === null) {
        this.#enter("awaiting hello", HELLO_WITHIN_MS, () => this.#speakV1());
      } else this.#enter("awaiting hello", RESUME_WITHIN_MS, () => this.#cut(UNANSWERED));
    } else {
      this.#register();
    }
  }

  #newSession(): WireSessionV2 {
    const { world, readAheadBytes } = this.options;
    return new WireSessionV2(this, world, readAheadBytes);
  }

  #speakV1(): void {
    this.#session = new WireSessionV1(this);
    this.#register();
  }

  #register(): void {
    this.#enter("registered");
    if (this.#session === this.#lost) {
      this.#enter("registered", RESUME_WITHIN_MS, () => this.#cut(UNANSWERED, true));
    }
    this.#session.register(this.#offer());
    // In v1, no answer comes.
    if (this.#session instanceof WireSessionV1) this.#takenIn();
    // Measures the round trip to the gateway at once.
    if (this.#socket.ping) this.#probe();
  }

  #offer(): RegisterV2 {
    const offer = this.options.register();
    if (!this.isWithheld) return offer;
    this.options.world.log.warn(
      { share_with: offer.share_with },
      "this gateway is too old to honour share_with: no model is offered to it until it is updated",
    );
    return { ...offer, models: [], capabilities: {} };
  }

  #handle(event: WireEvent): void {
    if (this.#stage === "closing" || this.#stage === "ended") return;
    const { runner, world } = this.options;
    this.#malformedInARow = event.kind === "malformed" ? this.#malformedInARow + 1 : 0;
    switch (event.kind) {
      case "call":
        runner.take(event.call, event.reply, this.#session);
        return this.#countUnread();
      case "refused":
        return this.#countUnread();
      case "cancel":
        return runner.cancel(event.id);
      case "notice":
        return world.log.warn(
          { code: event.code },
          `the gateway says: ${printable(event.message)}`,
        );
      case "goaway":
        this.#isLeft = true;
        this.#leaving.resolve(event);
        return world.log.info({}, `the gateway is leaving: ${printable(event.reason)}`);
      case "hello":
        this.#takesShareWith = event.takesShareWith;
        this.#offerLost();
        return this.#register();
      case "welcomed":
        return this.#takenIn();
      case "resumed":
        this.#enter("registered");
        this.#takenIn();
        this.options.onLostSettled?.();
        for (const id of event.unwanted) runner.cancel(id);
        return world.log.info({}, "the lost link is back: its calls go on");
      case "malformed":
        world.log.debug({ reason: event.reason }, "ignored a malformed frame");
        if (this.#malformedInARow >= MAX_MALFORMED_IN_A_ROW) {
          this.close(CloseCode.protocol, "ten malformed frames in a row");
        }
    }
  }

  /** Repeated confirmations of the gateway count once. */
  #takenIn(): void {
    if (this.#isTakenIn) return;
    this.#isTakenIn = true;
    this.options.onRegistered();
  }

  get #lost(): WireSessionV2 | null {
    return this.options.lostSession?.() ?? null;
  }

  /** Asks the gateway to go on with the session of the link that was lost. */
  #offerLost(): void {
    const lost = this.#lost;
    if (lost === null) return;
    lost.attach(this);
    this.#session = lost;
  }

  /** The gateway has begun another session, and has just said so. */
  #beginAnew(welcome: string | Uint8Array): void {
    this.#enter("registered");
    (this.#session as WireSessionV2).suspend();
    this.options.runner.cancelAll(this.#session);
    this.#session = this.#newSession();
    this.options.onLostSettled?.();
    this.#handle(this.#session.read(welcome));
  }

  #countUnread(): void {
    const isRead = this.#socket.bufferedAmount <= HIGH_WATER_BYTES;
    this.#unreadCalls = isRead ? 0 : this.#unreadCalls + 1;
    if (this.#unreadCalls <= MAX_UNREAD_CALLS) return;
    this.#cut("disconnected: the gateway sends calls and does not read the answers");
  }

  #probe(): void {
    this.#probedMs = this.options.world.nowMs();
    if (this.#socket.ping) this.#socket.ping();
    else this.#session.keepAlive();
  }

  #answered(): void {
    this.#watchdog.markAlive();
    if (this.#probedMs !== null) this.#roundTripMs = this.options.world.nowMs() - this.#probedMs;
    this.#probedMs = null;
  }

  /** Ends without waiting for the other end, which may be unable to answer. */
  #cut(reason: string, isLost = false): void {
    this.#end({ reason, needsOwner: false }, isLost);
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  /** The one ending. The calls of this link are stopped, unless its session may go on over another one. */
  #end(error: LinkError, isLost: boolean): void {
    if (this.#stage === "ended") return;
    const mayGoOn = isLost && this.#stage === "registered";
    this.#enter("ended");
    this.#watchdog.stop();
    const livedMs = this.#openedMs === null ? 0 : this.options.world.nowMs() - this.#openedMs;
    this.#ended.resolve({ ...error, livedMs, session: this.#kept(mayGoOn) });
  }

  #kept(mayGoOn: boolean): WireSessionV2 | null {
    const session = mayGoOn ? resumable(this.#session, this.#isLeft) : null;
    if (session === null) this.options.runner.cancelAll(this.#session);
    else session.suspend();
    return session;
  }
}

/** The session, if it can go on over another link. */
function resumable(session: WireSession, isLeft = false): WireSessionV2 | null {
  if (!(session instanceof WireSessionV2) || session.resumeMs === 0) return null;
  return !isLeft || session.resumesAfterGoaway ? session : null;
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ").slice(0, 300);
}
