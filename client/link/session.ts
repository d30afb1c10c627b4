/** Keeps a node connected until it is stopped: dials, serves, backs off, reconnects, drains. */

import {
  CloseCode,
  type LentReport,
  type MachineFacts,
  type RegisterV2,
  type Status,
} from "../../protocol/mod.ts";
import { Backoff } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { Pause } from "../policy/gate.ts";
import { dialLastLink } from "./last_link.ts";
import type { Runner } from "../run/runner.ts";
import { type CancelTimer, pause, type World } from "../world.ts";
import type { WireSessionV2 } from "./wire_session_v2.ts";

/** How long upstreams may take to stop once their calls are cancelled. */
const CANCEL_WITHIN_MS = 2_000;

/**
 * While calls wait for a lost link, the gateway is dialled again within the first time, then within the
 * second, however often; and within the third where no call is known here: the gateway may hold some
 * that have never arrived.
 */
const RESUME_FIRST_WITHIN_MS = 400;
const RESUME_WITHIN_MS = 1_000;
const RESUME_IDLE_WITHIN_MS = 4_000;
/** How long it may take to accept such a connection: on a network that has just come back, the first packets may be lost. */
const RESUME_OPEN_WITHIN_MS = 5_000;

/** So many gateways may leave one after the other before the node waits longer than they ask for. */
const RESTARTING_AT_A_TIME = 2;
/** Links to gateways that leave: more of them than any network has gateways that restart at a time. */
const MAX_LEAVING = 32;
/** So many of them that were lost are dialled at a time, or one for each address: one address may lead to several gateways. */
const MIN_RETURNING = 4;
/** A gateway that leaves and asks for no wait is dialled again within this time where no other one has taken the node. */
const MIN_REDIAL_WITHIN_MS = 1_000;

export type SessionState = "idle" | "connecting" | "connected" | "waiting" | "draining" | "stopped";

/** The gateways that a node dials, and the token that it shows them. */
export interface SessionTarget {
  /** Gateways of one network: the next is dialled when one fails or leaves. */
  urls: readonly URL[];
  token: string;
}

export interface SessionOptions extends SessionTarget {
  /** What the node is now. */
  register: () => RegisterV2;
  runner: Runner;
  world: World;
  /** What the answers of a link may keep for the gateway together, beyond a floor for each. Default: 16 MiB. */
  readAheadBytes?: () => number;
}

export class Session {
  #state: SessionState = "idle";
  #lastProblem: string | null = null;
  #target: SessionTarget;
  #pause: Pause | null = null;
  /** UTC milliseconds; null: not connected. */
  #connectedSince: number | null = null;
  /** Ends the wait before the next dial. */
  #wake = new AbortController();
  /** Whether the link ends so that another target is dialled. */
  #isMoving = false;
  #connection: Connection | null = null;
  /** Links to gateways that leave: calls over them finish there. */
  readonly #leaving = new Set<Connection>();
  /** Such links that were lost and are dialled again: what ends each attempt. */
  readonly #returning = new Set<AbortController>();
  /** The time within which the last gateway that leaves asked its nodes to reconnect. */
  #redialWithinMs = 0;
  #urlIndex = 0;
  /** What goes on over the next link, until its time is over; null: no link was lost. */
  #lost: { session: WireSessionV2; cancel: CancelTimer } | null = null;
  readonly #stopping = new AbortController();
  readonly #backoff: Backoff;

  constructor(private readonly options: SessionOptions) {
    this.#target = options;
    this.#backoff = new Backoff(options.world.random);
  }

  /** The gateway that is dialled, without what may be secret in its address. */
  get server(): string {
    return this.#server();
  }

  /** UTC milliseconds; null: not connected. */
  get connectedSince(): number | null {
    return this.#connectedSince;
  }

