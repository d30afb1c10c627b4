/** How much is kept of answers, whose goes first, and what slow readers cost others. */

import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { Budgets } from "../base/budgets.ts";
import { ColinkError } from "../base/error.ts";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import type { AnswerName, AnswerReader, AnswerSource, HandedAnswer } from "../node/kept_answer.ts";
import { type StopCode, stopError } from "../schedule/call.ts";
import type { LedgerEntry, ReplaysEntry } from "../store/store.ts";
import { type AnswerState, SharedAnswer } from "./shared_answer.ts";
import { SharedAnswers } from "./shared_answers.ts";
import { servePeer } from "./peer_answers.ts";
import { StoredResponses } from "./stored_responses.ts";

interface HandedRest {
  names: { name: AnswerName; digest: string | null }[];
  state: AnswerState;
}

const KIB = 1024;
const limits = {
  replayMs: 300_000,
  storedResponsesMs: 600_000,
  keptAnswerBytes: 100 * KIB,
  keptAnswerBytesPerAccount: 40 * KIB,
  idempotencyKeys: 50,
};
const CALL_BYTES = 16 * KIB;

class Room {
  readonly clock = new FakeClock();
  readonly budgets = new Budgets();
  readonly answers = new SharedAnswers(
    this.clock,
    limits,
    this.budgets,
    () => Promise.resolve(null),
    (id, replays) => Promise.resolve(void this.recorded.push([id, replays])),
  );
  readonly recorded: [id: string, replays: ReplaysEntry][] = [];
  readonly stopped: string[] = [];
  #calls = 0;

  /** A running call with a key, which the account has just sent. */
  async call(accountId: string, { stream = true } = {}) {
    const id = `req-${this.#calls++}`;
    const name = { accountId, kind: "key", name: id } as const;
    const claim = await this.answers.claim(name, id);
    if (claim.is !== "first") throw new Error("the key is known");
    const request = { accountId, stream, endpoint: Endpoint.chat, model: "m" };
    const call = { id, request, startedAt: 0, stopped: null, stop: () => this.stopped.push(id) };
    const answer: SharedAnswer = new SharedAnswer(call as never, {
      clock: this.clock,
      reserve: (bytes) => this.answers.reserve(answer, bytes),
      hold: () => "enough",
      begins: () => {},
      lingerLimitMs: () => this.answers.lingerLimitMs,
      settled: () => this.answers.settled(),
    }, { keptBytes: CALL_BYTES });
    claim.settle(answer, "digest");
    return answer;
  }

  used(name: string): number {
    return this.budgets.all.find((budget) => budget.name === name)!.size.used!();
  }
}

class Caller implements AnswerReader {
  text = "";
  error: ColinkError | null = null;
  isEnded = false;
  isOutgrown = false;
  isStalled = false;
  source: AnswerSource | null = null;

  head(): void {}
  queued(): void {}
  reject(): void {}
  data(piece: string | Uint8Array, source: AnswerSource): boolean {
    this.source = source;
    this.text += Buffer.from(piece as Uint8Array).toString();
    return !this.isStalled;
  }
  whole(body: string | Uint8Array): void {
    this.text = Buffer.from(body as Uint8Array).toString();
    this.isEnded = true;
  }
  end(): void {
    this.isEnded = true;
  }
  outgrown(): void {
    this.isOutgrown = true;
  }
  fail(error: ColinkError): void {
    this.error = error;
  }
}

const fromStart = { after: null, lingerMs: 30_000 };
const event = (size: number, letter = "x") => `data: ${letter.repeat(size)}\n\n`;
const source = { drained: () => {} };

function attachError(answer: SharedAnswer): string {
  try {
    answer.attach(new Caller(), fromStart);
    return "none";
  } catch (error) {
    return (error as ColinkError).code;
  }
}

test("the answers of a deleted account are forgotten and their calls end; those of others stay", async () => {
  const room = new Room();
  const [gone, kept] = [await room.call("gone"), await room.call("kept")];
  const ended = await room.call("gone");
  gone.data(event(KIB), source);
  ended.data(event(KIB), source);
  ended.end();
  room.answers.ended(ended);
  kept.data(event(KIB), source);
  room.answers.forgetAccount("gone");
  expect(room.stopped).toEqual([gone.call.id]);
  expect(room.answers.size).toBe(1);
  expect(room.answers.has({ accountId: "kept", kind: "key", name: kept.call.id })).toBe(true);
  expect(attachError(ended)).toBe("replay_gone");
  gone.end();
  room.answers.ended(gone);
  expect([attachError(gone), attachError(kept)]).toEqual(["replay_gone", "none"]);
});

