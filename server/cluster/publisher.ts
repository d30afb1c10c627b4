/** Publishes this gateway's nodes: a record in Redis, and a message for each change. */

import type { Clock } from "../base/clock.ts";
import type { Bus } from "./bus.ts";
import { LEASE_MS } from "./membership.ts";
import type { NodeRecord } from "./node_record.ts";

/** Changes within this time are published together. */
const COALESCE_MS = 30;

/** More records than this, or with more models, are written in several steps: each takes all gateways a turn of some milliseconds. */
const MAX_PER_WRITE = 500;
const MAX_MODELS_PER_WRITE = 4_000;

/** The record of a gateway that has died expires after this. */
const KEEP_MS = 4 * LEASE_MS;
const RENEW_MS = LEASE_MS;

export interface PublisherParts {
  bus: Pick<Bus, "write" | "publish">;
  clock: Clock;
  id: string;
  /** The fencing token; 0: this gateway may not write yet. */
  fence: () => number;
}

export class Publisher {
  readonly #records = new Map<string, NodeRecord>();
  /** Public ids of nodes whose change was not published yet. */
  readonly #dirty = new Set<string>();
  #seq = 0;
  #needsWhole = true;
  /** Whether all nodes are written again, and their last part is not written yet. */
  #hasMore = false;
  #isWriting = false;
  #isStopped = false;
  #writtenMs = -Infinity;
  #cancelFlush: (() => void) | null = null;

  constructor(private readonly parts: PublisherParts) {}

  /** Sequence number of the last change. */
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

  remove(id: string): void {
    if (this.#records.delete(id)) this.#changed(id);
  }

  removeAll(): void {
    for (const id of [...this.#records.keys()]) this.remove(id);
  }

  /** Called after each heartbeat: writes what failed before, and keeps the record from expiring. */
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
    this.#cancelFlush ??= this.parts.clock.after(COALESCE_MS, () => {
      this.#cancelFlush = null;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    // The loop of a flush that is running picks up what has changed meanwhile.
    if (this.#isWriting || this.#isStopped || this.parts.fence() === 0) return;
    this.#isWriting = true;
    try {
      do await this.#write(); while (this.#dirty.size > 0 && !this.#isStopped);
      this.#writtenMs = this.parts.clock.monotonic();
    } catch {
      // Redis is away, which the failed heartbeat logs; everything is written when it is back.
      this.#needsWhole = true;
    } finally {
      this.#isWriting = false;
    }
  }

  /** The nodes of the next write. */
  #takeDirty(): string[] {
    const ids: string[] = [];
    let models = 0;
    for (const id of this.#dirty) {
      models += this.#records.get(id)?.offer.models.length ?? 0;
      if (ids.length > 0 && models > MAX_MODELS_PER_WRITE) break;
      ids.push(id);
      if (ids.length === MAX_PER_WRITE) break;
    }
    for (const id of ids) this.#dirty.delete(id);
    return ids;
  }

  /** Writes a part of what has changed, or the first part of everything. */
  async #write(): Promise<void> {
    const { bus, id, fence } = this.parts;
    const isWhole = this.#needsWhole;
    if (isWhole) { for (const known of this.#records.keys()) this.#dirty.add(known); }
    const ids = this.#takeDirty();
    this.#needsWhole = false;
    this.#hasMore = (isWhole || this.#hasMore) && this.#dirty.size > 0;
    const gone = ids.filter((one) => !this.#records.has(one));
    if (ids.length > 0) this.#seq++;
    const seq = this.#seq;
    const put = ids.flatMap((one) => {
      const record = this.#records.get(one);
      return record === undefined ? [] : { ...record, seq };
    });
    const change = { seq, put, gone, ...(this.#hasMore && { hasMore: true as const }) };
    if (!await bus.write(id, fence(), change, { isWhole, keepMs: KEEP_MS })) {
      this.#needsWhole = true;
      return;
    }
    if (ids.length > 0) await bus.publish({ is: "nodes", from: id, change });
  }
}
