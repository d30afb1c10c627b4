import { describe, expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { HandedAnswer } from "../node/kept_answer.ts";
import { AnswerHandover, type HandoverMessage } from "./answer_handover.ts";

/** Two gateways, whose messages arrive at once unless the way is cut. */
function twoGateways() {
  const clock = new FakeClock();
  const sent: HandoverMessage[] = [];
  const kept: HandedAnswer[] = [];
  const way = { isCut: false };
  const one: AnswerHandover = new AnswerHandover({
    clock,
    send: (peer, message) => {
      expect(peer).toBe("two");
      sent.push(message);
      if (!way.isCut) two.receive("one", message);
    },
  });
  const two: AnswerHandover = new AnswerHandover({
    clock,
    send: (_peer, message) => one.receive("two", message),
  });
  two.keep = (answer) => kept.push(answer) > 0;
  return { clock, one, two, sent, kept, way };
}

describe("an answer that is given to another gateway", () => {
  for (const size of [0, 1, 256 * 1024, 700_000]) {
    test(`of ${size} bytes arrives whole, in messages that a link takes`, async () => {
      const { one, sent, kept } = twoGateways();
      const bytes = Buffer.alloc(size, "0123456789");
      expect(await one.give("two", { bytes, rest: "{}" })).toBe(true);
      expect(kept).toHaveLength(1);
      expect(Buffer.compare(kept[0]!.bytes as Buffer, bytes)).toBe(0);
      expect(Math.max(...sent.map((message) => JSON.stringify(message).length))).toBeLessThan(
        1 << 19,
      );
    });
  }

  test("that is larger than any is not sent, kept, or held meanwhile", async () => {
    const { one, two, sent, kept } = twoGateways();
    expect(await one.give("two", { bytes: Buffer.alloc(9 << 20), rest: "{}" })).toBe(false);
    expect(sent).toEqual([]);
    // A peer that sends it all the same, in full parts or in more empty ones than an answer can have.
    for (const [transfer, size, parts] of [[-1, 256 << 10, 33], [-2, 0, 8193]] as const) {
      const bytes = Buffer.alloc(size).toString("base64");
      for (let part = 1; part <= parts; part++) {
        two.receive("one", { is: "keep", transfer, bytes, rest: part < parts ? null : "{}" });
      }
    }
    expect(kept).toEqual([]);
    expect(await one.give("two", { bytes: Buffer.alloc(9), rest: "{}" })).toBe(true);
  });

  test("is not kept where the other has no room, or cannot read it", async () => {
    const { one, two } = twoGateways();
    two.keep = () => false;
    expect(await one.give("two", { bytes: Buffer.alloc(1), rest: "{}" })).toBe(false);
    two.keep = () => {
      throw new Error("of another version");
    };
    expect(await one.give("two", { bytes: Buffer.alloc(1), rest: "?" })).toBe(false);
  });

  test("counts as not kept where the other does not answer, or its link ends", async () => {
    const { clock, one, way } = twoGateways();
    way.isCut = true;
    const late = one.give("two", { bytes: Buffer.alloc(1), rest: "{}" });
    await clock.pass(1_000);
    expect(await late).toBeNull();
    const lost = one.give("two", { bytes: Buffer.alloc(1), rest: "{}" });
    one.peerLost("three");
    one.peerLost("two");
    expect(await lost).toBeNull();
  });

  test("is not taken as kept by the word of a third gateway", async () => {
    const { clock, one, way } = twoGateways();
    way.isCut = true;
    const given = one.give("two", { bytes: Buffer.alloc(1), rest: "{}" });
    one.receive("three", { is: "kept", transfer: 1, isKept: true });
    await clock.pass(1_000);
    expect(await given).toBeNull();
  });
});