describe("a gateway that leaves", () => {
  /** A call whose caller leaves after so long, if at all. */
  async function left(room: Room, lingerMs: number) {
    const answer = await room.call("a");
    return answer.attach(new Caller(), { after: null, lingerMs });
  }

  test("waits only so long for callers that have left, or leave, and not for longer than it was asked", async () => {
    const room = new Room();
    for (const lingerMs of [300_000, 12_000, 3_000]) (await left(room, lingerMs))("caller_gone");
    const later = await left(room, 300_000);
    await room.clock.pass(1_000);
    room.answers.drain(10_000);
    await room.clock.pass(1_900);
    expect(room.stopped).toEqual([]);
    later("caller_gone");
    await room.clock.pass(200);
    expect(room.stopped).toEqual(["req-2"]);
    await room.clock.pass(8_000);
    expect(room.stopped.toSorted()).toEqual(["req-0", "req-1", "req-2"]);
    await room.clock.pass(2_000);
    expect(room.stopped.toSorted()).toEqual(["req-0", "req-1", "req-2", "req-3"]);
  });

  test("waits for those who have lost an answer that has ended, until they have it or their time is over", async () => {
    const room = new Room();
    const isIdle = async (ms: number) => {
      const idle = room.answers.idle().then(() => true);
      await room.clock.pass(ms);
      return await Promise.race([idle, settle().then(() => false)]);
    };
    const [missed, read] = [await room.call("a"), await room.call("a")];
    read.attach(new Caller(), fromStart);
    for (const answer of [missed, read]) answer.data(event(KIB), source);
    missed.attach(new Caller(), fromStart)("caller_gone");
    for (const answer of [missed, read]) {
      answer.end();
      room.answers.ended(answer);
    }
    room.answers.drain(0);
    expect(await isIdle(100)).toBe(true);
    room.answers.drain(10_000);
    expect(await isIdle(5_000)).toBe(false);
    const idle = room.answers.idle().then(() => true);
    missed.attach(new Caller(), fromStart);
    // At once: no time passes.
    expect(await isIdle(0)).toBe(true);
    expect(await idle).toBe(true);
    const lost = await room.call("a");
    lost.attach(new Caller(), fromStart)("caller_gone");
    lost.end();
    expect(await isIdle(9_000)).toBe(false);
    expect(await isIdle(1_100)).toBe(true);
  });

  test("ends none that is read, or that was asked to run without a caller", async () => {
    const room = new Room();
    await left(room, 300_000);
    const background = await room.call("a");
    background.store({ background: true, input: null, echo: null } as never);
    background.attach(new Caller(), { after: null, lingerMs: 0 })("caller_gone");
    const returned = await room.call("a");
    returned.attach(new Caller(), fromStart)("caller_gone");
    returned.attach(new Caller(), fromStart);
    room.answers.drain(0);
    await room.clock.pass(400_000);
    expect(room.stopped).toEqual([]);
  });
});

test("callers who come back are counted with their place, and after the call's end in the ledger", async () => {
  const room = new Room();
  const answer = await room.call("a");
  const back = (after: number | null) =>
    room.answers.attach(
      { answer, digest: "digest" },
      { after, lingerMs: null, digest: "digest", models: null },
      new Caller(),
    );
  answer.attach(new Caller(), fromStart);
  expect(answer.replays).toBeNull();
  for (let i = 0; i < 3; i++) answer.data(event(10), source);
  await room.clock.pass(1_000);
  back(2);
  expect(() => back(9)).toThrow("");
  answer.end();
  room.answers.ended(answer);
  await room.clock.pass(10_000);
  expect(room.recorded).toEqual([]);

  for (let i = 0; i < 12; i++) back(null);
  await room.clock.pass(4_000);
  expect(room.recorded).toEqual([]);
  back(1);
  await room.clock.pass(2_000);
  expect(room.recorded).toHaveLength(1);
  const [id, { count, last }] = room.recorded[0]!;
  expect([id, count, last.length]).toEqual([answer.call.id, 14, 10]);
  expect(last.at(-1)).toMatchObject({ afterEvent: 1, wasEnded: true });
  await room.clock.pass(60_000);
  expect(room.recorded).toHaveLength(1);
});

