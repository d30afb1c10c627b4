/** What a caller gets of what the relay writes: status, headers, events, and how they end. */

import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";
import { World } from "../call/testing/world.ts";
import { HttpAnswer } from "./answer.ts";
import { endpoints } from "./endpoints.ts";

const limits = {
  keepAliveMs: 10_000,
  wholeKeepAliveMs: 45_000,
  stallMs: 30_000,
  maxBufferedBytes: 1_000_000,
  publicUrl: null,
};

interface Options {
  endpoint?: Endpoint;
  stream?: boolean;
}

function start({ endpoint = Endpoint.chat, stream = true }: Options = {}) {
  const world = new World();
  const call = world.call({ endpoint, stream });
  const row = endpoints.find(({ path }) => path === endpoint)!;
  const memory = {
    heldBytes: 0,
    isBodyHeld: true,
    begins: () => {
      memory.isBodyHeld = false;
    },
    hold: (bytes: number) => {
      memory.heldBytes += bytes;
      return "enough" as const;
    },
  };
  const connection = { endings: 0, ending: () => void connection.endings++, progress };
  const answer = new HttpAnswer(
    call,
    row,
    world.clock,
    limits,
    { "x-request-id": call.id, "x-ratelimit-limit-requests": "60" },
    connection,
    memory,
  );
  let response: Response | null = null;
  void answer.response.then((decided) => response = decided);
  const { node } = world.node("a");
  return { world, call, answer, connection, memory, node, decided: () => response };
}

const progress = (): Promise<string | null> => Promise.resolve(null);

const source = { drains: 0, drained: () => void source.drains++ };

describe("an answer that is given whole", () => {
  test("has its node's headers, and the gateway's own where both name one", async () => {
    const { world, answer, connection, node } = start({ stream: false });
    await world.clock.pass(1_234);
    answer.head(node, { "x-upstream-request-id": "7", "x-ratelimit-limit-requests": "9" });
    answer.whole(`{"é":1}`);
    const { status, headers } = await answer.response;
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/json",
      "x-colink-node": "a",
      "x-upstream-request-id": "7",
      "x-ratelimit-limit-requests": "60",
      "openai-processing-ms": "1234",
    });
    expect([answer.deliveredBytes, answer.deliveredChunks, connection.endings]).toEqual([8, 1, 1]);
  });

  test("begins with white space when it takes long, and has its bytes behind it", async () => {
    const { world, answer, memory, node, decided } = start({ stream: false });
    expect([answer.deliveredBytes, answer.deliveredChunks]).toEqual([0, 0]);
    await world.clock.pass(limits.wholeKeepAliveMs - 1);
    expect(decided()).toBeNull();
    await world.clock.pass(1);
    const { status, headers, body } = await answer.response;
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/json",
      "x-accel-buffering": "no",
    });
    const text = new Response(body).text();
    await world.clock.pass(3 * limits.keepAliveMs);
    expect(answer.hasBegun).toBe(false);
    answer.head(node, {});
    answer.hold(7);
    answer.whole(`{"a":1}`);
    expect(await text).toBe(`    {"a":1}`);
    expect([answer.deliveredBytes, answer.deliveredChunks, memory.heldBytes]).toEqual([7, 1, 0]);
    expect(world.clock.pending).toBe(0);
  });

  test("that fails before it has begun has the error's status, and fails cut off where white space went", async () => {
    const { world, answer, decided } = start({ stream: false });
    answer.fail(new ColinkError("node_lost", "Lost"));
    expect((await answer.response).status).toBe(502);
    expect(world.clock.pending).toBe(0);

    const late = start({ stream: false });
    await late.world.clock.pass(limits.wholeKeepAliveMs);
    const { body, status } = await late.answer.response;
    const reader = body!.getReader();
    const first = reader.read();
    late.answer.fail(new ColinkError("node_lost", "Lost"));
    const rest = await readToEnd(reader, late.world, [await first]);
    expect(status).toBe(200);
    // No object: the brace at its end is missing, even if the cut goes unnoticed.
    expect(rest.text.trim()).toStartWith(`{"error":{"message":"Lost"`);
    expect(() => JSON.parse(rest.text)).toThrow();
    expect(rest.isCut).toBe(true);
    expect(decided()?.status).toBe(502);
  });

  test("and is large goes on piece by piece, and counts until it is taken", async () => {
    const { answer, memory, connection } = start({ stream: false });
    const part = "x".repeat(300_000);
    answer.hold(2 * part.length + 4);
    const gone = [`{"`, part, part, `"}`].map((piece) => answer.data(piece, source));
    expect(gone).toEqual([false, false, false, false]);
    expect([memory.isBodyHeld, memory.heldBytes]).toEqual([false, 600_004]);
    const text = (await answer.response).text();
    answer.end();
    expect((await text).length).toBe(600_004);
    expect([memory.heldBytes, answer.deliveredBytes, connection.endings]).toEqual([0, 600_004, 1]);
  });

  test("at once counts until it is taken, where it is large", async () => {
    const { answer, memory } = start({ stream: false });
    const body = `{"a":"${"x".repeat(100_000)}"}`;
    answer.hold(body.length);
    answer.whole(body);
    expect(memory.heldBytes).toBe(body.length);
    expect(await (await answer.response).text()).toBe(body);
    expect(memory.heldBytes).toBe(0);
  });
});

