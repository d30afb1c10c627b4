/** The console's sessions, over a table in memory. */

import { beforeEach, expect, test } from "bun:test";
import { silentLog } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { Store } from "../store/store.ts";
import { SessionBook } from "./session_book.ts";
import { Sessions } from "./sessions.ts";

let clock: FakeClock;
let added: { userAgent: string | null; expiresAt: number }[];
let seenAt: number[];
let lastSeenAt: number;
let begunAt: number;
let book: SessionBook;
let ended: (readonly string[])[];

beforeEach(() => {
  clock = new FakeClock();
  [added, seenAt, ended, lastSeenAt] = [[], [], [], clock.now()];
  begunAt = clock.now();
  const table = {
    add: (session: (typeof added)[number]) => Promise.resolve(added.push(session) > 0),
    find: (id: string) =>
      Promise.resolve({
        id,
        accountId: "acc",
        createdAt: begunAt,
        lastSeenAt,
        account: { email: "e@x", role: "user" },
      }),
    seen: (_id: string, at: number) => Promise.resolve(void seenAt.push(lastSeenAt = at)),
    end: (_accountId: string, id: string) => Promise.resolve(id === "live"),
    endOthers: () => Promise.resolve([] as string[]),
    ofAccount: () => Promise.resolve([{ id: "this" }, { id: "that" }]),
  };
  const sessions = new Sessions("a secret of at least thirty-two bytes", clock);
  const store = { sessions: table as unknown as Store["sessions"] };
  book = new SessionBook({ store, sessions, clock, log: silentLog });
  book.endings.subscribe((ids) => ended.push(ids));
});

const begin = (userAgent: string | null) =>
  book.begin({ id: "acc", passwordHash: "hash" }, { address: "192.0.2.1", userAgent });

test("a session lasts a day, and keeps the beginning of a user agent without NULs", async () => {
  await begin(`a\0b${"x".repeat(300)}`);
  await begin(null);
  expect(added[0]?.userAgent).toBe(`ab${"x".repeat(197)}`);
  expect(added[1]?.userAgent).toBeNull();
  expect(added[0]?.expiresAt).toBe(clock.now() + 24 * 60 * 60_000);
});

test("a session's last use is stored at most once a minute", async () => {
  const jwt = await begin(null) ?? "";
  await clock.pass(59_999);
  await book.authenticate(jwt);
  expect(seenAt).toEqual([]);
  await clock.pass(1);
  await book.authenticate(jwt);
  await book.authenticate(jwt);
  expect(seenAt).toEqual([clock.now()]);
});

test("only sessions that were ended are reported", async () => {
  await book.end("acc", "live");
  await expect(book.end("acc", "other")).rejects.toMatchObject({ code: "not_found" });
  expect(await book.endOthers("acc", null)).toBe(0);
  expect(ended).toEqual([["live"]]);
});

test("the session that asks is marked among its account's", async () => {
  const marks = (await book.list("acc", "this")).map(({ id, current }) => [id, current]);
  expect(marks).toEqual([["this", true], ["that", false]]);
});

test("a session is fresh for five minutes, and a clock that is set back makes no old one fresh", async () => {
  await clock.pass(299_999);
  expect(await book.isFresh("ses")).toBe(true);
  await clock.pass(1);
  expect(await book.isFresh("ses")).toBe(false);
  clock.setBack(24 * 3_600_000);
  expect(await book.isFresh("ses")).toBe(false);
});