describe("an answer beyond its bound", () => {
  test("goes on for those who read it, who are told, and can be read by no one else", async () => {
    const room = new Room();
    const answer = await room.call("a");
    const caller = new Caller();
    answer.attach(caller, fromStart);
    for (let i = 0; i < 30; i++) answer.data(event(KIB), source);
    expect(caller.isOutgrown).toBe(true);
    expect(room.used("kept_answer_bytes")).toBe(0);
    expect(attachError(answer)).toBe("replay_gone");
    answer.end();
    expect([caller.isEnded, caller.text.match(/^id: /gm)!.length]).toEqual([true, 31]);
    expect(attachError(answer)).toBe("replay_gone");
  });

  test.each(["whole", "rejected"])("counts nothing any more that comes later: %s", async (end) => {
    const room = new Room();
    const answer = await room.call("a", { stream: false });
    const caller = new Caller();
    answer.attach(caller, fromStart);
    answer.forget();
    if (end === "whole") answer.whole(`{"text":"${"x".repeat(KIB)}"}`);
    else answer.reject({ status: 400, headers: {}, body: "no" } as never);
    expect(room.used("kept_answer_bytes")).toBe(0);
    expect(caller.isEnded || end === "rejected").toBe(true);
  });

  test("waits there for a caller who has left, and is cancelled without one in the end", async () => {
    const room = new Room();
    const answer = await room.call("a");
    const first = new Caller();
    answer.attach(first, fromStart)("caller_gone");
    let sent = 0;
    while (answer.data(event(KIB), source)) sent++;
    expect(sent).toBeGreaterThan(5);
    expect(sent).toBeLessThan(CALL_BYTES / KIB);
    let drained = 0;
    answer.data(event(1), { drained: () => drained++ });
    const second = new Caller();
    answer.attach(second, fromStart);
    expect([drained, answer.isKept]).toEqual([1, true]);
    expect(answer.data(event(KIB), source)).toBe(true);
    await room.clock.pass(60_000);
    expect(room.stopped).toEqual([]);
  });

  test("that is given whole is kept up to it, and given once if it is larger", async () => {
    for (const [bytes, isKept] of [[10 * KIB, true], [20 * KIB, false]] as const) {
      const room = new Room();
      const answer = await room.call("a", { stream: false });
      const caller = new Caller();
      answer.attach(caller, fromStart);
      answer.whole("x".repeat(bytes));
      expect([caller.text.length, caller.isOutgrown]).toEqual([bytes, !isKept]);
      expect(attachError(answer)).toBe(isKept ? "none" : "replay_gone");
    }
  });
});

describe("a caller who does not read", () => {
  test("does not slow down those who do", async () => {
    const room = new Room();
    const answer = await room.call("a");
    const [slow, quick] = [new Caller(), new Caller()];
    slow.isStalled = true;
    answer.attach(slow, fromStart);
    answer.attach(quick, fromStart);
    for (let i = 0; i < 40; i++) expect(answer.data(event(KIB), source)).toBe(true);
    answer.end();
    expect(quick.text.match(/^id: /gm)).toHaveLength(41);
    slow.isStalled = false;
    slow.source!.drained();
    expect(slow.text).toBe(quick.text);
  });

  test("holds up its own call when nobody else reads, and reads on from its own place", async () => {
    const room = new Room();
    const answer = await room.call("a");
    const caller = new Caller();
    caller.isStalled = true;
    answer.attach(caller, fromStart);
    let drained = 0;
    const node = { drained: () => drained++ };
    let sent = 1;
    while (answer.data(event(KIB, String(sent % 10)), node)) sent++;
    expect(sent).toBeLessThan(CALL_BYTES / KIB);
    caller.isStalled = false;
    caller.source!.drained();
    expect([drained, answer.data(event(1), node)]).toEqual([1, true]);
    expect(caller.text.match(/^id: /gm)).toHaveLength(sent + 1);
  });

  test("among too many callers of one answer is cut off where it came first", async () => {
    const room = new Room();
    const answer = await room.call("a");
    const callers = Array.from({ length: 10 }, () => new Caller());
    for (const caller of callers) answer.attach(caller, fromStart);
    expect(callers.map(({ error }) => error?.code ?? "") as string[]).toEqual([
      ...["too_many_streams", "too_many_streams"],
      ...Array.from({ length: 8 }, () => ""),
    ]);
    answer.data(event(1), source);
    answer.end();
    expect(callers.filter(({ isEnded }) => isEnded)).toHaveLength(8);
  });
});