  /** For how long the node has been connected. */
  get #servedMs(): number {
    return this.#connectedSince === null ? 0 : this.options.world.todayMs() - this.#connectedSince;
  }

  get roundTripMs(): number | null {
    return this.#connection?.roundTripMs ?? null;
  }

  /** Whether nothing is offered to the gateway, which is too old to keep to `share_with`. */
  get isWithheld(): boolean {
    return this.#connection?.isWithheld ?? false;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Why the node was last without a connection, or null if it never was. */
  get lastProblem(): string | null {
    return this.#lastProblem;
  }

  /** Begins to dial, until it is stopped. Harmless twice. */
  start(): void {
    if (this.#state !== "idle") return;
    void this.#run();
  }

  /** Tells the gateway what the node offers now; without a connection, the next REGISTER does. */
  announceOffer(): void {
    this.#connection?.announceOffer();
  }

  /** Asks for no new calls until the pause ends, which null stands for. A node that leaves takes none anyway. */
  announcePause(pause: Pause | null): void {
    this.#pause = pause;
    if (this.#stopping.signal.aborted) return;
    const status = pause === null ? { state: "serving" as const } : this.#statusOf(pause);
    this.#connection?.announceStatus(status);
  }

  #statusOf({ reason, untilMs }: Pause): Status {
    if (untilMs === null) return { state: "paused", reason };
    const resumesInMs = Math.round(untilMs - this.options.world.todayMs());
    return { state: "paused", reason, resumes_in_ms: Math.max(0, resumesInMs) };
  }

  /** Tells the node's owner something, in the gateway's console; without a connection nothing is sent. */
  notifyOwner(reason: string): void {
    this.#connection?.announceStatus({ reason });
  }

  /** Tells the gateway of the machine; where it is not registered yet, the next REGISTER does. */
  announceMachine(machine: MachineFacts): void {
    this.#connection?.announceStatus({ machine });
  }

  /** Tells the node's owner what was given since the last report. */
  reportLent(lent: LentReport): void {
    this.#connection?.announceStatus({ lent });
  }

  /** Dials another target, or with another token: at once, or as soon as the running calls have ended. */
  move(target: SessionTarget): void {
    this.#target = target;
    this.#urlIndex = 0;
    this.#dropLost();
    this.#dropReturning();
    if (this.#state === "connected") {
      this.#isMoving = true;
      void this.#connection?.retire();
    } else this.#wake.abort();
  }

  /** Takes no new calls, lets running ones finish for at most `graceMs`, then leaves. */
  async stop(graceMs: number): Promise<void> {
    if (this.#state === "stopped") return;
    const { runner, world } = this.options;
    const reason = "this node is leaving";
    this.#state = "draining";
    runner.drain();
    for (const link of this.#links()) link.announceStatus({ state: "draining", reason });
    this.#stopping.abort();
    this.#dropLost();
    this.#dropReturning();
    await this.#finishCalls(graceMs);
    runner.cancelAll();
    await this.#finishCalls(CANCEL_WITHIN_MS);
    const links = this.#links();
    for (const link of links) link.close(CloseCode.normal, reason);
    await Promise.all(links.map(({ ended }) => ended));
    // A second stop with a shorter grace may have come here first.
    if (this.state === "stopped") return;
    this.#state = "stopped";
    world.log.info(runner.totals, "stopped");
  }

  async #finishCalls(withinMs: number): Promise<void> {
    const idle = new AbortController();
    const whenIdle = this.options.runner.idle().then(() => idle.abort());
    await Promise.race([whenIdle, pause(this.options.world, withinMs, idle.signal)]);
  }

  async #run(): Promise<void> {
    let asksForV2 = true;
    while (!this.#stopping.signal.aborted) {
      this.#state = "connecting";
      const link = this.#dial(asksForV2);
      const outcome = await Promise.race([link.ended, link.leaving]);
      this.#connection = null;
      const servedMs = this.#servedMs;
      this.#connectedSince = null;
      if ("redialWithinMs" in outcome) this.#leave(link, outcome.redialWithinMs);
      else if (outcome.session !== null) this.#keepLost(outcome.session);
      if (this.#stopping.signal.aborted) return;
      if ("redialWithinMs" in outcome) {
        this.#nextUrl();
        await this.#wait("the gateway is leaving", this.#delayAfterLeaving(servedMs));
        continue;
      }
      if (this.#isMoving) {
        this.#isMoving = false;
        asksForV2 = true;
        continue;
      }
      asksForV2 = !asksForV2 || outcome.knowsOnlyV1 !== true;
      // Dialled again at once: the same server takes nodes that do not ask for v2.
      if (!asksForV2) continue;
      this.#lastProblem = outcome.reason;
      // The gateway that holds the session is tried first.
      if (outcome.session === null || outcome.livedMs === 0) this.#nextUrl();
      await this.#wait(outcome.reason, this.#delayAfter(outcome));
    }
  }

  #dial(asksForV2: boolean): Connection {
    const link: Connection = new Connection({
      ...this.options,
      ...this.#target,
      url: this.#url,
      asksForV2,
      // A link that was asked to leave meanwhile serves no new calls, and resumes no session that is lost later.
      lostSession: () => link === this.#connection ? this.#lost?.session ?? null : null,
      openWithinMs: this.#lost === null ? undefined : RESUME_OPEN_WITHIN_MS,
      onRegistered: () => link === this.#connection && this.#registered(),
      onLostSettled: () => link === this.#connection && this.#forgetLost(),
    });
    return this.#connection = link;
  }

  /** Running calls stay on the link; new ones come through the next gateway. */
  #leave(link: Connection, redialWithinMs: number): void {
    this.#redialWithinMs = redialWithinMs;
    // A session whose gateway has not agreed yet goes on over this link alone.
    if (this.#lost?.session === link.session) this.#forgetLost();
    this.#keepLeaving(link);
  }

  #keepLeaving(link: Connection): void {
    this.#leaving.add(link);
    const [oldest] = this.#leaving;
    if (this.#leaving.size > MAX_LEAVING) oldest!.close(CloseCode.normal, "it leaves for too long");
    void link.ended.then(({ session }) => {
      this.#leaving.delete(link);
      if (session !== null) void this.#returnTo(session);
    });
  }

  /** The link to a gateway that leaves is lost: its calls end over another one, which serves for nothing else. */
  async #returnTo(session: WireSessionV2): Promise<void> {
    const { world, runner } = this.options;
    const giveUp = new AbortController();
    if (this.#stopping.signal.aborted) return runner.cancelAll(session);
    this.#makeRoomToReturn();
    this.#returning.add(giveUp);
    const cancel = world.after(session.resumeMs, () => giveUp.abort());
    const link = await dialLastLink(session, {
      ...this.options,
      ...this.#target,
      urlIndex: this.#urlIndex,
      backoff: this.#backoff,
      signal: giveUp.signal,
    });
    cancel();
    this.#returning.delete(giveUp);
    if (link === null) return runner.cancelAll(session);
    this.#keepLeaving(link);
    if (this.#state === "connected") void link.retire();
  }

  /** The session that was lost longest ago is given up where there are more than a network has gateways that leave. */
  #makeRoomToReturn(): void {
    const [oldest] = this.#returning;
    if (this.#returning.size < Math.max(MIN_RETURNING, this.#target.urls.length)) return;
    oldest!.abort();
    this.#returning.delete(oldest!);
  }

  #dropReturning(): void {
    for (const giveUp of this.#returning) giveUp.abort();
  }

  /** The link is lost: its calls run on, and their answers wait for the next link. */
  #keepLost(session: WireSessionV2): void {
    // Lost again before the gateway has agreed: its time runs since the first loss.
    if (this.#lost?.session === session) return;
    const { world, runner } = this.options;
    if (this.#stopping.signal.aborted) return runner.cancelAll(session);
    const cancel = world.after(session.resumeMs, () => this.#dropLost());
    this.#lost = { session, cancel };
  }

  /** The link does not come back in time, or its calls must not go on: they are stopped. */
  #dropLost(): void {
    const lost = this.#lost;
    if (lost === null) return;
    this.#forgetLost();
    // Its gateway may be about to agree.
    if (this.#connection?.session !== lost.session) this.options.runner.cancelAll(lost.session);
  }

  /** The gateway has resumed the lost session or refused it: the next loss concerns another session. */
  #forgetLost(): void {
    this.#lost?.cancel();
    this.#lost = null;
  }

  /** Gateways that leave one after the other, and have hardly served the node, would be dialled without end. */
  #delayAfterLeaving(servedMs: number): number {
    const askedMs = this.#backoff.withinMs(this.#redialWithinMs);
    return this.#leaving.size > RESTARTING_AT_A_TIME
      ? Math.max(askedMs, this.#backoff.afterMs(servedMs))
      : askedMs;
  }

  /** While a gateway that leaves still serves calls, its own pace holds: growing waits would gain nothing. */
  #delayAfter({ livedMs, needsOwner }: { livedMs: number; needsOwner: boolean }): number {
    if (this.#lost?.session.isBusy) {
      return this.#backoff.withinMs(livedMs > 0 ? RESUME_FIRST_WITHIN_MS : RESUME_WITHIN_MS);
    }
    if (this.#leaving.size + this.#returning.size > 0) {
      return this.#backoff.withinMs(Math.max(MIN_REDIAL_WITHIN_MS, this.#redialWithinMs));
    }
    const delayMs = this.#backoff.afterMs(livedMs, needsOwner);
    return this.#lost === null
      ? delayMs
      : Math.min(delayMs, this.#backoff.withinMs(RESUME_IDLE_WITHIN_MS));
  }

  #nextUrl(): void {
    this.#urlIndex = (this.#urlIndex + 1) % this.#target.urls.length;
  }

  /** Waits before the next address is dialled. */
  async #wait(reason: string, delayMs: number): Promise<void> {
    const { world } = this.options;
    world.log.warn({ server: this.#server() }, `${reason}; dialling again ${inTime(delayMs)}`);
    this.#state = "waiting";
    this.#wake = new AbortController();
    await pause(world, delayMs, AbortSignal.any([this.#stopping.signal, this.#wake.signal]));
  }

  #registered(): void {
    const { register, world } = this.options;
    if (this.#state === "connecting") this.#state = "connected";
    this.#connectedSince = world.todayMs();
    const isResumed = this.#lost !== null && this.#connection?.session === this.#lost.session;
    // The gateway of another version of the wire has no part in the lost session.
    if (!isResumed) this.#dropLost();
    if (this.#pause !== null || isResumed) this.announcePause(this.#pause);
    for (const link of this.#leaving) void link.retire();
    const { models, max_parallel, name } = register();
    world.log.info({ server: this.#server(), models, max_parallel, name }, "connected");
  }

  #links(): Connection[] {
    return [...this.#leaving, ...this.#connection === null ? [] : [this.#connection]];
  }

  get #url(): URL {
    return this.#target.urls[this.#urlIndex]!;
  }

  /** The address without its query, which may hold secrets. */
  #server(): string {
    const { protocol, host, pathname } = this.#url;
    return `${protocol}//${host}${pathname}`;
  }
}

/** The delay in words, rounded; less than half a second is none. */
function inTime(delayMs: number): string {
  if (delayMs < 500) return "at once";
  return delayMs < 10_000
    ? `in ${(delayMs / 1000).toFixed(1)} s`
    : `in ${Math.round(delayMs / 1000)} s`;
}
