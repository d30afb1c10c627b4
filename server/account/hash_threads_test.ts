/** Threads that hash passwords yield to the rest of the program, and end when idle. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { runtimeBcrypt } from "./bcrypt.ts";
import { HashThreads } from "./hash_threads.ts";

const PASSWORD = "correct horse";

test("a thread hashes and compares as the calling thread does", async () => {
  const threads = new HashThreads();
  const hash = await threads.hash(PASSWORD, 4);
  expect(await runtimeBcrypt.verify(PASSWORD, hash)).toBe(true);
  expect(await threads.verify(PASSWORD, hash)).toBe(true);
  expect(await threads.verify("wrong horse", hash)).toBe(false);
});

test("what cannot be hashed is an error, and the thread goes on", async () => {
  const threads = new HashThreads();
  await expect(threads.hash(PASSWORD, 99)).rejects.toThrow("ost");
  expect(await threads.hash(PASSWORD, 4)).toMatch(/^\$2[by]\$04\$/);
});

test("where no thread can be started passwords are hashed all the same", async () => {
  const threads = new HashThreads(new URL("./no_such_program.ts", import.meta.url));
  const hash = await threads.hash(PASSWORD, 4);
  expect(await threads.verify(PASSWORD, hash)).toBe(true);
});

test("a thread that has ended while it was idle is not asked again", async () => {
  const threads = new HashThreads(
    program("onmessage = () => { postMessage({ value: 'by it' }); process.exit(); }"),
  );
  for (let ends = 0; ends < 4; ends++) {
    // By another, where it ended before its answer was read.
    expect(await threads.hash(PASSWORD, 4)).toMatch(/^(by it|\$2)/);
    await Bun.sleep(0);
  }
});

test("a thread that never answers is ended, and the password is hashed all the same", async () => {
  const threads = new HashThreads(program("onmessage = () => {};"), 300);
  expect(await threads.hash(PASSWORD, 4)).toMatch(/^\$2[by]\$04\$/);
});

/** What a thread runs instead. */
function program(text: string): URL {
  return new URL(URL.createObjectURL(new Blob([text], { type: "application/javascript" })));
}

test.if(process.platform === "linux")(
  "threads that hash have a low priority, and the event loop goes on",
  async () => {
    const threads = new HashThreads();
    const before = priorities();
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    await Promise.all([threads.hash(PASSWORD, 8), threads.hash(PASSWORD, 8)]);
    clearInterval(counting);
    expect(turns).toBeGreaterThan(1);
    const added = [...priorities()].filter(([thread]) => !before.has(thread));
    const own = before.get(process.pid)!;
    const low = added.filter(([, nice]) => nice === Math.max(own, 10));
    // Where the whole program has a low priority, so have other threads.
    if (own < 10) expect(low).toHaveLength(2);
    else expect(low.length).toBeGreaterThanOrEqual(2);
  },
);

/** Of this process, by thread. */
function priorities(): Map<number, number> {
  return new Map(
    readdirSync("/proc/self/task").flatMap((thread) => {
      const stat = readUnlessGone(`/proc/self/task/${thread}/stat`);
      // The thread has ended since it was listed.
      if (stat === null) return [];
      // After the name, which is in brackets and may hold spaces; the 19th of all fields.
      const nice = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16];
      return [[Number(thread), Number(nice)] as const];
    }),
  );
}

function readUnlessGone(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