test("a rejection is counted, and one for which there is no room is given once", async () => {
  const room = new Room();
  const rejection = (size: number) => ({ status: 422, headers: {}, body: "x".repeat(size) });
  const small = await room.call("a");
  small.reject(rejection(KIB));
  expect(room.used("kept_answer_bytes")).toBeWithin(KIB, 3 * KIB);
  const large = await room.call("a");
  large.reject(rejection(100 * KIB));
  expect([attachError(small), attachError(large)]).toEqual(["replay_gone", "replay_gone"]);
  for (const answer of [small, large]) room.answers.ended(answer);
  await room.clock.pass(300_000);
  expect(room.used("kept_answer_bytes")).toBe(0);
});

describe("one account's answers", () => {
  const fill = async (room: Room, account: string, bytes: number) => {
    const answer = await room.call(account);
    answer.attach(new Caller(), fromStart);
    answer.data(event(bytes), source);
    answer.end();
    room.answers.ended(answer);
    return answer;
  };

  test("push out its own oldest, and nobody else's", async () => {
    const room = new Room();
    const bystander = await fill(room, "bystander", 10 * KIB);
    const own = [];
    for (let i = 0; i < 20; i++) own.push(await fill(room, "greedy", 10 * KIB));
    expect(bystander.isKept).toBe(true);
    expect(own.map(({ isKept }) => isKept).lastIndexOf(false)).toBeGreaterThan(10);
    expect(own.at(-1)!.isKept).toBe(true);
    expect(room.used("kept_answer_bytes_per_account")).toBeLessThanOrEqual(40 * KIB);
    // Those that went are remembered: nothing runs a second time.
    const again = await room.answers.claim({
      accountId: "greedy",
      kind: "key",
      name: own[0]!.call.id,
    }, "x");
    expect(again.is).toBe("here");
  });

  test("of many accounts push out those of the account that holds most", async () => {
    const room = new Room();
    const small = await fill(room, "small", 2 * KIB);
    for (let i = 0; i < 12; i++) await fill(room, `account ${i % 4}`, 12 * KIB);
    expect(small.isKept).toBe(true);
    expect(room.used("kept_answer_bytes")).toBeLessThanOrEqual(100 * KIB);
  });

  test("are forgotten in time, and hold nothing then", async () => {
    const room = new Room();
    for (let i = 0; i < 30; i++) await fill(room, `account ${i % 3}`, KIB);
    expect(room.answers.size).toBe(30);
    await room.clock.pass(300_000);
    expect([room.answers.size, room.used("kept_answer_bytes"), room.clock.pending]).toEqual([
      0,
      0,
      0,
    ]);
  });

  test("a thousand keys a second are refused beyond their number, and cost no other account its own", async () => {
    const room = new Room();
    const bystander = await fill(room, "bystander", 10);
    const refusals: string[] = [];
    for (let i = 0; i < 1_000; i++) {
      await room.call("flood").then((answer) => answer.end(), ({ code }) => refusals.push(code));
    }
    expect(refusals.length).toBe(1_000 - limits.idempotencyKeys);
    expect(new Set(refusals)).toEqual(new Set(["too_many_idempotency_keys"]));
    expect([bystander.isKept, room.answers.size]).toEqual([true, limits.idempotencyKeys + 1]);
    await room.call("bystander");
  });
});