/** Reads what is left of a body whose connection may be cut. */
async function readToEnd(
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
  world: World,
  read: { value?: Uint8Array | undefined }[],
): Promise<{ text: string; isCut: boolean }> {
  const textOf = () => Buffer.concat(read.map(({ value }) => value ?? new Uint8Array())).toString();
  for (;;) {
    const next = reader.read();
    await world.clock.pass(1_000);
    try {
      const { done, value } = await next;
      if (done) return { text: textOf(), isCut: false };
      read.push({ value });
    } catch {
      return { text: textOf(), isCut: true };
    }
  }
}

describe("a stream", () => {
  test("that is rejected before it begins gets the upstream's status and body, and nothing more", async () => {
    const { world, answer, connection, decided } = start();
    answer.reject({ status: 422, body: `{"error":{"code":"x"}}`, headers: { "x-a": "1" } });
    const response = await answer.response;
    expect([response.status, response.headers.get("x-a")]).toEqual([422, "1"]);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(connection.endings).toBe(1);
    expect(world.clock.pending).toBe(0);
    await world.clock.pass(10 * limits.keepAliveMs);
    expect(decided()).toBe(response);
    expect(await response.text()).toBe(`{"error":{"code":"x"}}`);
    expect([answer.deliveredBytes, answer.deliveredChunks]).toEqual([0, 0]);
  });

  test("that fails before it begins gets the error's status, and nothing more", async () => {
    const { world, answer, connection } = start();
    answer.fail(new ColinkError("queue_full", "Full", { retryAfterMs: 1_500 }));
    const response = await answer.response;
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "2"]);
    expect([connection.endings, world.clock.pending]).toEqual([1, 0]);
  });

  test("whose node thinks for long has status 200 and a comment, and its failure is an event", async () => {
    const { world, answer, node, decided } = start();
    await world.clock.pass(limits.keepAliveMs - 1);
    expect(decided()).toBeNull();
    answer.head(node, {});
    await world.clock.pass(1);
    const response = await answer.response;
    expect(answer.hasBegun).toBe(false);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-colink-node": "a",
    });
    answer.fail(new ColinkError("node_lost", "Lost"));
    const text = await response.text();
    expect(text).toStartWith(": keep-alive\n\ndata: {");
    expect(text).toContain(`"code":"node_lost"`);
    expect(text).not.toContain("[DONE]");
    expect(world.clock.pending).toBe(0);
  });

  test("that is rejected after it was answered early ends with the rejection as an event", async () => {
    const { answer } = start();
    answer.queued(3);
    answer.reject({ status: 400, body: `{"error":{"code":"x"}}`, headers: {} });
    expect(await (await answer.response).text())
      .toBe(`: queued 3\n\ndata: {"error":{"code":"x"}}\n\n`);
  });

  test("that is answered early does not name a node which has failed", async () => {
    const { answer, node } = start();
    answer.head(node, { "x-upstream-request-id": "7" });
    answer.discardHead();
    answer.queued(1);
    const { headers } = await answer.response;
    expect([headers.get("x-colink-node"), headers.get("x-upstream-request-id")])
      .toEqual([null, null]);
    answer.end();
  });

  const ends: [endpoint: Endpoint, end: string][] = [
    [Endpoint.chat, "data: [DONE]\n\n"],
    [Endpoint.messages, ""],
  ];
  for (const [endpoint, end] of ends) {
    test(`at ${endpoint} ends with ${end === "" ? "its last event" : "[DONE]"}`, async () => {
      const { world, answer } = start({ endpoint });
      const isTaken = answer.data("data: 1\n\n", source);
      expect([isTaken, answer.hasBegun]).toEqual([false, true]);
      const text = (await answer.response).text();
      answer.end();
      expect(await text).toBe(`data: 1\n\n${end}`);
      expect([answer.deliveredBytes, answer.deliveredChunks]).toEqual([9, 1]);
      expect(world.clock.pending).toBe(0);
    });
  }

  test("of responses ends with an error that is numbered after its last event", async () => {
    const { answer } = start({ endpoint: Endpoint.responses });
    answer.data(`data: {"sequence_number":4}\n\n`, source);
    answer.fail(new ColinkError("node_lost", "Lost"));
    expect(await (await answer.response).text()).toContain(`"sequence_number":5`);
  });

  test("tells its source when the caller has taken what it was given", async () => {
    const { answer } = start();
    source.drains = 0;
    answer.data("data: 1\n\n", source);
    const reader = (await answer.response).body!.getReader();
    await reader.read();
    expect(source.drains).toBe(1);
    expect(answer.data("data: 2\n\n", source)).toBe(true);
    answer.end();
    await reader.cancel();
  });

  test("stops its call when its reader leaves or is too slow", async () => {
    const left = start();
    left.answer.data("data: 1\n\n", source);
    await (await left.answer.response).body!.cancel();
    expect(left.call.stopped).toMatchObject({ code: "caller_gone" });

    const slow = start();
    slow.answer.data("data: 1\n\n", source);
    await slow.world.clock.pass(limits.stallMs);
    expect(slow.call.stopped).toMatchObject({ code: "caller_too_slow" });
  });
});
