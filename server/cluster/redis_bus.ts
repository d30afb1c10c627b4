/** The bus over Redis: one server, Sentinel or Redis Cluster. Everything in it is signed. */

import { createHmac } from "node:crypto";
import type { Redis } from "ioredis";
import type { Log } from "../base/log.ts";
import { installationTag, isCluster, openRedis, type RedisClient } from "../limit/redis_client.ts";
import type { AnswerOwner } from "../node/kept_answer.ts";
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
} from "./bus.ts";
import type { NodeRecord } from "./node_record.ts";
import { BEAT, SWAP, WRITE } from "./scripts.ts";
import { NewestStamps, SignedRecords, type Stamped } from "./signed_records.ts";

/**
 * Keys with the same text in braces lie on one server of a Redis Cluster, so that one script may use
 * them. The names differ from those of versions that did not sign.
 */
export function keysOf(secret: string) {
  const tag = installationTag(secret, "co-link cluster, signed");
  const common = `colink:{${tag}}`;
  return {
    leases: `${common}:leases`,
    presences: `${common}:gateways`,
    fence: `${common}:fence`,
    penalties: `${common}:penalties`,
    channel: `${common}:changes`,
    /** For messages of a gateway to itself. */
    echo: `${common}:echo:${crypto.randomUUID()}`,
    answer: (digest: string) => `colink:{${tag} ${digest}}:answer`,
    nodes: (id: string) => `colink:{${id}}:nodes`,
  };
}

/** All penalties expire when none was written for this long, which is longer than any penalty. */
const KEEP_PENALTIES_MS = 2 * 60 * 60 * 1000;

/** No call waits for these commands: Redis may be as far away as another continent. */
const COMMAND_TIMEOUT_MS = 1_000;

/** How long a gateway that starts waits for Redis. */
const OPEN_WITHIN_MS = 2_000;

const SCAN_COUNT = 1000;

/** How often the log says that something in Redis is not signed. */
const WARN_EVERY_MS = 60_000;

/** A subscription on which an echo takes longer is dead. */
const ECHO_WITHIN_MS = 500;

/**
 * What is signed of a list besides its records: its sequence number. While more of it is to come this is
 * no number, so that gateways of earlier versions take the list for an outdated one until it is whole.
 */
type ListHead = number | Pick<NodeList, "seq" | "hasMore">;

/** The scripts, as commands of the Redis client. */
interface Scripts {
  colinkBeat(...args: (string | number)[]): Promise<[string, string, string[]]>;
  colinkWrite(...args: (string | number)[]): Promise<number>;
  colinkSwap(...args: (string | number)[]): Promise<number>;
}

export class RedisBus implements Bus {
  readonly #redis: RedisClient & Scripts;
  #subscriber: RedisClient;
  /** When the echo was sent that has not come back yet, in monotonic milliseconds; null: none is under way. */
  #echoSentMs: number | null = null;
  readonly #keys: ReturnType<typeof keysOf>;
  readonly #opened: Promise<unknown>;
  readonly #records: SignedRecords;
  readonly #presences = new NewestStamps<Presence>();
  readonly #messages = new NewestStamps<Message>();
  /** Number of the last record or message that was stamped. */
  #stamps = 0;
  /** Redis' clock minus this process' monotonic one; null: not known yet. */
  #offsetMs: number | null = null;
  #warnedMs = -Infinity;
  #isClosed = false;

