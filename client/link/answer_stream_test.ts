import { describe, expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { Endpoint, type FrameV2, MAX_FRAME_BYTES } from "../../protocol/mod.ts";
import { UpstreamFailure } from "../adapter/adapter.ts";
import { AnswerStream, type KnownCallHead } from "./answer_stream.ts";
import { usageMeter } from "../adapter/usage_meter.ts";
import { isSettled, RecordedFrames } from "../testing/recorded_frames.ts";

const head: KnownCallHead = {
  id: "req-1",
  endpoint: Endpoint.chat,
  model: "m",
  stream: true,
  body_bytes: 2,
  hide_usage: false,
};
const text = new TextDecoder();
const encoder = new TextEncoder();
const never = new AbortController().signal;

interface Start extends Partial<KnownCallHead> {
  credit?: number;
  maxFrameBytes?: number;
  takesPacks?: boolean;
}

function start(
  { credit = 1_000_000, maxFrameBytes = MAX_FRAME_BYTES, takesPacks = false, ...change }: Start =
    {},
) {
  const line = new RecordedFrames();
  let ends = 0;
  const reply = new AnswerStream(
    7,
    { ...head, ...change },
    { windowBytes: credit, maxFrameBytes, takesPacks },
    line,
    line.world,
    () => void ends++,
  );
  return { line, reply, ends: () => ends };
}

/** Frames in short: STREAM by its text, others by their type. */
function inShort(frames: FrameV2[]): string[] {
  return frames.map((frame) => frame.type === "stream" ? text.decode(frame.bytes) : frame.type);
}

function chunk(content: string): string {
  return JSON.stringify({ choices: [{ index: 0, delta: { content } }] });
}

describe("a reply in wire v2", () => {
  describe("to a gateway that takes packs", () => {
    const bytes = (content: string) => ({ bytes: encoder.encode(content), tokenEvents: 1 });

    test("says status and first words in one message, later words in their own", () => {
      const { line, reply } = start({ takesPacks: true });
      reply.piece(bytes("first"));
      expect(line.messages()).toEqual([["head", "first"]]);
      reply.piece(bytes("second"));
      expect(line.messages()).toEqual([["second"]]);
    });

    test("says a whole answer and its tally in one message", () => {
      const { line, reply } = start({ takesPacks: true, stream: false });
      reply.piece("{}");
      reply.finish(usageMeter(head.endpoint));
      expect(line.messages()).toEqual([["head", "{}", "finish"]]);
    });

    test("says what is long in frames of their own, and what would be larger than a frame may be", () => {
      const long = "x".repeat(20_000);
      const toMany = start({ takesPacks: true });
      toMany.reply.piece(bytes(long));
      expect(toMany.line.messages()).toEqual([["head"], [long]]);
      const toFew = start({ takesPacks: true, maxFrameBytes: 60 });
      toFew.reply.piece(bytes("first"));
      expect(toFew.line.messages()).toEqual([["head"], ["first"]]);
    });
  });

  test("sends the pieces of one turn as one frame, after HEAD", () => {
    const { line, reply } = start();
    reply.head({ "x-ratelimit-remaining-tokens": "5" });
    for (const piece of ["1", "2", "3"]) reply.piece(piece);
    expect(line.frames()).toEqual([]);
    line.turn();
    const [first, ...rest] = line.frames();
    expect(first).toEqual({
      type: "head",
      stream: 7,
      data: { status: 200, headers: { "x-ratelimit-remaining-tokens": "5" } },
    });
    expect(inShort(rest)).toEqual(["data: 1\n\ndata: 2\n\ndata: 3\n\n"]);
    reply.piece("4");
    line.turn();
    expect(inShort(line.frames())).toEqual(["data: 4\n\n"]);
  });

  test("makes no events of an answer that does not stream", () => {
    const { line, reply } = start({ stream: false });
    reply.piece(`{\n"choices":[]}`);
    reply.finish(usageMeter(Endpoint.chat));
    expect(inShort(line.frames())).toEqual(["head", `{\n"choices":[]}`, "finish"]);
  });

  test("keeps line breaks out of events", () => {
    const { line, reply } = start();
    reply.piece(`{\n"a":\r\n1}`);
    line.turn();
    expect(inShort(line.frames())).toEqual(["head", `data: { "a": 1}\n\n`]);
  });

  test("splits what is larger than a frame", () => {
    const { line, reply } = start({ stream: false, credit: 10 * MAX_FRAME_BYTES });
    const answer = "é".repeat(1_200_000);
    reply.piece(answer);
    reply.finish(usageMeter(Endpoint.chat));
    const parts = line.frames().flatMap((frame) => frame.type === "stream" ? [frame.bytes] : []);
    expect(parts).toHaveLength(3);
    expect(text.decode(Buffer.concat(parts))).toBe(answer);
  });

  test("splits what is larger than the frames that this gateway takes", () => {
    const { line, reply } = start({ stream: false, maxFrameBytes: 12 });
    reply.piece("123456789");
    reply.finish(usageMeter(Endpoint.chat));
    expect(inShort(line.frames())).toEqual(["head", "1234", "5678", "9", "finish"]);
  });

  test("tells what was counted, and when the first byte and the last came", () => {
    const { line, reply, ends } = start();
    const tally = usageMeter(Endpoint.chat);
    line.turn(20);
    reply.piece(chunk("a"));
    line.turn(10);
    reply.piece(chunk("b"));
    line.turn(20);
    tally.count(
      `{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`,
    );
    reply.finish(tally);
    expect(line.frames().at(-1)).toEqual({
      type: "finish",
      stream: 7,
      data: {
        prompt_tokens: 3,
        completion_tokens: 4,
        estimated: false,
        finish_reason: "stop",
        first_byte_ms: 20,
        total_ms: 50,
      },
    });
    expect(ends()).toBe(1);
  });

  test("marks tokens as estimated that it counted itself, and guesses none of a whole answer", () => {
    for (const [stream, expected] of [[true, [2, true]], [false, [null, false]]] as const) {
      const { line, reply } = start({ stream });
      const tally = usageMeter(Endpoint.chat);
      for (const content of ["", "a", "b"]) {
        tally.count(chunk(content));
        reply.piece(chunk(content));
      }
      reply.finish(tally);
      const last = line.frames().at(-1)!;
      if (last.type !== "finish") throw new Error(last.type);
      expect([last.data.completion_tokens, last.data.estimated]).toEqual([...expected]);
    }
  });

  test("keeps usage that only the gateway asked for to itself", () => {
    const { line, reply } = start({ hide_usage: true });
    reply.piece(`{"choices":[{"index":0}],"usage":null}`);
    reply.piece(`{"choices":[{"index":0,"delta":{"content":"what is \\"usage\\"?"}}]}`);
    reply.piece(`{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`);
    line.turn();
    expect(inShort(line.frames())).toEqual([
      "head",
      `data: {"choices":[{"index":0}]}\n\n` +
      `data: {"choices":[{"index":0,"delta":{"content":"what is \\"usage\\"?"}}]}\n\n`,
    ]);
  });

  test("shows usage to a caller who asked for it", () => {
    const { line, reply } = start({ hide_usage: false });
    const usage = `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`;
    reply.piece(usage);
    line.turn();
    expect(inShort(line.frames())).toEqual(["head", `data: ${usage}\n\n`]);
  });

  test("says nothing after its end, and ends once", () => {
    const { line, reply, ends } = start();
    reply.piece("1");
    reply.finish(usageMeter(Endpoint.chat));
    line.frames();
    reply.piece("2");
    reply.finish(usageMeter(Endpoint.chat));
    reply.fail(new UpstreamFailure(500, "x"), usageMeter(Endpoint.chat));
    reply.busy("x");
    reply.grant(1000);
    line.turn();
    expect(line.frames()).toEqual([]);
    expect(ends()).toBe(1);
  });
});

describe("credit", () => {
  test("is kept to the byte: what is beyond it waits for the next grant", () => {
    const { line, reply } = start({ credit: 10 });
    reply.piece("123456");
    reply.piece("7");
    line.turn();
    expect(inShort(line.frames())).toEqual(["head", "data: 1234"]);
    reply.grant(3);
    expect(inShort(line.frames())).toEqual(["56\n"]);
    reply.grant(100);
    expect(inShort(line.frames())).toEqual(["\ndata: 7\n\n"]);
    reply.piece("8");
    line.turn();
    expect(inShort(line.frames())).toEqual(["data: 8\n\n"]);
  });

  test("is spent on no other frame than STREAM", () => {
    const { line, reply } = start({ credit: 9 });
    reply.piece("1");
    reply.finish(usageMeter(Endpoint.chat));
    expect(inShort(line.frames())).toEqual(["head", "data: 1\n\n", "finish"]);
  });

  test("that is used up makes the upstream wait until there is more", async () => {
    const { line, reply } = start({ credit: 5 });
    reply.piece("1");
    line.turn();
    const waiting = reply.ready(never);
    expect(await isSettled(waiting)).toBe(false);
    reply.grant(1);
    expect(await isSettled(waiting)).toBe(false);
    reply.grant(3);
    expect(await isSettled(waiting)).toBe(true);
    expect(inShort(line.frames()).join("")).toBe("headdata: 1\n\n");
  });

  test("counts what was said within one turn: no more is taken from the upstream than may be sent", async () => {
    const { line, reply } = start({ credit: 25 });
    reply.piece("1");
    expect(await isSettled(reply.ready(never))).toBe(true);
    reply.piece("2");
    reply.piece("3");
    expect(await isSettled(reply.ready(never))).toBe(false);
    expect(inShort(line.frames()).join("")).toBe("headdata: 1\n\ndata: 2\n\ndata: 3");
  });

  test("that has come at last does not help while the link itself holds too much", async () => {
    const { line, reply } = start({ credit: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    reply.piece("1");
    const waiting = reply.ready(never);
    line.drained = () => promise;
    reply.grant(100);
    expect(await isSettled(waiting)).toBe(false);
    resolve();
    expect(await isSettled(waiting)).toBe(true);
  });

  test("that is left makes no one wait", async () => {
    const { reply } = start({ credit: 100 });
    reply.piece("1");
    expect(await isSettled(reply.ready(never))).toBe(true);
  });

  test("that never comes keeps no one waiting once its caller has left", async () => {
    const { reply } = start({ credit: 1 });
    const caller = new AbortController();
    reply.piece("1");
    reply.grant(0);
    const waiting = reply.ready(caller.signal);
    expect(await isSettled(waiting)).toBe(false);
    caller.abort();
    expect(await isSettled(waiting)).toBe(true);
    expect(await isSettled(reply.ready(caller.signal))).toBe(true);
  });

  test("holds FINISH back until all was sent", () => {
    const { line, reply, ends } = start({ credit: 4 });
    reply.piece("1");
    reply.finish(usageMeter(Endpoint.chat));
    expect(inShort(line.frames())).toEqual(["head", "data"]);
    expect(ends()).toBe(0);
    // It has ended once already, although this is not known yet.
    reply.fail(new UpstreamFailure(502, "too late"), usageMeter(Endpoint.chat));
    reply.grant(4);
    expect(inShort(line.frames())).toEqual([": 1\n"]);
    reply.grant(4);
    expect(inShort(line.frames())).toEqual(["\n", "finish"]);
    expect(ends()).toBe(1);
  });

  test("holds a failure back, too: what was produced before it arrives", () => {
    const { line, reply } = start({ credit: 4 });
    reply.piece("1");
    reply.fail(new UpstreamFailure(502, "broke off"), usageMeter(Endpoint.chat));
    expect(inShort(line.frames())).toEqual(["head", "data"]);
    reply.grant(5);
    expect(inShort(line.frames())).toEqual([": 1\n\n", "error"]);
  });

  test("whatever the pieces and the grants: all arrives, in order, never above what was granted", () => {
    const step = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }).map((piece) => ({ piece })),
      fc.nat(60).map((grant) => ({ grant })),
      fc.constant({ turn: true }),
    );
    fc.assert(
      fc.property(fc.nat(50), fc.array(step, { maxLength: 60 }), (credit, steps) => {
        const { line, reply, ends } = start({ credit });
        let granted = credit;
        let expected = "";
        const bytes: Uint8Array[] = [];
        const types: string[] = [];
        const look = () => {
          for (const frame of line.frames()) {
            if (types.at(-1) !== frame.type) types.push(frame.type);
            if (frame.type === "stream") bytes.push(frame.bytes);
          }
          expect(Buffer.concat(bytes).length).toBeLessThanOrEqual(granted);
        };
        for (const step of steps) {
          if ("piece" in step) {
            const piece = JSON.stringify(step.piece);
            expected += `data: ${piece}\n\n`;
            reply.piece(piece);
          } else if ("grant" in step) {
            granted += step.grant;
            reply.grant(step.grant);
          } else line.turn();
          look();
        }
        reply.finish(usageMeter(Endpoint.chat));
        look();
        for (; ends() === 0; look()) {
          granted += 7;
          reply.grant(7);
        }
        expect(text.decode(Buffer.concat(bytes))).toBe(expected);
        expect(types).toEqual(expected === "" ? ["finish"] : ["head", "stream", "finish"]);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a call that is cancelled", () => {
  test("lets what was not sent go, and confirms at once", () => {
    const { line, reply, ends } = start({ credit: 4 });
    reply.piece("1");
    line.turn();
    line.frames();
    const tally = usageMeter(Endpoint.chat);
    tally.count(chunk("a"));
    reply.fail(new UpstreamFailure(499, "Stopped: the caller is gone"), tally);
    const [last, ...rest] = line.frames();
    expect(rest).toEqual([]);
    expect(last).toMatchObject({
      type: "error",
      data: { code: 499, tally: { completion_tokens: 1, estimated: true } },
    });
    expect(ends()).toBe(1);
  });

  test("once its answer has begun has its prompt's tokens estimated, unless they were reported", () => {
    const gone = new UpstreamFailure(499, "Stopped: the caller is gone");
    const tallyAfter = (...pieces: string[]) => {
      const { line, reply } = start();
      const usage = usageMeter(Endpoint.chat);
      for (const piece of pieces) usage.count(piece);
      reply.fail(gone, usage);
      return (line.frames().at(-1) as { data: { tally: object } }).data.tally;
    };
    const prompt_tokens = Math.ceil(head.body_bytes / 4);
    expect(tallyAfter(chunk("a"))).toMatchObject({ prompt_tokens, estimated: true });
    expect(tallyAfter('{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1}}'))
      .toMatchObject({ prompt_tokens: 7, estimated: false });
    expect(tallyAfter()).toMatchObject({ prompt_tokens: null, estimated: false });
  });

  test("once its answer is complete is finished, with its prompt's tokens estimated", () => {
    const { line, reply } = start();
    const usage = usageMeter(Endpoint.chat);
    usage.count(chunk("a"));
    reply.discard();
    reply.finish(usage);
    const prompt_tokens = Math.ceil(head.body_bytes / 4);
    const last = line.frames().at(-1) as { type: string; data: object };
    expect(last.type).toBe("finish");
    expect(last.data).toMatchObject({ prompt_tokens, completion_tokens: 1, estimated: true });
  });

  test("after its end, and before all was sent, is confirmed by its FINISH", () => {
    const { line, reply } = start({ credit: 4 });
    reply.piece("1");
    reply.finish(usageMeter(Endpoint.chat));
    line.frames();
    reply.discard();
    expect(inShort(line.frames())).toEqual(["finish"]);
  });

  test("while its upstream waits for credit lets it go on", async () => {
    const { reply } = start({ credit: 1 });
    reply.piece("1");
    reply.grant(0);
    const waiting = reply.ready(never);
    expect(await isSettled(waiting)).toBe(false);
    reply.discard();
    expect(await isSettled(waiting)).toBe(true);
  });
});

describe("what is no answer", () => {
  for (const code of [400, 401, 404, 413, 422, 429]) {
    test(`an upstream's ${code} is sent as its HEAD, its error object and FINISH`, () => {
      const { line, reply } = start();
      reply.fail(
        new UpstreamFailure(code, "no", {
          error: { message: "too long", type: "t", param: "messages", code: "c" },
          headers: { "x-upstream-request-id": "req_up" },
          retryAfterMs: 1500,
        }),
        usageMeter(Endpoint.chat),
      );
      const [first, body, last, ...rest] = line.frames();
      expect(rest).toEqual([]);
      expect(first).toMatchObject({
        type: "head",
        data: {
          status: code,
          headers: { "x-upstream-request-id": "req_up", "retry-after-ms": "1500" },
        },
      });
      expect(body?.type === "stream" && JSON.parse(text.decode(body.bytes))).toEqual({
        error: { message: "too long", type: "t", param: "messages", code: "c" },
      });
      expect(last).toMatchObject({ type: "finish", data: { completion_tokens: null } });
    });
  }

  test("a refusal without an error object is put in words of the node's", () => {
    const { line, reply } = start();
    reply.fail(new UpstreamFailure(404, "This node does not serve it"), usageMeter(Endpoint.chat));
    expect(JSON.parse(inShort(line.frames())[1]!)).toEqual({
      error: {
        message: "This node does not serve it",
        type: "invalid_request_error",
        param: null,
        code: null,
      },
    });
  });

  test.each([500, 503])("an upstream's %d is ERROR, with its patience and what it cost", (code) => {
    const { line, reply } = start();
    reply.fail(
      new UpstreamFailure(code, "overloaded", {
        retryAfterMs: 2000,
        error: { message: "overloaded", type: "server_error" },
      }),
      usageMeter(Endpoint.chat),
    );
    expect(line.frames()).toMatchObject([{
      type: "error",
      stream: 7,
      data: {
        code,
        message: "overloaded",
        retry_after_ms: 2000,
        error: { message: "overloaded", type: "server_error" },
        tally: { completion_tokens: null },
      },
    }]);
  });

  test("a failure whose kind the node names is ERROR, whatever its status", () => {
    const { line, reply } = start();
    const details = { kind: "offer_withdrawn", error: { message: "no such model" } } as const;
    reply.fail(new UpstreamFailure(404, "no such model", details), usageMeter(Endpoint.chat));
    expect(line.frames()).toMatchObject([
      { type: "error", stream: 7, data: { code: 404, message: "no such model", ...details } },
    ]);
  });

  test("a refusal in the middle of an answer is no answer of its own", () => {
    const { line, reply } = start();
    reply.piece("1");
    reply.fail(new UpstreamFailure(429, "later"), usageMeter(Endpoint.chat));
    expect(inShort(line.frames())).toEqual(["head", "data: 1\n\n", "error"]);
  });

  test("nor is one that comes once all that was said has been sent", () => {
    const { line, reply } = start();
    reply.piece("1");
    line.turn();
    line.frames();
    reply.fail(new UpstreamFailure(429, "later"), usageMeter(Endpoint.chat));
    expect(line.frames()).toMatchObject([{ type: "error", data: { code: 429 } }]);
  });

  test("a node that stops says that no one is at fault, after what it has said", () => {
    const { line, reply } = start();
    reply.piece("1");
    const stopped = new UpstreamFailure(503, "this node stopped", { isBusy: true });
    reply.fail(stopped, usageMeter(Endpoint.chat));
    expect(line.frames().at(-1)).toMatchObject({
      type: "error",
      data: { code: 503, message: "this node stopped", busy: true },
    });
  });

  test("a node without a free slot says so at once", () => {
    const { line, reply, ends } = start({ credit: 0 });
    reply.busy("all 2 slots are in use");
    expect(line.frames()).toEqual([{
      type: "error",
      stream: 7,
      data: { code: 503, message: "all 2 slots are in use", busy: true },
    }]);
    expect(ends()).toBe(1);
  });
});