test("whatever 200 random seeds do, memory is counted, bounded and given back", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const below = (n: number) => (state = (state * 48271) % 2147483647) % n;
    const room = new Room();
    const running: SharedAnswer[] = [];
    const callers: Caller[] = [];
    for (let step = 0; step < 60; step++) {
      const answer = running[below(running.length || 1)];
      const dice = below(10);
      if (dice < 2 || answer === undefined) {
        await room.call(`account ${below(3)}`).then((one) => running.push(one), () => {});
      } else if (dice < 4) {
        const caller = new Caller();
        caller.isStalled = below(3) === 0;
        callers.push(caller);
        if (answer.isKept && !answer.isEnded) answer.attach(caller, fromStart);
      } else if (dice < 8) {
        answer.data(event(1 + below(6 * KIB)), source);
      } else if (dice < 9) {
        running.splice(running.indexOf(answer), 1);
        answer.end();
        room.answers.ended(answer);
      } else {
        for (const caller of callers) caller.isStalled = false;
        for (const caller of callers) caller.source?.drained();
      }
      expect(room.used("kept_answer_bytes")).toBeWithin(0, limits.keptAnswerBytes + 1);
      expect(room.used("kept_answer_bytes_per_account"))
        .toBeWithin(0, limits.keptAnswerBytesPerAccount + 1);
    }
    for (const answer of running) {
      answer.end();
      room.answers.ended(answer);
    }
    await room.clock.pass(700_000);
    expect([seed, room.answers.size, room.used("kept_answer_bytes"), room.clock.pending])
      .toEqual([seed, 0, 0, 0]);
  }
});

test("a response in the background is given again as it is now to callers of other gateways, too", async () => {
  const room = new Room();
  const answer = await room.call("alice", { stream: false });
  const terms = { id: "resp_1", isOwnId: true, background: true, previousId: null };
  answer.store({ ...terms, input: null, echo: null });
  const name = { accountId: "alice", kind: "key", name: answer.call.id } as const;
  const about = { after: null, lingerMs: 0, digest: "digest", models: null };
  const asked = async (change: object) => {
    const caller = new Caller();
    const question = {
      asks: "key",
      name,
      callId: name.name,
      about: { ...about, ...change },
    } as const;
    await servePeer(room.answers, question, caller);
    return JSON.parse(caller.text) as object;
  };
  expect(await asked({})).toMatchObject({ id: "resp_1", status: "queued" });
  await expect(asked({ digest: "other" })).rejects.toMatchObject({
    code: "idempotency_key_reused",
  });
  await expect(asked({ models: ["n"] })).rejects.toMatchObject({ code: "model_not_allowed" });
});

