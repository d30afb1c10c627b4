/**
 * What an attacker without the gateways' secret can write into their Redis. Nothing is deleted:
 * deletion ends what Redis is for, and needs no forging.
 */

import { Redis } from "ioredis";

const YEAR_MS = 365 * 86_400_000;
const MOST_HEARD = 200;
/** Of each gateway's nodes, in a round. Other strangers have thousands, and a flood of writes needs no forging. */
const MOST_PENALIZED = 50;
/** An id before all others, in their order: ids decide which of two gateways dials the other. */
const FORGED = "gw-!";
/** Nothing listens there. */
const NOWHERE = "http://127.0.0.1:9";
const GARBAGE = [
  "",
  "x".repeat(10_000),
  "{}",
  "[]",
  "null",
  '{"at":1e999}',
  "\0\ud800",
  "signed {}",
];

let connection: Promise<Forger> | null = null;

/** One round of the four kinds, in turns. */
export async function forge(url: string, round: number): Promise<void> {
  connection ??= Forger.connect(url);
  const forger = await connection;
  const kinds = [forger.moveGateways, forger.penalize, forger.repeat, forger.scatter];
  await kinds[round % kinds.length]!.call(forger);
}

class Forger {
  /** Messages and records as the gateways wrote them. */
  readonly #heard: [channel: string, text: string][] = [];
  readonly #records = new Map<string, Record<string, string>>();

  private constructor(private readonly redis: Redis) {}

  static async connect(url: string): Promise<Forger> {
    const forger = new Forger(new Redis(url));
    const spy = new Redis(url);
    await spy.psubscribe("*");
    spy.on("pmessage", (_pattern, channel, text) => {
      if (forger.#heard.length < MOST_HEARD) forger.#heard.push([channel, text]);
    });
    return forger;
  }

  async moveGateways(): Promise<void> {
    for (const key of await this.redis.keys("colink:*:gateways")) {
      const { [FORGED]: _, ...all } = await this.redis.hgetall(key);
      for (const [id, signed] of Object.entries(all)) {
        const moved = signed.replace(/"url":"[^"]+"/, `"url":"${NOWHERE}"`);
        await this.redis.hset(key, { [id]: moved, [FORGED]: moved.replaceAll(id, FORGED) });
      }
    }
  }

  async penalize(): Promise<void> {
    const [presences] = await this.redis.keys("colink:*:gateways");
    if (presences === undefined) return;
    for (const key of await this.redis.keys("colink:*:nodes")) {
      const nodes = Object.values(await this.redis.hgetall(key));
      for (const text of nodes.slice(0, MOST_PENALIZED)) {
        const identity = /"identity":"([^"]+)"/.exec(text)?.[1];
        if (identity !== undefined) await this.#penalizeNode(presences, identity);
      }
    }
  }

  async #penalizeNode(presences: string, identity: string): Promise<void> {
    const at = Date.now();
    const fault = { code: "upstream_error", reason: "no", faults: 9 };
    const penalty = { identity, model: null, ...fault, until: at + YEAR_MS, at };
    const field = JSON.stringify([identity, null]);
    const penalties = presences.replace(/gateways$/, "penalties");
    await this.redis.hset(penalties, field, `signed ${JSON.stringify(penalty)}`);
    const value = { is: "penalty", from: FORGED, penalty };
    const channel = presences.replace(/gateways$/, "changes");
    await this.redis.publish(channel, `signed ${JSON.stringify({ at, n: 1e12, value })}`);
  }

  /** Messages once more, and records as they were. */
  async repeat(): Promise<void> {
    for (const [channel, text] of this.#heard) await this.redis.publish(channel, text);
    for (const key of await this.redis.keys("colink:*:nodes")) {
      const known = this.#records.get(key);
      if (known === undefined) this.#records.set(key, await this.redis.hgetall(key));
      else if (Object.keys(known).length > 0) await this.redis.hset(key, known);
    }
  }

  /** Garbage in every hash and in every channel. */
  async scatter(): Promise<void> {
    for (const key of await this.redis.keys("*colink*")) {
      if (await this.redis.type(key) !== "hash") continue;
      for (const text of GARBAGE) await this.redis.hset(key, `garbage ${text.length}`, text);
    }
    for (const channel of new Set(this.#heard.map(([channel]) => channel))) {
      for (const text of GARBAGE) await this.redis.publish(channel, text);
    }
  }
}
