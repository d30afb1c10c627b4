/** Tells the other gateways of this one's nodes, and keeps the record in Redis whole. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Bus } from "./bus.ts";
import { LEASE_MS } from "./membership.ts";
import type { NodeRecord } from "./node_record.ts";

/** Changes that come so close together travel as one. */
const GATHER_MS = 30;

/** More records than this are written in several steps. */
const MAX_PER_WRITE = 500;

/** What is not written again for so long is gone: a gateway that has died leaves nothing behind. */
const KEEP_MS = 4 * LEASE_MS;
const RENEW_MS = LEASE_MS;

export interface PublisherParts {
  bus: Pick<Bus, "write" | "tell">;
  clock: Clock;
  log: Log;
  id: string;
  fence: () => number;
}

export class Publisher {
  readonly #records = new Map<string, NodeRecord>();
  /** Public ids whose change was not told yet. */
  readonly #dirty = new Set<string>();
  #seq = 0;
  #needsWhole = true;
  #isWriting = false;
  #isStopped = false;
  #writtenMs = -Infinity;
  #cancelFlush: (() => void) | null = null;

  constructor(private readonly parts: PublisherParts) {}

  get seq(): number {
    return this.#seq;
  }

  get size(): number {
    return this.#records.size;
  }

  record(id: string): NodeRecord | undefined {
    return this.#records.get(id);
  }

  put(record: NodeRecord): void {
    this.#records.set(record.who.id, record);
    this.#changed(record.who.id);
  }

  gone(id: string): void {
    if (this.#records.delete(id)) this.#changed(id);
  }

  /** None of its nodes is offered to others any more. */
  withdraw(): void {
    for (const id of [...this.#records.keys()]) this.gone(id);
  }

  /** After each sign of life: writes what could not be written, and keeps what is there from being forgotten. */
  renew(isVoid: boolean): void {
    if (isVoid) this.#needsWhole = true;
    const isDue = this.parts.clock.monotonic() - this.#writtenMs >= RENEW_MS;
    if (this.#needsWhole || this.#dirty.size > 0 || isDue) void this.#flush();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelFlush?.();
  }

  #changed(id: string): void {
    this.#dirty.add(id);
    this.#cancelFlush ??= this.parts.clock.after(GATHER_MS, () => {
      this.#cancelFlush = null;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    // What comes meanwhile is written right after.
    if (this.#isWriting || this.#isStopped || this.parts.fence() === 0) return;
    this.#isWriting = true;
    try {
      do await this.#write(); while (this.#dirty.size > 0 && !this.#isStopped);
      this.#writtenMs = this.parts.clock.monotonic();
    } catch {
      // Redis is away, which the missing sign of life tells; all is written when it is back.
      this.#needsWhole = true;
    } finally {
      this.#isWriting = false;
    }
  }

  /** One step: a part of what has changed, or the first part of everything. */
  async #write(): Promise<void> {
    const { bus, id, fence } = this.parts;
    const isWhole = this.#needsWhole;
    if (isWhole) { for (const known of this.#records.keys()) this.#dirty.add(known); }
    const ids = [...this.#dirty].slice(0, MAX_PER_WRITE);
    for (const one of ids) this.#dirty.delete(one);
    this.#needsWhole = false;
    const put = ids.flatMap((one) => this.#records.get(one) ?? []);
    const gone = ids.filter((one) => !this.#records.has(one));
    if (ids.length > 0) this.#seq++;
    const change = { seq: this.#seq, put, gone };
    if (!await bus.write(id, fence(), change, { isWhole, keepMs: KEEP_MS })) {
      this.#needsWhole = true;
      return;
    }
    if (ids.length > 0) await bus.tell({ is: "nodes", from: id, change });
  }
}
