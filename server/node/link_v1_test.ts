/** Calls with long bodies in wire v1, which are sent with others' turns of the event loop in between. */

import { describe, expect, test } from "bun:test";
import { othersTurn } from "../../protocol/mod.ts";
import type { ReceivedBody } from "./body.ts";
import { bodyOf, call, LinkHarness } from "./testing/link_harness.ts";

const MIB = 1024 * 1024;

/** Characters of one to four bytes, so that slices end within some. */
const TEXT = "a é 中 🙂 \\n";

function connected() {
  const harness = new LinkHarness();
  const socket = harness.dial();
  harness.register(socket);
  return { harness, socket, messages: socket.messages };
}

function longBody(bytes: number, more = ""): string {
  return `{ "model":"m", "seed":9007199254740993${more}, "x":"${
    TEXT.repeat(bytes / Buffer.byteLength(TEXT))
  }"}`;
}

/** Returns after how many turns the condition holds. */
async function turnsUntil(isTrue: () => boolean): Promise<number> {
  for (let turns = 0; turns < 1000; turns++) {
    if (isTrue()) return turns;
    await othersTurn();
  }
  throw new Error("Cannot see it happen: it has not within 1000 turns");
}

describe("a call with a long body in wire v1", () => {
  test("arrives unchanged, after others had many turns", async () => {
    const { harness, messages } = connected();
    const bodyText = longBody(4 * MIB);
    const { received } = call(harness, { body: bodyOf(bodyText) });
    expect(messages).toEqual([]);
    expect(await turnsUntil(() => messages.length > 0)).toBeGreaterThan(16);
    expect(messages).toEqual([
      `{"type":"CALL","data":{"request_id":"req-1","model":"m","payload":${bodyText}}}`,
    ]);
    expect(received.failures).toEqual([]);
  });

  test("asks for usage in a stream whose caller did not, and keeps all else", async () => {
    for (const streamOptions of [null, { include_obfuscation: false }]) {
      const { harness, socket, messages } = connected();
      const more = streamOptions === null
        ? ""
        : `, "stream_options" : ${JSON.stringify(streamOptions)}`;
      const bodyText = longBody(MIB, more);
      call(harness, { body: bodyOf(bodyText), stream: true, streamOptions });
      await turnsUntil(() => messages.length > 0);
      expect(socket.sent[0]!.data.payload).toEqual({
        ...JSON.parse(bodyText),
        stream_options: { ...streamOptions, include_usage: true },
      });
      expect(messages[0]).toContain(`"seed":9007199254740993`);
    }
  });

  test("is not sent once its caller is gone, and its attempt ends without the node", async () => {
    for (const stream of [false, true]) {
      const { harness, messages } = connected();
      const { received, running } = call(harness, { body: bodyOf(longBody(MIB)), stream });
      await othersTurn();
      running!.cancel();
      await turnsUntil(() => received.failures.length > 0);
      expect(received.failures).toMatchObject([{ kind: "interrupted" }]);
      const forgotten = call(harness, { attemptId: "req-2", body: bodyOf(longBody(MIB)), stream });
      forgotten.running!.forget();
      for (let i = 0; i < 50; i++) await othersTurn();
      expect(forgotten.received.failures).toEqual([]);
      expect(messages).toEqual([]);
    }
  });

  test("stays counted for its account while it is prepared, also once its caller is gone", async () => {
    for (const stream of [false, true]) {
      const { harness } = connected();
      const body = bodyOf(longBody(MIB)) as ReceivedBody;
      const { received, running } = call(harness, { body, stream });
      await othersTurn();
      running!.cancel();
      let freed = 0;
      body.onFreed = () => void freed++;
      expect([body.giveUp(), freed]).toEqual([false, 0]);
      await turnsUntil(() => received.failures.length > 0);
      expect(freed).toBe(1);
    }
  });

  test("is lost with its link, once", async () => {
    const { harness, socket, messages } = connected();
    const { received } = call(harness, { body: bodyOf(longBody(MIB)) });
    await othersTurn();
    harness.gone(socket);
    for (let i = 0; i < 50; i++) await othersTurn();
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
    expect(messages).toEqual([]);
  });

  test("goes to another node where the socket does not take it", async () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { body: bodyOf(longBody(MIB)) });
    socket.sendAnswers = 0;
    await turnsUntil(() => received.failures.length > 0);
    expect(received.failures).toMatchObject([{ kind: "interrupted" }]);
  });

  test("counts as unsent from the beginning: a node gets no call beyond 8 MiB of bodies", async () => {
    const { harness, socket, messages } = connected();
    const body = bodyOf(longBody(9 * MIB));
    call(harness, { body });
    expect(call(harness, { attemptId: "req-2" }).running).toBeNull();
    await turnsUntil(() => messages.length > 0);
    expect(call(harness, { attemptId: "req-3" }).running).not.toBeNull();
    expect(socket.sent.at(-1)!.data.request_id).toBe("req-3");
  });
});