describe("answers of a gateway that stops", () => {
  const failure = (code: string, message: string | null) =>
    ({ is: "failed", code, message, isStop: false }) as never;
  const ledgerRow = (outcome: string) =>
    ({ outcome, promptTokens: 7, completionTokens: 9 }) as LedgerEntry;

  /** A room whose answers go to others, which answer as `give` does. */
  function leaving(give: (gateway: string, handed: HandedAnswer) => boolean | null) {
    const room = new Room();
    const asked: string[] = [];
    const moved: [name: string, gateway: string][] = [];
    const released: string[] = [];
    room.answers.others = {
      claim: () => Promise.resolve(null),
      find: () => Promise.resolve(null),
      renew: () => {},
      release: ({ name }) => void released.push(name),
      move: ({ name }, { gateway }) => Promise.resolve(void moved.push([name, gateway])),
      successors: () => ["b", "c"],
      give: (gateway, handed) => {
        asked.push(gateway);
        return Promise.resolve(give(gateway, handed));
      },
      standingOf: () => "linked",
      ask: () => () => false,
    };
    const ended = async () => {
      const answer = await room.call("alice");
      answer.data(event(KIB), source);
      answer.end();
      room.answers.ended(answer);
      return answer;
    };
    return { room, asked, moved, released, ended };
  }

  const unaborted = new AbortController().signal;

  test("go to the next gateway where one has no room, or does not answer, which is asked once", async () => {
    for (const [says, asks] of [[false, "bcbc"], [null, "bcc"]] as const) {
      const { room, asked, moved, ended } = leaving((gateway) => gateway === "c" || says);
      await ended();
      await ended();
      expect(await room.answers.handOver(unaborted)).toBe(2);
      expect(asked.join("")).toBe(asks);
      expect(moved.map(([, gateway]) => gateway)).toEqual(["c", "c"]);
    }
  });

  test("are given once, and callers who have left are waited for here no longer", async () => {
    const { room, asked, ended } = leaving(() => true);
    room.answers.drain(10_000);
    const answer = await room.call("alice");
    answer.attach(new Caller(), fromStart)("caller_gone");
    answer.data(event(KIB), source);
    answer.end();
    room.answers.ended(answer);
    await ended();
    let isIdle = false;
    const idle = room.answers.idle().then(() => isIdle = true);
    await settle();
    expect(isIdle).toBe(false);
    expect(await room.answers.handOver(unaborted)).toBe(2);
    await room.answers.idle();
    expect(await room.answers.handOver(unaborted)).toBe(0);
    expect(asked).toHaveLength(2);
    await room.clock.pass(10_000);
    await idle;
  });

  test("are not given where the same request may run again", async () => {
    const { room, asked } = leaving(() => true);
    const answer = await room.call("alice");
    answer.reject({ status: 429, headers: {}, body: "{}" } as never);
    expect(await room.answers.handOver(unaborted)).toBe(0);
    expect(asked).toEqual([]);
  });

  test("are given with a failure that the same request would meet again, in its own words", async () => {
    const given: HandedAnswer[] = [];
    const { room } = leaving((_, handed) => given.push(handed) > 0);
    const said = { provider: "é".repeat(5_000), gateway: "Cannot give the answer: too large" };
    for (const message of Object.values(said)) {
      const answer = await room.call("alice");
      answer.data(event(KIB), source);
      answer.fail(new ColinkError("answer_too_large", message, { param: "model" }));
      room.answers.ended(answer);
    }
    expect(await room.answers.handOver(unaborted)).toBe(2);
    const other = new Room();
    const held: number[] = [];
    const heard = given.map((handed) => {
      expect(other.answers.keep(handed)).toBe(true);
      held.push(other.used("kept_answer_bytes"));
      const { name } = (JSON.parse(handed.rest) as HandedRest).names[0]!;
      const caller = new Caller();
      other.answers.find(name)!.answer!.attach(caller, fromStart);
      return [caller.text, caller.error!.code, caller.error!.param, caller.error!.message];
    });
    expect(heard).toEqual([
      [`id: 1\n${event(KIB)}`, "answer_too_large", "model", said.gateway],
      [`id: 1\n${event(KIB)}`, "answer_too_large", "model", said.provider.slice(0, 2_000)],
    ]);
    // What is said is counted, too.
    expect(held[1]! - 2 * held[0]!).toBeGreaterThan(3_500);
  });

  describe("of calls that were cut off", () => {
    type Cut = { what: string; code: StopCode; begins: boolean; stream: boolean; reads: boolean };
    const cuts: (Cut & { runsAgain: boolean })[] = [
      ["had not begun", "shutting_down", false, true, true, true],
      ["had not begun, and had no caller", "shutting_down", false, true, false, true],
      ["had given its caller nothing, who is told", "shutting_down", true, false, true, true],
      ["had given a part", "shutting_down", true, true, true, false],
      ["had begun, and had no caller to tell", "shutting_down", true, false, false, false],
      ["had lost its caller", "caller_gone", true, true, false, false],
    ].map(([what, code, begins, stream, reads, runsAgain]) =>
      ({ what, code, begins, stream, reads, runsAgain }) as Cut & { runsAgain: boolean }
    );
    for (const { what, code, begins, stream, reads, runsAgain } of cuts) {
      test(`one that ${what} ${runsAgain ? "may run again" : "is kept as what the ledger has of it"}`, async () => {
        const given: HandedAnswer[] = [];
        const { room, released } = leaving((_, handed) => given.push(handed) > 0);
        const answer = await room.call("alice", { stream });
        const caller = new Caller();
        const leave = answer.attach(caller, fromStart);
        if (!reads) leave("caller_gone");
        if (begins) answer.head({ who: { publicId: "n" } }, {});
        if (begins && stream) answer.data(event(KIB), source);
        answer.fail(stopError(code));
        answer.entry = ledgerRow("interrupted");
        room.answers.ended(answer);
        if (reads) expect(caller.error).toMatchObject({ code });
        const name = { accountId: "alice", kind: "key", name: answer.call.id } as const;
        const expected = runsAgain ? [1, 0, false] : [0, 1, true];
        const handed = await room.answers.handOver(unaborted);
        expect([released.length, handed, room.answers.has(name)]).toEqual(expected as never);
        if (runsAgain) return;
        expect(given[0]!.bytes).toHaveLength(0);
        const other = new Room();
        expect(other.answers.keep(given[0]!)).toBe(true);
        for (const { answers } of [room, other]) {
          for (const after of [null, 1]) {
            const question = { after, lingerMs: 0, digest: "digest", models: null };
            expect(() => answers.attach(answers.find(name)!, question, new Caller())).toThrow(
              "ended (interrupted) with 7 prompt and 9 completion tokens",
            );
          }
        }
      });
    }

    const stored: [code: StopCode, view: object][] = [
      ["shutting_down", { status: "failed", error: { code: "shutting_down" } }],
      ["call_cancelled", { status: "cancelled" }],
    ];
    test.each(stored)(
      "one that is also stored under its id is seen elsewhere as here: %s",
      async (code, view) => {
        const given: HandedAnswer[] = [];
        const { room } = leaving((_, handed) => given.push(handed) > 0);
        const answer = await room.call("alice");
        const name = { accountId: "alice", kind: "response", name: "resp_1" } as const;
        room.answers.add(name, answer);
        answer.store({ id: "resp_1", background: true, input: null, echo: null } as never);
        const response = JSON.stringify({ response: { id: "resp_1", status: "in_progress" } });
        answer.data(`data: ${response}\n\n`, source);
        Object.assign(answer.call, { stopped: stopError(code) });
        answer.fail(stopError(code));
        room.answers.ended(answer);
        expect(await room.answers.handOver(unaborted)).toBe(1);
        const other = new Room();
        expect(other.answers.keep(given[0]!)).toBe(true);
        for (const { answers } of [room, other]) {
          const caller = new Caller();
          new StoredResponses(answers).serve(name, { verb: "retrieve", search: "" }, caller);
          expect(JSON.parse(caller.text)).toMatchObject({ id: "resp_1", ...view });
        }
      },
    );
  });

  const lies: [what: string, change: (rest: HandedRest) => void][] = [
    ["a name twice", ({ names }) => names.push(names[0]!)],
    ["a name of another account", ({ names }) => names[0]!.name.accountId = "bob"],
    ["more names than an account has", ({ names }) => {
      const { name: { name }, digest } = names[0]!;
      for (let i = 0; i < limits.idempotencyKeys; i++) {
        names.push({ name: { accountId: "alice", kind: "key", name: name + i }, digest });
      }
    }],
    ["an end in the future", ({ state }) => state.endedForMs = -1e15],
    ["no end", ({ state }) => state.end = { is: "running" } as never],
    ["an unknown failure", ({ state }) => state.end = failure("toString", "no")],
    ["a failure without words", ({ state }) => state.end = failure("answer_too_large", null)],
    ["a failure of many words", ({ state }) => {
      state.end = failure("answer_too_large", "x".repeat(3_000));
    }],
    ["a rejection that says nothing", ({ state }) => state.end = { is: "rejected" } as never],
    ["terms that say nothing", ({ state }) => state.stored = {} as never],
    ["events that overlap", ({ state }) => state.ends = [5, 2]],
    ["events beyond its bytes", ({ state }) => state.ends = [1e9]],
  ];
  for (const [what, change] of lies) {
    test(`are not kept with ${what}, and nothing is counted for them`, async () => {
      const given: HandedAnswer[] = [];
      const { room, ended } = leaving((_, handed) => given.push(handed) > 0);
      await ended();
      await room.answers.handOver(unaborted);
      const other = new Room();
      const rest = JSON.parse(given[0]!.rest) as HandedRest;
      change(rest);
      let isKept = false;
      try {
        isKept = other.answers.keep({ ...given[0]!, rest: JSON.stringify(rest) });
      } catch {
        // As the link to the gateway that gives it does.
      }
      expect([isKept, other.answers.size]).toEqual([false, 0]);
      expect([other.used("kept_answer_bytes"), other.used("idempotency_keys")]).toEqual([0, 0]);
      expect(other.answers.keep(given[0]!)).toBe(true);
    });
  }
});
