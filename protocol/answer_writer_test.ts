import { describe, expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import { type AnswerTerms, AnswerWriter, type ReadAheadBudget } from "./answer_writer.ts";
import { type Finish, HEADER_BYTES, MAX_FRAME_BYTES, WINDOW_BYTES } from "./frame_v2.ts";
import { framesOf, inShort } from "./testing/frames.ts";

const STREAM = 7;
const tally: Finish = {
  prompt_tokens: 3,
  completion_tokens: 4,
  estimated: false,
  finish_reason: "stop",
  first_byte_ms: 1,
  total_ms: 2,
};
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function start(change: Partial<AnswerTerms> = {}) {
  const terms = {
    windowBytes: 1_000_000,
    maxFrameBytes: MAX_FRAME_BYTES,
    takesPacks: false,
    ...change,
  };
  const sent: Uint8Array[] = [];
  let ends = 0;
  const writer = new AnswerWriter(
    STREAM,
    terms,
    { send: (frame) => void sent.push(frame) },
    () => void ends++,
  );
  return {
    writer,
    write: (text: string) => writer.write(encoder.encode(text)),
    queue: (text: string) => writer.queue(encoder.encode(text)),
    /** Messages sent since the last look, each as its frames. */
    messages: () => sent.splice(0).map((message) => framesOf(message).map(inShort)),
    frames: () => sent.splice(0).flatMap((message) => framesOf(message)),
    ends: () => ends,
  };
}

describe("an answer's frames", () => {
  test("carry the stream's number, the status, the body and the tally", () => {
    const { writer, write, frames } = start();
    writer.setHead({ status: 429, headers: { "retry-after-ms": "5" } });
    write("later");
    writer.finish(tally);
    expect(frames()).toEqual([
      { type: "head", stream: STREAM, data: { status: 429, headers: { "retry-after-ms": "5" } } },
      { type: "stream", stream: STREAM, bytes: encoder.encode("later") },
      { type: "finish", stream: STREAM, data: tally },
    ]);
  });

  test("have status 200 and no headers unless they were set", () => {
    const { write, frames } = start();
    write("a");
    expect(frames()[0]).toMatchObject({ data: { status: 200, headers: {} } });
  });

  test("have the head that was set last before the first byte, once", () => {
    const { writer, write, frames } = start();
    writer.setHead({ status: 200, headers: { a: "1" } });
    writer.setHead({ status: 200, headers: { a: "2" } });
    write("a");
    writer.setHead({ status: 500, headers: {} });
    writer.sendHead();
    write("b");
    const heads = frames().filter(({ type }) => type === "head");
    expect(heads).toMatchObject([{ data: { status: 200, headers: { a: "2" } } }]);
  });

  test("begin with the head alone where the sender does not wait for the body", () => {
    const { writer, write, messages } = start({ takesPacks: true });
    expect(writer.hasBegun).toBe(false);
    writer.sendHead();
    expect(messages()).toEqual([["head"]]);
    expect(writer.hasBegun).toBe(true);
    write("a");
    expect(messages()).toEqual([["a"]]);
  });

  test("hold no empty STREAM", () => {
    const { writer, write, queue, messages } = start();
    write("");
    queue("");
    writer.flush();
    expect(messages()).toEqual([]);
    expect(writer.hasBegun).toBe(false);
  });

  test("are no larger than the receiver takes", () => {
    const { writer, write, messages } = start({ maxFrameBytes: HEADER_BYTES + 4 });
    write("1234");
    write("123456789");
    writer.finish(tally);
    expect(messages().flat()).toEqual(["head", "1234", "1234", "5678", "9", "finish"]);
  });

  test("share a STREAM where pieces were queued until one flush", () => {
    const { writer, write, queue, messages } = start();
    queue("a");
    queue("b");
    expect(messages()).toEqual([]);
    expect([writer.hasBegun, writer.unsentBytes]).toEqual([true, 2]);
    writer.flush();
    expect(messages().flat()).toEqual(["head", "ab"]);
    queue("c");
    write("d");
    expect(messages().flat()).toEqual(["cd"]);
  });
});

describe("the last frame", () => {
  test("is sent once, whichever comes first, and nothing after it", () => {
    for (const first of ["finish", "error"] as const) {
      const { writer, write, queue, messages, ends } = start();
      write("a");
      if (first === "error") writer.fail({ code: 502, message: "broke off" });
      writer.finish(tally);
      writer.fail({ code: 500, message: "too late" });
      write("b");
      queue("c");
      writer.grant(1);
      writer.discard();
      writer.sendHead();
      expect(messages().flat()).toEqual(["head", "a", first]);
      expect(ends()).toBe(1);
    }
  });

  test("ERROR carries its failure, and needs no head", () => {
    const { writer, frames } = start();
    const failure = { code: 503, message: "full", busy: true, retry_after_ms: 4, tally };
    writer.fail(failure);
    writer.sendHead();
    expect(frames()).toEqual([{ type: "error", stream: STREAM, data: failure }]);
  });

  test("waits until the whole body was sent; what is written meanwhile is no part of it", () => {
    const { writer, write, messages, ends } = start({ windowBytes: 2 });
    write("1234");
    writer.finish(tally);
    write("5");
    expect(messages().flat()).toEqual(["head", "12"]);
    writer.grant(1);
    expect(messages().flat()).toEqual(["3"]);
    expect(ends()).toBe(0);
    writer.grant(1);
    expect(messages().flat()).toEqual(["4", "finish"]);
    expect(ends()).toBe(1);
  });
});

describe("credit", () => {
  test("limits the body to the byte, over every grant", () => {
    const { writer, write, messages } = start({ windowBytes: 3 });
    write("123");
    write("4");
    expect(messages().flat()).toEqual(["head", "123"]);
    writer.grant(3);
    write("567");
    expect(messages().flat()).toEqual(["4", "56"]);
    writer.grant(9);
    expect(messages().flat()).toEqual(["7"]);
  });

  test("that is missing holds back the head, too", () => {
    const { write, writer, messages } = start({ windowBytes: 0 });
    write("1");
    expect(messages()).toEqual([]);
    expect(writer.hasBegun).toBe(true);
    writer.grant(1);
    expect(messages().flat()).toEqual(["head", "1"]);
  });

  test("holds the sender back only from the first byte beyond it", () => {
    const { writer, queue } = start({ windowBytes: 3 });
    queue("123");
    expect(writer.isHeldBack).toBe(false);
    queue("4");
    expect(writer.isHeldBack).toBe(true);
    writer.flush();
    expect([writer.isHeldBack, writer.unsentBytes]).toEqual([true, 1]);
    writer.grant(1);
    expect([writer.isHeldBack, writer.unsentBytes]).toEqual([false, 0]);
  });

  test("whatever is written, queued and granted: all arrives, in order, never above what was granted", () => {
    const step = fc.oneof(
      fc.string({ maxLength: 20 }).map((write) => ({ write })),
      fc.string({ maxLength: 20 }).map((queue) => ({ queue })),
      fc.nat(30).map((grant) => ({ grant })),
    );
    const terms = fc.record({
      windowBytes: fc.nat(40),
      maxFrameBytes: fc.integer({ min: HEADER_BYTES + 1, max: 60 }),
      takesPacks: fc.boolean(),
    });
    fc.assert(
      fc.property(terms, fc.array(step, { maxLength: 40 }), (terms, steps) => {
        const { writer, write, queue, frames, ends } = start(terms);
        let granted = terms.windowBytes;
        let expected = "";
        const received: number[] = [];
        const types = new Set<string>();
        const look = () => {
          for (const frame of frames()) {
            types.add(frame.type);
            if (frame.type !== "stream") continue;
            expect(frame.bytes.length + HEADER_BYTES).toBeLessThanOrEqual(terms.maxFrameBytes);
            received.push(...frame.bytes);
          }
          expect(received.length).toBeLessThanOrEqual(granted);
        };
        for (const step of steps) {
          if ("write" in step) {
            expected += step.write;
            write(step.write);
          } else if ("queue" in step) {
            expected += step.queue;
            queue(step.queue);
          } else {
            granted += step.grant;
            writer.grant(step.grant);
          }
          look();
        }
        writer.finish(tally);
        look();
        for (; ends() === 0; look()) {
          granted += 7;
          writer.grant(7);
        }
        expect(decoder.decode(Uint8Array.from(received))).toBe(expected);
        expect([...types]).toEqual(expected === "" ? ["finish"] : ["head", "stream", "finish"]);
      }),
    );
  });
});

describe("an answer that the receiver no longer wants", () => {
  test("ends without the bytes that were not sent, and takes no more of them", () => {
    const { writer, write, queue, messages, ends } = start({ windowBytes: 2 });
    write("1234");
    writer.discard();
    expect([writer.unsentBytes, writer.isHeldBack]).toEqual([0, false]);
    write("5");
    queue("6");
    expect(ends()).toBe(0);
    writer.fail({ code: 499, message: "stopped" });
    expect(messages().flat()).toEqual(["head", "12", "error"]);
    expect(ends()).toBe(1);
  });

  test("ends at once when only credit was missing for its last frame", () => {
    const { writer, write, messages, ends } = start({ windowBytes: 2 });
    write("1234");
    writer.finish(tally);
    writer.discard();
    expect(messages().flat()).toEqual(["head", "12", "finish"]);
    expect(ends()).toBe(1);
  });

  test("that still finishes has a head before its tally, and one that fails needs none", () => {
    const late = start({ windowBytes: 0 });
    late.writer.discard();
    late.write("1");
    late.writer.finish(tally);
    expect(late.messages().flat()).toEqual(["head", "finish"]);
    const waiting = start({ windowBytes: 0 });
    waiting.write("1");
    waiting.writer.finish(tally);
    waiting.writer.discard();
    expect(waiting.messages().flat()).toEqual(["head", "finish"]);
    const failed = start({ windowBytes: 0 });
    failed.write("1");
    failed.writer.discard();
    failed.writer.fail({ code: 499, message: "stopped" });
    expect(failed.messages().flat()).toEqual(["error"]);
  });
});

describe("to a receiver that takes packs", () => {
  test("what leaves together is one message, what leaves alone is itself", () => {
    const { writer, write, queue, messages } = start({ takesPacks: true });
    write("first");
    expect(messages()).toEqual([["head", "first"]]);
    write("second");
    expect(messages()).toEqual([["second"]]);
    queue("third");
    writer.finish(tally);
    expect(messages()).toEqual([["third", "finish"]]);
  });

  test("frames too long for one message leave in their own, in order", () => {
    const long = "x".repeat(17_000);
    const toMany = start({ takesPacks: true });
    toMany.write(long);
    expect(toMany.messages()).toEqual([["head"], [long]]);
    const toFew = start({ takesPacks: true, maxFrameBytes: 60 });
    toFew.write("first");
    expect(toFew.messages()).toEqual([["head"], ["first"]]);
  });
});

describe("answers that share a budget", () => {
  const WINDOW = WINDOW_BYTES;
  const resumable = { isResumable: true, windowBytes: WINDOW };

  /** A receiver that grants half a window once it was taken, and acknowledges the end when it likes. */
  class Receiver {
    readonly writer: AnswerWriter;
    #inFlight: Uint8Array[] = [];
    isLost = false;
    hasHead = false;
    receivedBytes = 0;
    takenBytes = 0;
    grantedBytes = 0;
    hasEnd = false;
    isAcknowledged = false;

    constructor(readAhead: ReadAheadBudget) {
      this.writer = new AnswerWriter(
        STREAM,
        { ...resumable, maxFrameBytes: MAX_FRAME_BYTES, takesPacks: true, readAhead },
        { send: (frame) => void (this.isLost || this.#inFlight.push(frame)) },
        () => {},
      );
    }

    /** What is on its way arrives. */
    receive(): void {
      for (const frame of this.#inFlight.splice(0).flatMap((message) => framesOf(message))) {
        if (frame.type === "head") this.hasHead = true;
        else if (frame.type === "stream") this.receivedBytes += frame.bytes.length;
        else this.hasEnd = true;
      }
    }

    /** The caller reads so many bytes. */
    take(bytes: number): void {
      this.takenBytes = Math.min(this.receivedBytes, this.takenBytes + bytes);
      const ungranted = this.takenBytes - this.grantedBytes;
      if (ungranted < WINDOW / 2 || this.hasEnd || this.isLost) return;
      this.grantedBytes += ungranted;
      this.writer.grant(ungranted);
    }

    lose(): void {
      this.#inFlight = [];
      this.isLost = true;
    }

    comeBack(isCancelled: boolean): boolean {
      this.isLost = false;
      if (this.isAcknowledged) return true;
      if (isCancelled) this.writer.discard();
      const { hasHead, receivedBytes, grantedBytes } = this;
      return this.writer.resume({ hasHead, receivedBytes, grantedBytes, isCancelled });
    }

    acknowledge(): void {
      if (!this.hasEnd || this.isLost) return;
      this.isAcknowledged = true;
      this.writer.forget();
    }
  }

  test("all come to their ends and give back what they took, whatever is lost, cancelled or late", () => {
    const step = fc.record({
      at: fc.nat(5),
      what: fc.constantFrom(
        "write",
        "write",
        "read",
        "read",
        "lose",
        "back",
        "cancel",
        "end",
        "ack",
      ),
      bytes: fc.integer({ min: 1, max: WINDOW }),
    });
    const checked = fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.constantFrom(0, 1_000, WINDOW),
      (steps, budgetBytes) => {
        let takenBytes = 0;
        const budget: ReadAheadBudget = {
          get freeBytes() {
            return budgetBytes - takenBytes;
          },
          take: (bytes) => void (takenBytes += bytes),
        };
        const all = Array.from({ length: 6 }, () => new Receiver(budget));
        let isLost = false;
        const back = () => {
          for (const each of all) expect(each.comeBack(false)).toBe(true);
          isLost = false;
        };
        for (const { at, what, bytes } of steps) {
          const one = all[at]!;
          if (what === "write" && !one.writer.isHeldBack) one.writer.write(new Uint8Array(bytes));
          else if (what === "read") {
            one.receive();
            one.take(bytes);
          } else if (what === "lose" && !isLost) {
            isLost = true;
            for (const each of all) each.lose();
          } else if (what === "back" && isLost) back();
          else if (what === "cancel") one.writer.discard();
          else if (what === "end") one.writer.finish(tally);
          else if (what === "ack") one.acknowledge();
          expect(takenBytes).toBeGreaterThanOrEqual(0);
          expect(takenBytes).toBeLessThanOrEqual(budgetBytes);
        }
        if (isLost) back();
        for (const each of all) each.writer.finish(tally);
        for (let turns = 0; turns < 20; turns++) {
          for (const each of all) {
            each.receive();
            each.take(WINDOW);
          }
        }
        for (const each of all) {
          expect(each.hasEnd).toBe(true);
          each.acknowledge();
        }
        expect(takenBytes).toBe(0);
      },
    );
    fc.assert(checked, { numRuns: 150 });
  });
});
