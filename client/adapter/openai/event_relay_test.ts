import { describe, expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import { Endpoint } from "../../../protocol/mod.ts";
import { AnswerStream } from "../../link/answer_stream.ts";
import { usageMeter } from "../usage_meter.ts";
import { RecordedFrames } from "../../testing/recorded_frames.ts";
import { UpstreamFailure } from "../adapter.ts";
import { PassthroughScanner, type ScannedCall } from "../sse/passthrough_scanner.ts";
import { openAiDialects } from "./chat_dialect.ts";
import { EventRelay } from "./event_relay.ts";

const encoder = new TextEncoder();

/** A scanner that finds nothing: every event is parsed. */
const parsesAll = { take: () => null, learn: () => {}, forget: () => {}, end: 0 };

interface Shown {
  text: string;
  failure: string | null;
  meter: object;
  /** How many events were not parsed. */
  plain: number;
}

const MODEL = "mödel";

/** A call for a model with the same name at the provider, or another one. */
function callTo(endpoint: Endpoint, hidesUsage = false, askedModel = MODEL): ScannedCall {
  return { endpoint, hidesUsage, model: MODEL, askedModel };
}

/** Relays the given reads, and returns what the caller receives and what is counted. */
function relayed(
  call: ScannedCall,
  reads: readonly Uint8Array[],
  plain: Pick<PassthroughScanner, "take" | "learn" | "forget" | "end"> = new PassthroughScanner(
    call,
  ),
): Shown {
  const { endpoint, hidesUsage } = call;
  const follower = openAiDialects[endpoint]!.stream!.follow();
  const relay = new EventRelay(follower, () => new UpstreamFailure(502, "told"), call, plain);
  const line = new RecordedFrames();
  const head = { id: "r", endpoint, model: "m", stream: true, body_bytes: 0 };
  const terms = { windowBytes: 1 << 30, maxFrameBytes: 1 << 20, takesPacks: false };
  const reply = new AnswerStream(
    1,
    { ...head, hide_usage: hidesUsage },
    terms,
    line,
    line.world,
    () => {},
  );
  const meter = usageMeter(endpoint);
  let plainEvents = 0;
  let failure: string | null = null;
  try {
    for (const read of reads) {
      relay.feed(read);
      for (let piece = relay.next(); piece !== null; piece = relay.next()) {
        meter.count(piece);
        reply.piece(piece);
        if (typeof piece !== "string") plainEvents += countOf(piece.bytes);
      }
      line.turn();
    }
    relay.end();
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    failure = error.message;
  }
  reply.finish(meter);
  const sent = line.frames().flatMap((frame) => frame.type === "stream" ? [frame.bytes] : []);
  const { count: _, pieces: __, ...counted } = meter;
  const text = Buffer.concat(sent).toString();
  return { text, failure, meter: counted, plain: plainEvents };
}

function countOf(events: Uint8Array): number {
  return Buffer.from(events).toString().split("\n\n").length - 1;
}

function cutAt(wire: Uint8Array, marks: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(marks.map((mark) => mark % (wire.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => wire.subarray(from, cuts[i] ?? wire.length));
}

const chunk = (delta: object, more: object = {}) => ({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: MODEL,
  choices: [{ index: 0, delta, finish_reason: null }],
  ...more,
});
const data = (json: object | string) =>
  `data: ${typeof json === "string" ? json : JSON.stringify(json)}\n\n`;

describe("unparsed events equal parsed ones", () => {
  const word = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 6 }),
    fc.constantFrom('"', "\\", "\n\n", "data: ", '"content":"', "é🙂", "", '"usage":{'),
  );
  const times = fc.integer({ min: 1, max: 4 });
  const requested = fc.constantFrom(MODEL, '"pro" 🙂', "mö", "mödel-2");

  /** Events of one shape with different texts. */
  const shape = fc.constantFrom<(text: string) => string>(
    (content) => data(chunk({ content })),
    (content) => data(chunk({ content }, { usage: null })),
    (content) => data({ usage: null, ...chunk({ content }, { obfuscation: content }) }),
    (content) => data(chunk({ content }, { usage: { completion_tokens: content.length } })),
    (content) => data(chunk({ role: "assistant", content })),
    (content) => data(chunk({ content }, { created: content.length })),
    (content) => data(JSON.stringify(chunk({ content }), null, 1).replaceAll("\n", " ")),
    // Not plain: byte by byte, and with other line endings.
    (content) => data(JSON.stringify(chunk({ content }), null, 1).replaceAll("\n", "\ndata: ")),
    (content) => data(chunk({ content })).replaceAll("\n", "\r\n"),
    (content) => data(chunk({ content })).replaceAll("\n", "\r"),
    (reasoning) => data(chunk({ reasoning })),
    (content) => data(chunk({ reasoning: "hm", content })),
    (text) => data(chunk({ reasoning: "hm", reasoning_content: text })),
    (text) => data(chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
    (text) => data(chunk({ tool_calls: [{ index: 3, function: { arguments: text } }] })),
  );
  const run = fc.tuple(shape, fc.array(word, { minLength: 1, maxLength: 5 }))
    .map(([make, words]) => words.map(make).join(""));
  const oddity = fc.constantFrom(
    ": comment\n\n",
    "\n",
    "\r\n\r\n",
    "event: x\nid: 1\n",
    "retry: 5\n\n",
    data(chunk({}, { choices: [] })),
    data(chunk({}, { choices: [{ index: 1, delta: { content: "a" } }] })),
    data({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
    data({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    data({ error: { message: "no" } }),
    data(
      '{"id":"c","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"content":"\\x"},"finish_reason":null}]}',
    ),
    data(
      '{"id":"c","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"content":"a"b"},"finish_reason":null}]}',
    ),
    data("{"),
    data("[DONE]"),
  );
  const stream = fc.array(
    fc.oneof({ weight: 6, arbitrary: run }, { weight: 1, arbitrary: oddity }),
    { minLength: 1, maxLength: 8 },
  ).chain((parts) => fc.tuple(fc.constant(parts), times)).map(([parts, count]) =>
    parts.map((part) => part.repeat(count)).join("")
  );

  test("for any chat, however its bytes are split", () => {
    let plain = 0;
    fc.assert(
      fc.property(
        stream,
        fc.boolean(),
        requested,
        fc.array(fc.nat(), { maxLength: 12 }),
        (text, hides, askedModel, cuts) => {
          const call = callTo(Endpoint.chat, hides, askedModel);
          const reads = cutAt(encoder.encode(text), cuts);
          const fast = relayed(call, reads);
          const slow = relayed(call, reads, parsesAll);
          plain += fast.plain;
          expect({ ...fast, plain: 0 }).toEqual(slow);
        },
      ),
      { numRuns: 1000 },
    );
    expect(plain).toBeGreaterThan(1000);
  });

  test("in order, with mixed line endings", () => {
    const ends = ["\n", "\n", "\n", "\r", "\n", "\r\n", "\n", "\r", "\r", "\n"];
    const events = ends.map((end, i) => data(chunk({ content: `${i}` })).replaceAll("\n", end));
    const wire = [encoder.encode(events.join(""))];
    const { text, plain } = relayed(callTo(Endpoint.chat), wire);
    expect(text.replaceAll(/.*"content":"(\d)".*\n+/g, "$1")).toBe("0123456789");
    expect(plain).toBeGreaterThan(1);
  });

  test("for any chat that comes one byte at a time", () => {
    fc.assert(
      fc.property(stream, fc.boolean(), requested, (text, hides, askedModel) => {
        const call = callTo(Endpoint.chat, hides, askedModel);
        const wire = encoder.encode(text);
        const bytes = Array.from(wire, (_, i) => wire.subarray(i, i + 1));
        const slow = relayed(call, [wire], parsesAll);
        const fast = relayed(call, bytes);
        expect({ ...fast, plain: 0 }).toEqual(slow);
      }),
      { numRuns: 100 },
    );
  });

  test("for any response", () => {
    const event = (type: string, more: object) =>
      `event: ${type}\n${data({ type, ...more, sequence_number: 3 })}`;
    const delta = (text: string) =>
      event("response.output_text.delta", { item_id: "i", delta: text, obfuscation: text });
    const part = fc.oneof(
      fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.map(delta).join("")),
      word.map((text) => event("response.output_text.done", { text })),
      word.map((text) => data({ type: "response.output_text.delta", delta: text }).repeat(2)),
      word.map((text) => `event: other\n${data({ type: "a", delta: text })}`.repeat(2)),
      fc.constantFrom(
        event("response.created", { response: { id: "resp_1", model: MODEL } }),
        event("response.completed", { response: { id: "resp_1", usage: { input_tokens: 1 } } }),
        event("error", { message: "no" }),
      ),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }),
        requested,
        fc.array(fc.nat(), { maxLength: 12 }),
        (parts, askedModel, cuts) => {
          const call = callTo(Endpoint.responses, false, askedModel);
          const reads = cutAt(encoder.encode(parts.join("")), cuts);
          expect({ ...relayed(call, reads), plain: 0 }).toEqual(relayed(call, reads, parsesAll));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("among repeated events,", () => {
  const plainOf = (endpoint: Endpoint, hides: boolean, events: string[]) =>
    relayed(callTo(endpoint, hides), [encoder.encode(events.join(""))]).plain;
  const words = ["a", "é🙂", '"', "\\", "", "\u0000", "b"];
  /** The first event gets its role added, the second is learned from. */
  const first = data(chunk({ role: "assistant", content: "" }));

  const shapes: Record<string, (text: string) => string> = {
    "a chat's text": (content) => data(chunk({ content })),
    "thoughts": (reasoning_content) => data(chunk({ reasoning_content })),
    "a tool's arguments": (text) =>
      data(chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
    "text with padding": (content) => data(chunk({ content }, { obfuscation: content })),
    "text under a clock": (content) => data(chunk({ content }, { created: 7 + content.length })),
  };
  for (const [name, make] of Object.entries(shapes)) {
    test(`${name} is parsed once`, () => {
      expect(plainOf(Endpoint.chat, false, [first, ...words.map(make)])).toBe(words.length - 1);
    });
  }

  test("text with hidden usage is parsed once, and relayed without it", () => {
    for (const usage of [{ usage: null }, { usage: null, obfuscation: "x" }]) {
      const events = words.map((content) => data(chunk({ content }, usage)));
      const wire = encoder.encode(first + events.join(""));
      const { text, plain } = relayed(callTo(Endpoint.chat, true), [wire]);
      expect(plain).toBe(words.length - 1);
      const { usage: _, ...others } = usage;
      const shown = words.map((content) => data(chunk({ content }, others)));
      expect(text).toBe(first + shown.join(""));
    }
  });

  test("text with the provider's model name is parsed once, and relayed with the requested one", () => {
    const requested = "prö 🙂";
    const events = words.map((content) => data(chunk({ content }, { usage: null })));
    const wire = encoder.encode(first + events.join(""));
    const { text, plain } = relayed(callTo(Endpoint.chat, true, requested), [wire]);
    expect(plain).toBe(words.length - 1);
    expect(text).toBe(
      (first + events.join("")).replaceAll(MODEL, requested).replaceAll(',"usage":null', ""),
    );
  });

  test("a completion's text and a response's are parsed once, too", () => {
    const completion = (text: string) =>
      data({ choices: [{ index: 0, text, finish_reason: null }] });
    expect(plainOf(Endpoint.completions, false, words.map(completion))).toBe(words.length - 1);
    const type = "response.output_text.delta";
    const event = (delta: string, i: number) =>
      `event: ${type}\n${data({ type, sequence_number: i, delta, logprobs: [] })}`;
    expect(plainOf(Endpoint.responses, false, words.map(event))).toBe(words.length - 1);
  });

  test("finish reasons, usage and events to repair are always parsed", () => {
    const always = [
      (content: string) =>
        data({ choices: [{ index: 0, delta: { content }, finish_reason: "stop" }] }),
      (content: string) => data(chunk({ content }, { usage: { completion_tokens: 1 } })),
      (reasoning: string) => data(chunk({ reasoning })),
    ];
    for (const make of always) {
      expect(plainOf(Endpoint.chat, false, [first, ...words.map(make)])).toBe(0);
    }
  });

  test("arguments under the index of an earlier call are relayed under their own call's", () => {
    const call = (id: string, index: number) =>
      data(chunk({ tool_calls: [{ index, id, function: { name: "f", arguments: "" } }] }));
    const more = (text: string, index: number) =>
      data(chunk({ tool_calls: [{ index, function: { arguments: text } }] }));
    const sent = (second: number) =>
      [
        first,
        call("a", 0),
        ...['{"x', '":', "1}"].map((text) => more(text, 0)),
        call("b", second),
        ...['{"y', '":', "2}"].map((text) => more(text, second)),
      ].join("");
    const { text } = relayed(callTo(Endpoint.chat), [encoder.encode(sent(0))]);
    expect(text).toBe(sent(1));
  });

  test("learning pauses for a stream that repeats nothing", () => {
    let learned = 0;
    class Counted extends PassthroughScanner {
      override learn(event: string, name: unknown) {
        learned++;
        super.learn(event, name);
      }
    }
    const odd = Array.from(
      { length: 50 },
      (_, i) => data(chunk({ content: "a" }, { id: `c${i}` })),
    );
    const same = Array.from({ length: 50 }, () => data(chunk({ content: "a" })));
    const wire = encoder.encode([...odd, ...same].join(""));
    const call = callTo(Endpoint.chat);
    const { plain } = relayed(call, [wire], new Counted(call));
    expect(learned).toBeLessThan(100);
    expect(plain).toBeGreaterThan(25);
  });
});

test("a large read that ends within an event is relayed whole, and with its rest alone kept", () => {
  const call = callTo(Endpoint.chat);
  const event = (i: number) => `data: ${JSON.stringify(chunk({ content: `token ${i} ü` }))}\n\n`;
  const end = `data: ${
    JSON.stringify(chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }))
  }\n\ndata: [DONE]\n\n`;
  const wire = encoder.encode(Array.from({ length: 400 }, (_, i) => event(i)).join("") + end);
  for (const cut of [17_000, 17_001, 17_050, 17_100, 30_000]) {
    const reads = [wire.slice(0, 2_000), wire.slice(2_000, 2_000 + cut), wire.slice(2_000 + cut)];
    const { text, plain } = relayed(call, reads);
    expect(text).toBe(relayed(call, [wire], parsesAll).text);
    expect(plain).toBeGreaterThan(300);
  }
});
