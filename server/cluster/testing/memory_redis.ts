/** Redis, as far as gateways use it among themselves, in this process's memory: every byte counted. */

import type { Clock } from "../../base/clock.ts";
import type { AnswerOwner } from "../../node/kept_answer.ts";
import type {
  BeatReply,
  Bus,
  BusListener,
  Message,
  NodeChange,
  NodeList,
  PenaltyNotice,
  Presence,
  WriteOptions,
} from "../bus.ts";
import type { NodeRecord } from "../node_record.ts";

/** What a message takes from one gateway to the others. */
const DELIVERY_MS = 1;

/** One gateway's nodes. */
interface StoredList {
  fence: number;
  seq: number;
  nodes: Map<string, NodeRecord>;
  hasMore?: boolean;
  untilMs: number;
}

export class MemoryRedis {
  /** Whether every command fails and no message arrives. */
  isAway = false;
  /** Bytes of heartbeats' replies, and of messages published, each counted once. */
  beatBytes = 0;
  beats = 0;
  publishedBytes = 0;
  published = 0;
  readonly #buses = new Set<MemoryBus>();
  readonly #lists = new Map<string, StoredList>();
  readonly #presences = new Map<string, { text: string; untilMs: number }>();
  readonly #penalties = new Map<string, PenaltyNotice>();
  readonly answers = new Map<string, { owner: AnswerOwner; untilMs: number }>();
  #fence = 0;

  constructor(private readonly clock: Clock) {}

  /** A gateway's connection. `isAway` on it cuts off this gateway alone. */
  openBus(listener: BusListener): MemoryBus {
    const bus = new MemoryBus(this, listener);
    this.#buses.add(bus);
    return bus;
  }

