/** What a gateway publishes of its nodes, also when Redis was away. */

import { beforeEach, describe, expect, test } from "bun:test";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import type { Message, NodeChange, WriteOptions } from "./bus.ts";
import { LEASE_MS } from "./membership.ts";
import { Publisher } from "./publisher.ts";
import { record } from "./testing/record.ts";

/** Changes within this time are published together. */
const COALESCE_MS = 30;
const SOON_MS = 100;

let clock: FakeClock;
let written: (NodeChange & WriteOptions & { fence: number })[];
let published: Message[];
let fence: number;
/** What a write is answered with. */
let answer: boolean | Error | Promise<boolean>;
let publisher: Publisher;

beforeEach(() => {
  clock = new FakeClock();
  [written, published] = [[], []];
  [fence, answer] = [1, true];
  publisher = new Publisher({
    bus: {
      write(id, fence, change, options) {
        expect(id).toBe("gw");
        if (answer instanceof Error) return Promise.reject(answer);
        written.push({ ...change, ...options, fence });
        return Promise.resolve(answer);
      },
      publish(message) {
        published.push(message);
        return Promise.resolve();
      },
    },
    clock,
    id: "gw",
    fence: () => fence,
  });
});

/** What was written, in short. */
function writes() {
  return written.map(({ seq, isWhole, put, gone }) => [
    seq,
    isWhole,
    put.map(({ who }) => who.id).join(),
    gone.join(),
  ]);
}

describe("a gateway's nodes", () => {
  test("are written all at first, then what has changed, together and numbered", async () => {
    publisher.put(record("a"));
    publisher.put(record("b"));
    await clock.pass(SOON_MS);
    publisher.remove("a");
    publisher.remove("never there");
    publisher.put(record("c"));
    await clock.pass(SOON_MS);
    expect(writes()).toEqual([[1, true, "a,b", ""], [2, false, "c", "a"]]);
    expect(written.map(({ keepMs }) => keepMs)).toEqual([4 * LEASE_MS, 4 * LEASE_MS]);
    expect(published).toMatchObject([
      { is: "nodes", from: "gw", change: { seq: 1, gone: [] } },
      { is: "nodes", from: "gw", change: { seq: 2, gone: ["a"] } },
    ]);
    expect([publisher.seq, publisher.size]).toEqual([2, 2]);
    expect(publisher.record("c")).toEqual(record("c"));
  });

  test("are written once where one changes several times at once", async () => {
    publisher.put(record("a", 1));
    publisher.put(record("a", 2));
    await clock.pass(SOON_MS);
    expect(writes()).toEqual([[1, true, "a", ""]]);
    expect(written[0]?.put).toEqual([{ ...record("a", 2), seq: 1 }]);
  });

  test("are not written before the gateway may write", async () => {
    fence = 0;
    publisher.put(record("a"));
    await clock.pass(SOON_MS);
    expect(written).toEqual([]);
    fence = 3;
    publisher.renew(true);
    await settle();
    expect(writes()).toEqual([[1, true, "a", ""]]);
    expect(written[0]?.fence).toBe(3);
  });

  test("are written in parts where they are many, each with its number", async () => {
    for (let i = 0; i < 1_200; i++) publisher.put(record(`n${i}`));
    await clock.pass(SOON_MS);
    expect(written.map(({ seq, isWhole, put }) => [seq, isWhole, put.length])).toEqual([
      [1, true, 500],
      [2, false, 500],
      [3, false, 200],
    ]);
    expect(published).toHaveLength(3);
    // Only of a list that is written again, others do not know all until its last part.
    for (let i = 0; i < 600; i++) publisher.put(record(`n${i}`));
    await clock.pass(SOON_MS);
    expect(written.map(({ hasMore = false }) => hasMore)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test("are written in parts where their models are many", async () => {
    const models = Array.from({ length: 1_500 }, (_, i) => `model-${i}`);
    for (const id of ["a", "b", "c", "d", "e"]) {
      const { offer, ...rest } = record(id);
      publisher.put({
        ...rest,
        offer: { ...offer, models: id === "d" ? [...models, ...models, ...models] : models },
      });
    }
    await clock.pass(SOON_MS);
    expect(writes()).toEqual([
      [1, true, "a,b", ""],
      [2, false, "c", ""],
      [3, false, "d", ""],
      [4, false, "e", ""],
    ]);
  });

  test("that change during a write are written right after it", async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    answer = promise;
    publisher.put(record("a"));
    await clock.pass(SOON_MS);
    publisher.put(record("b"));
    await clock.pass(SOON_MS);
    expect(writes()).toEqual([[1, true, "a", ""]]);
    resolve(true);
    await settle();
    expect(writes()).toEqual([[1, true, "a", ""], [2, false, "b", ""]]);
  });

  test("are written all again when earlier writes are void", async () => {
    publisher.put(record("a"));
    await clock.pass(SOON_MS);
    publisher.renew(true);
    await settle();
    expect(writes()).toEqual([[1, true, "a", ""], [2, true, "a", ""]]);
    expect(published).toHaveLength(2);
  });

  test("are written all again, and not published, when the token is outdated", async () => {
    publisher.put(record("a"));
    await clock.pass(SOON_MS);
    answer = false;
    publisher.put(record("b"));
    await clock.pass(SOON_MS);
    expect(published).toHaveLength(1);
    answer = true;
    publisher.renew(false);
    await settle();
    expect(writes().at(-1)).toEqual([3, true, "a,b", ""]);
    expect(published).toHaveLength(2);
  });

  test("are written all again after Redis was away, at the next heartbeat", async () => {
    publisher.put(record("a"));
    await clock.pass(SOON_MS);
    answer = new Error("away");
    publisher.put(record("b"));
    await clock.pass(SOON_MS);
    answer = true;
    publisher.renew(false);
    publisher.renew(false);
    await settle();
    expect(writes()).toEqual([[1, true, "a", ""], [3, true, "a,b", ""]]);
  });

  test("are renewed before they expire, without a new number and a message", async () => {
    publisher.put(record("a"));
    await clock.pass(COALESCE_MS);
    await clock.pass(LEASE_MS - 1);
    publisher.renew(false);
    await settle();
    expect(written).toHaveLength(1);
    await clock.pass(1);
    publisher.renew(false);
    publisher.renew(false);
    await settle();
    expect(writes()).toEqual([[1, true, "a", ""], [1, false, "", ""]]);
    publisher.renew(false);
    await settle();
    expect(written).toHaveLength(2);
    expect(published).toHaveLength(1);
  });

  test("are all removed when the gateway withdraws them", async () => {
    publisher.put(record("a"));
    publisher.put(record("b"));
    await clock.pass(SOON_MS);
    publisher.removeAll();
    await clock.pass(SOON_MS);
    expect(writes().at(-1)).toEqual([2, false, "", "a,b"]);
    expect(publisher.size).toBe(0);
  });

  test("are not written any more after the gateway has stopped", async () => {
    publisher.put(record("a"));
    publisher.stop();
    expect(clock.pending).toBe(0);
    publisher.renew(true);
    await clock.pass(SOON_MS);
    expect(written).toEqual([]);
  });

  test("are not written further where the gateway stops during a write", async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    answer = promise;
    publisher.put(record("a"));
    await clock.pass(SOON_MS);
    publisher.put(record("b"));
    publisher.stop();
    resolve(true);
    await settle();
    expect(writes()).toEqual([[1, true, "a", ""]]);
  });
});
