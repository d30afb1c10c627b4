/** This gateway's lease as a member of the network, and the other members. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Bus, Presence } from "./bus.ts";

/** Time between heartbeats, and how long each renews the lease. */
export const BEAT_MS = 1_000;
export const LEASE_MS = 5_000;

/** Gateways that join or leave at the same time cause one extra heartbeat, after this delay. */
const COALESCE_MS = 20;

export interface MembershipParts {
  bus: Pick<Bus, "beat" | "opened">;
  clock: Clock;
  log: Log;
  /** This gateway's current state. */
  presence: () => Presence;
  /** Called after each heartbeat that Redis answered. `isNew`: earlier writes are void. */
  onBeat: (isNew: boolean) => void;
}

export class Membership {
  readonly #others = new Map<string, Presence>();
  #fence = 0;
  /** Redis' clock minus this process's monotonic one; before the first reply, this machine's clock stands in. */
  #offsetMs: number;
  #isRedisUp = false;
  #hasReportedOutage = false;
  /** True from the first heartbeat until `stop`. */
  #isActive = false;
  #isBeatingSoon = false;
  #cancelBeat: () => void = () => {};

  constructor(private readonly parts: MembershipParts) {
    const { clock } = parts;
    this.#offsetMs = clock.now() - clock.monotonic();
  }

  /** Resolves after the first heartbeat, answered or not. */
  async start(): Promise<void> {
    await this.parts.bus.opened();
    this.#isActive = true;
    await this.#beat();
  }

  stop(): void {
    this.#isActive = false;
    this.#cancelBeat();
  }

  /** The other gateways in Redis' last reply. */
  get others(): ReadonlyMap<string, Presence> {
    return this.#others;
  }

  /** Fencing token for this gateway's writes; 0 before Redis has answered. */
  get fence(): number {
    return this.#fence;
  }

  /** Whether the last heartbeat was answered. */
  get isRedisUp(): boolean {
    return this.#isRedisUp;
  }

  /** Redis' clock now, in UTC milliseconds, whatever happens to this machine's clock. */
  get sharedNowMs(): number {
    return this.parts.clock.monotonic() + this.#offsetMs;
  }

  /** Publishes a change of this gateway's presence at once. */
  beatNow(): void {
    if (this.#isActive) void this.#beat();
  }

  /** Asks Redis for the members again, because a gateway has joined or left. */
  beatSoon(): void {
    if (!this.#isActive || this.#isBeatingSoon) return;
    this.#isBeatingSoon = true;
    this.#schedule(COALESCE_MS);
  }

  #schedule(delayMs: number): void {
    this.#cancelBeat();
    this.#cancelBeat = this.parts.clock.after(delayMs, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    const { bus, clock, presence, onBeat } = this.parts;
    this.#isBeatingSoon = false;
    const me = presence();
    try {
      const { nowMs, fence, gateways } = await bus.beat(me, this.#fence, LEASE_MS);
      if (!this.#isActive) return;
      this.#offsetMs = nowMs - clock.monotonic();
      const isNew = fence !== this.#fence;
      this.#fence = fence;
      this.#others.clear();
      for (const other of gateways) if (other.id !== me.id) this.#others.set(other.id, other);
      this.#setRedisUp(true);
      onBeat(isNew);
    } catch (error) {
      if (this.#isActive) this.#setRedisUp(false, error);
    } finally {
      if (this.#isActive) this.#schedule(this.#isBeatingSoon ? COALESCE_MS : BEAT_MS);
    }
  }

  /** Logs the beginning and the end of an outage, once each. */
  #setRedisUp(isUp: boolean, error?: unknown): void {
    this.#isRedisUp = isUp;
    if (isUp !== this.#hasReportedOutage) return;
    this.#hasReportedOutage = !isUp;
    const { log } = this.parts;
    if (isUp) {
      log.info({ gateways: this.#others.size + 1 }, "cluster: Redis answers again");
    } else {
      const cause = error instanceof Error ? error.message : String(error);
      log.warn(
        { cause },
        "cluster: Redis does not answer, this gateway goes on with what it knows",
      );
    }
  }
}