  /** `secret` is the same at all gateways. */
  constructor(
    private readonly url: string,
    private readonly secret: string,
    private readonly log: Log,
    private readonly listener: BusListener,
  ) {
    this.#keys = keysOf(secret);
    this.#records = new SignedRecords(secret);
    const redis = openRedis(url, { commandTimeoutMs: COMMAND_TIMEOUT_MS });
    redis.defineCommand("colinkBeat", BEAT);
    redis.defineCommand("colinkWrite", WRITE);
    redis.defineCommand("colinkSwap", SWAP);
    this.#redis = redis as RedisClient & Scripts;
    this.#subscriber = this.#openSubscriber();
    this.#opened = Promise.race([
      this.#connect(redis).then(() => this.#readClock()).catch(() => {
        // The first heartbeat reads it.
      }),
      new Promise((resolve) => setTimeout(resolve, OPEN_WITHIN_MS)),
    ]);
  }

  async opened(): Promise<void> {
    await this.#opened;
  }

  async beat(presence: Presence, fence: number, leaseMs: number): Promise<BeatReply> {
    const { leases, presences, fence: fenceKey } = this.#keys;
    const [nowMs, newFence, all] = await this.#redis.colinkBeat(
      ...[leases, presences, fenceKey],
      ...[presence.id, fence, await this.#stamp("presence", presence), leaseMs],
    );
    this.#setClock(Number(nowMs));
    const gateways = all.flatMap((text) => this.#readPresence(text) ?? []);
    this.#publishEcho();
    return { nowMs: Number(nowMs), fence: Number(newFence), gateways };
  }

  async leave(id: string): Promise<void> {
    await Promise.all([
      this.#redis.zrem(this.#keys.leases, id),
      this.#redis.hdel(this.#keys.presences, id),
      this.#redis.del(this.#keys.nodes(id)),
    ]);
  }

  async write(id: string, fence: number, change: NodeChange, options: WriteOptions) {
    const { seq, put, gone, hasMore } = change;
    const head: ListHead = hasMore ? { seq, hasMore } : seq;
    const done = await this.#redis.colinkWrite(
      this.#keys.nodes(id),
      ...[fence, options.keepMs, options.isWhole ? 1 : 0],
      ...[this.#records.sign(`seq ${id}`, head), put.length],
      ...put.flatMap((record) => {
        return [record.who.id, this.#records.sign(`node ${id} ${record.who.id}`, record)];
      }),
      ...gone,
    );
    return done === 1;
  }

  async read(id: string): Promise<NodeList> {
    let head: ListHead = 0;
    const nodes = new Map<string, NodeRecord>();
    let cursor = "0";
    do {
      const [next, fields] = await this.#redis.hscan(
        this.#keys.nodes(id),
        cursor,
        "COUNT",
        SCAN_COUNT,
      );
      cursor = next;
      for (let i = 0; i < fields.length; i += 2) {
        const [name, text] = [fields[i]!, fields[i + 1]!];
        if (name === "#seq") head = this.#read<ListHead>(`seq ${id}`, text) ?? 0;
        if (name.startsWith("#")) continue;
        const record = this.#read<NodeRecord>(`node ${id} ${name}`, text);
        if (record !== null) nodes.set(name, record);
      }
    } while (cursor !== "0");
    const list = typeof head === "number" ? { seq: head } : head;
    return { ...list, nodes: [...nodes.values()] };
  }

  async writePenalty(penalty: PenaltyNotice): Promise<void> {
    const field = penaltyField(penalty.identity, penalty.model);
    await this.#redis.hset(
      this.#keys.penalties,
      field,
      this.#records.sign(`penalty ${field}`, penalty),
    );
    await this.#redis.pexpire(this.#keys.penalties, KEEP_PENALTIES_MS);
  }

  async erasePenalty(identity: string, model: string | null): Promise<void> {
    await this.#redis.hdel(this.#keys.penalties, penaltyField(identity, model));
  }

  async readPenalties(nowMs: number): Promise<PenaltyNotice[]> {
    const all = Object.entries(await this.#redis.hgetall(this.#keys.penalties));
    const current: PenaltyNotice[] = [];
    const others: string[] = [];
    for (const [field, text] of all) {
      const notice = this.#read<PenaltyNotice>(`penalty ${field}`, text);
      if (notice !== null && notice.until > nowMs) current.push(notice);
      else others.push(field);
    }
    if (others.length > 0) await this.#redis.hdel(this.#keys.penalties, ...others);
    return current;
  }

  async claimAnswer(place: string, owner: AnswerOwner, keepMs: number): Promise<AnswerOwner> {
    const key = this.#answerKey(place);
    const signed = this.#records.sign(key, owner);
    // Again, because a record may expire, or change its owner, between two commands.
    for (let tries = 0; tries < 3; tries++) {
      if (await this.#redis.set(key, signed, "PX", keepMs, "NX") === "OK") return owner;
      const { text, owner: standing } = await this.#answerAt(key);
      if (standing !== null && standing.gateway !== owner.gateway) return standing;
      // This gateway's own of before, or one that no gateway has signed.
      if (text !== "" && await this.#swap(key, text, signed, keepMs)) return owner;
    }
    throw new Error("Cannot claim an answer: its record in Redis changes again and again");
  }

  async moveAnswer(from: string, place: string, owner: AnswerOwner, keepMs: number) {
    const key = this.#answerKey(place);
    const { text, owner: standing } = await this.#answerAt(key);
    if (standing !== null && standing.gateway !== from) return;
    await this.#swap(key, text, this.#records.sign(key, owner), keepMs);
  }

  async readAnswer(place: string): Promise<AnswerOwner | null> {
    return (await this.#answerAt(this.#answerKey(place))).owner;
  }

  async renewAnswer(place: string, owner: AnswerOwner, keepMs: number): Promise<void> {
    const key = this.#answerKey(place);
    const signed = this.#records.sign(key, owner);
    await this.#swap(key, signed, signed, keepMs);
  }

  async eraseAnswer(gateway: string, place: string): Promise<void> {
    const key = this.#answerKey(place);
    const { text, owner } = await this.#answerAt(key);
    if (owner?.gateway === gateway) await this.#swap(key, text, "", 0);
  }

  /** The record as it stands, for a swap; an empty text: there is none. The owner is null where no gateway has signed it. */
  async #answerAt(key: string): Promise<{ text: string; owner: AnswerOwner | null }> {
    const text = await this.#redis.get(key) ?? "";
    return { text, owner: text === "" ? null : this.#read<AnswerOwner>(key, text) };
  }

  /** False: the record has changed since its text was read. */
  async #swap(key: string, text: string, next: string, keepMs: number): Promise<boolean> {
    return await this.#redis.colinkSwap(key, text, next, keepMs) === 1;
  }

  /** Nothing that a caller has sent can be read in Redis, or on its disk. */
  #answerKey(place: string): string {
    return this.#keys.answer(createHmac("sha256", this.secret).update(place).digest("base64url"));
  }

  async publish(message: Message): Promise<void> {
    await this.#publish(this.#keys.channel, await this.#stamp("message", message));
  }

  close(): void {
    this.#isClosed = true;
    this.#redis.disconnect();
    this.#subscriber.disconnect();
  }

  /** Never rejects: ioredis goes on trying. */
  #connect(client: RedisClient): Promise<void> {
    // The failed heartbeat is logged as a warning, once for each outage.
    const ignoreError = (error: Error) => this.log.debug({ cause: error.message }, "redis");
    (client as Redis).on("error", ignoreError);
    return client.connect().catch(ignoreError);
  }

  /** Commands have no time limit, because the connection only subscribes. */
  #openSubscriber(): RedisClient {
    const subscriber = openRedis(this.url, { commandTimeoutMs: 0 });
    (subscriber as Redis).on("ready", () => void this.#subscribe(subscriber));
    for (const event of ["message", "smessage"]) {
      (subscriber as Redis).on(
        event,
        (channel: string, text: string) => this.#receive(channel, text),
      );
    }
    void this.#connect(subscriber);
    return subscriber;
  }

  /**
   * A dead subscription looks like one without messages. Called when Redis has just answered on the
   * other connection: an echo that is published now must arrive soon.
   */
  #publishEcho(): void {
    const nowMs = performance.now();
    if (this.#echoSentMs !== null) {
      if (nowMs - this.#echoSentMs < ECHO_WITHIN_MS) return;
      this.log.warn({}, "cluster: messages do not arrive any more, subscribing again");
      this.#echoSentMs = null;
      this.#subscriber.disconnect();
      this.#subscriber = this.#openSubscriber();
      return;
    }
    // A subscriber that is still connecting gets no echo.
    if ((this.#subscriber as Redis).status !== "ready") return;
    this.#echoSentMs = nowMs;
    this.#publish(this.#keys.echo, "").catch(() => {
      // Redis has gone away again.
      this.#echoSentMs = null;
    });
  }

  /** Redis' clock, in UTC milliseconds. */
  get #nowMs(): number | null {
    return this.#offsetMs === null ? null : performance.now() + this.#offsetMs;
  }

  #setClock(nowMs: number): void {
    this.#offsetMs = nowMs - performance.now();
  }

  async #readClock(): Promise<void> {
    const [seconds, microseconds] = await this.#redis.time();
    this.#setClock(Number(seconds) * 1_000 + Number(microseconds) / 1_000);
  }

  async #stamp(place: string, value: unknown): Promise<string> {
    if (this.#nowMs === null) await this.#readClock();
    return this.#records.sign(place, { at: this.#nowMs, n: ++this.#stamps, value });
  }

  #readPresence(text: string): Presence | null {
    const stamped = this.#read<Stamped<Presence>>("presence", text);
    if (stamped === null) return null;
    const { id } = stamped.value;
    this.#presences.take(id, stamped, this.#nowMs!);
    // Of two the newer one counts, also where the older one has been written over it.
    return this.#presences.of(id, this.#nowMs!) ?? null;
  }

  /** Null where no gateway of this network has signed it; the log says so now and then. */
  #read<T>(place: string, text: string): T | null {
    const value = this.#records.read<T>(place, text);
    if (value === null && performance.now() - this.#warnedMs >= WARN_EVERY_MS) {
      this.#warnedMs = performance.now();
      this.log.warn(
        { place },
        "cluster: ignored what no gateway of this network has signed: who else writes to this Redis?",
      );
    }
    return value;
  }

  async #publish(channel: string, text: string): Promise<void> {
    await (isCluster(this.#redis)
      ? this.#redis.spublish(channel, text)
      : this.#redis.publish(channel, text));
  }

  async #subscribe(subscriber: RedisClient): Promise<void> {
    const { channel, echo } = this.#keys;
    try {
      await (isCluster(subscriber)
        ? subscriber.ssubscribe(channel, echo)
        : subscriber.subscribe(channel, echo));
      this.#echoSentMs = null;
      this.listener.subscribed();
    } catch (cause) {
      // The connection was lost again; `ready` will fire again.
      if (!this.#isClosed) this.log.debug({ cause: String(cause) }, "cannot subscribe to redis");
    }
  }

  #receive(channel: string, text: string): void {
    this.#echoSentMs = null;
    if (channel === this.#keys.echo) return;
    try {
      const stamped = this.#read<Stamped<Message>>("message", text);
      if (stamped === null || this.#nowMs === null) return;
      const { value } = stamped;
      if (this.#messages.take(value.from, stamped, this.#nowMs)) this.listener.received(value);
    } catch (error) {
      this.log.error({ err: error }, "could not read a message of another gateway");
    }
  }
}

function penaltyField(identity: string, model: string | null): string {
  return JSON.stringify([identity, model]);
}