  /** Loses everything, as a Redis does that restarts without persistence. */
  clear(): void {
    for (const map of [this.#lists, this.#presences, this.#penalties, this.answers]) map.clear();
    this.#fence = 0;
  }

  /** Loses what gateways have written of their nodes. */
  clearNodes(): void {
    this.#lists.clear();
  }

  /** A gateway that never renews what it has written, and never loses it. */
  place(presence: Presence, nodes: readonly NodeRecord[]): void {
    this.#presences.set(presence.id, { text: JSON.stringify(presence), untilMs: Infinity });
    const byId = new Map(nodes.map((record) => [record.who.id, record]));
    this.#lists.set(presence.id, { fence: 1, seq: presence.seq, nodes: byId, untilMs: Infinity });
  }

  presenceOf(id: string): Presence | null {
    const entry = this.#presences.get(id);
    return entry === undefined ? null : JSON.parse(entry.text) as Presence;
  }

  /** A command of a bus. Rejects while it is away. */
  run<T>(bus: MemoryBus, command: () => T): Promise<T> {
    if (this.isAway || bus.isAway) return Promise.reject(new Error("Redis is away"));
    return Promise.resolve(command());
  }

  beat(presence: Presence, fence: number, leaseMs: number): BeatReply {
    const nowMs = this.clock.now();
    for (const [id, { untilMs }] of this.#presences) {
      if (untilMs <= nowMs) this.#presences.delete(id);
    }
    const isNew = fence === 0 || !this.#presences.has(presence.id);
    if (isNew) this.#fence = Math.max(this.#fence + 1, nowMs);
    const text = JSON.stringify(presence);
    this.#presences.set(presence.id, { text, untilMs: nowMs + leaseMs });
    const texts = [...this.#presences.values()].map((one) => one.text);
    this.beats++;
    this.beatBytes += texts.reduce((sum, one) => sum + one.length, 0);
    const gateways = texts.map((one) => JSON.parse(one) as Presence);
    return { nowMs, fence: isNew ? this.#fence : fence, gateways };
  }

  leave(id: string): void {
    this.#presences.delete(id);
    this.#lists.delete(id);
  }

  write(id: string, fence: number, change: NodeChange, options: WriteOptions): boolean {
    const list = this.#list(id);
    if (list !== undefined && list.fence > fence) return false;
    if (!options.isWhole && list?.fence !== fence) return false;
    const nodes = options.isWhole ? new Map<string, NodeRecord>() : list!.nodes;
    for (const record of change.put) nodes.set(record.who.id, record);
    for (const gone of change.gone) nodes.delete(gone);
    const untilMs = this.clock.now() + options.keepMs;
    const { seq, hasMore } = change;
    this.#lists.set(id, { fence, seq, nodes, untilMs, ...(hasMore && { hasMore }) });
    return true;
  }

  /** A copy, as it would be read from a socket. */
  read(id: string): NodeList {
    const list = this.#list(id);
    const nodes = JSON.parse(JSON.stringify([...list?.nodes.values() ?? []])) as NodeRecord[];
    return { seq: list?.seq ?? 0, nodes, ...(list?.hasMore && { hasMore: true as const }) };
  }

  publish(message: Message): void {
    const text = JSON.stringify(message);
    this.published++;
    this.publishedBytes += text.length;
    this.clock.after(DELIVERY_MS, () => {
      if (this.isAway) return;
      for (const bus of this.#buses) bus.receive(text);
    });
  }

  writePenalty(notice: PenaltyNotice): void {
    this.#penalties.set(fieldOf(notice.identity, notice.model), structuredClone(notice));
  }

  erasePenalty(identity: string, model: string | null): void {
    this.#penalties.delete(fieldOf(identity, model));
  }

  readPenalties(nowMs: number): PenaltyNotice[] {
    for (const [field, { until }] of this.#penalties) {
      if (until <= nowMs) this.#penalties.delete(field);
    }
    return structuredClone([...this.#penalties.values()]);
  }

  claimAnswer(place: string, owner: AnswerOwner, keepMs: number): AnswerOwner {
    const standing = this.readAnswer(place);
    if (standing !== null && standing.gateway !== owner.gateway) return standing;
    this.answers.set(place, { owner, untilMs: this.clock.now() + keepMs });
    return owner;
  }

  moveAnswer(from: string, place: string, owner: AnswerOwner, keepMs: number): void {
    if ((this.readAnswer(place)?.gateway ?? from) !== from) return;
    this.answers.set(place, { owner, untilMs: this.clock.now() + keepMs });
  }

  readAnswer(place: string): AnswerOwner | null {
    const record = this.answers.get(place);
    return record !== undefined && record.untilMs > this.clock.now() ? record.owner : null;
  }

  renewAnswer(place: string, owner: AnswerOwner, keepMs: number): void {
    if (!Bun.deepEquals(this.readAnswer(place), owner)) return;
    this.answers.set(place, { owner, untilMs: this.clock.now() + keepMs });
  }

  eraseAnswer(gateway: string, place: string): void {
    if (this.answers.get(place)?.owner.gateway === gateway) this.answers.delete(place);
  }

  #list(id: string): StoredList | undefined {
    const list = this.#lists.get(id);
    return list && list.untilMs > this.clock.now() ? list : undefined;
  }
}

export class MemoryBus implements Bus {
  isAway = false;
  /** Whether messages get lost on their way to this gateway. */
  isDeaf = false;
  isClosed = false;

  constructor(private readonly redis: MemoryRedis, private readonly listener: BusListener) {
    queueMicrotask(() => listener.subscribed());
  }

  /** Messages arrive again, as after a connection that was lost. */
  resubscribe(): void {
    this.listener.subscribed();
  }

  receive(text: string): void {
    if (!this.isAway && !this.isDeaf && !this.isClosed) {
      this.listener.received(JSON.parse(text) as Message);
    }
  }

  async opened(): Promise<void> {}

  beat(presence: Presence, fence: number, leaseMs: number): Promise<BeatReply> {
    return this.redis.run(this, () => this.redis.beat(presence, fence, leaseMs));
  }

  leave(id: string): Promise<void> {
    return this.redis.run(this, () => this.redis.leave(id));
  }

  write(id: string, fence: number, change: NodeChange, options: WriteOptions): Promise<boolean> {
    return this.redis.run(this, () => this.redis.write(id, fence, change, options));
  }

  read(id: string): Promise<NodeList> {
    return this.redis.run(this, () => this.redis.read(id));
  }

  writePenalty(penalty: PenaltyNotice): Promise<void> {
    return this.redis.run(this, () => this.redis.writePenalty(penalty));
  }

  erasePenalty(identity: string, model: string | null): Promise<void> {
    return this.redis.run(this, () => this.redis.erasePenalty(identity, model));
  }

  readPenalties(nowMs: number): Promise<PenaltyNotice[]> {
    return this.redis.run(this, () => this.redis.readPenalties(nowMs));
  }

  claimAnswer(place: string, owner: AnswerOwner, keepMs: number): Promise<AnswerOwner> {
    return this.redis.run(this, () => this.redis.claimAnswer(place, owner, keepMs));
  }

  moveAnswer(from: string, place: string, owner: AnswerOwner, keepMs: number): Promise<void> {
    return this.redis.run(this, () => this.redis.moveAnswer(from, place, owner, keepMs));
  }

  readAnswer(place: string): Promise<AnswerOwner | null> {
    return this.redis.run(this, () => this.redis.readAnswer(place));
  }

  renewAnswer(place: string, owner: AnswerOwner, keepMs: number): Promise<void> {
    return this.redis.run(this, () => this.redis.renewAnswer(place, owner, keepMs));
  }

  eraseAnswer(gateway: string, place: string): Promise<void> {
    return this.redis.run(this, () => this.redis.eraseAnswer(gateway, place));
  }

  publish(message: Message): Promise<void> {
    return this.redis.run(this, () => this.redis.publish(message));
  }

  close(): void {
    this.isClosed = true;
  }
}

function fieldOf(identity: string, model: string | null): string {
  return JSON.stringify([identity, model]);
}
