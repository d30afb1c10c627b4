import { expect, test } from "bun:test";
import fc from "../../../tests/harness/fast_check.ts";
import { Endpoint } from "../../../protocol/mod.ts";
import { callOf } from "../../testing/adapter_call.ts";
import { realWorld } from "../../world.ts";
import { type Piece, UpstreamFailure } from "../adapter.ts";
import { OpenAiAdapter } from "../openai.ts";
import { usageMeter } from "../usage_meter.ts";
import { answerParts } from "./answer_parts.ts";
import { ResponseBody } from "../sse/event_stream.ts";

const encoder = new TextEncoder();
const call = callOf({
  endpoint: Endpoint.embeddings,
  model: "local",
  bodyText: `{"model":"pro","input":"x"}`,
  stream: false,
});

/** What the caller gets of an answer that arrives in these pieces, and what is counted. */
async function parted(pieces: Uint8Array[]) {
  const [first, ...rest] = pieces;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      rest.forEach((piece) => controller.enqueue(piece));
      controller.close();
    },
  });
  const meter = usageMeter(Endpoint.embeddings);
  const passed: Piece[] = [];
  const parts = answerParts(
    [first!],
    new ResponseBody(new Response(body), call.signal),
    call,
    (answer) => new UpstreamFailure(400, JSON.stringify(answer)),
  );
  for await (const part of parts) {
    passed.push(part);
    meter.count(part);
  }
  const text = Buffer.concat(passed.map((part) => (part as { bytes: Uint8Array }).bytes))
    .toString();
  return { text, meter };
}

function cut(text: string, size: number): Uint8Array[] {
  const bytes = encoder.encode(text);
  return Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, i) => bytes.subarray(i * size, (i + 1) * size),
  );
}

const answer =
  `{"object":"list","data":[{"model":"local","embedding":[0.1,1e400,12345678901234567890]}],` +
  `"model" : "local", "usage":{"prompt_tokens":7,"total_tokens":7},"x":"é"}`;
const asked = answer.replace(`"model" : "local"`, `"model" : "pro"`);

test("a large answer passes unchanged but for the model's name, and its usage is counted, however it is cut", async () => {
  for (let size = 1; size <= answer.length + 2; size++) {
    const { text, meter } = await parted(cut(answer, size));
    expect(text).toBe(asked);
    expect(meter.promptTokens).toBe(7);
  }
});

test("any JSON object passes through in parts as it is", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.integer({ min: 1, max: 50 }),
      async (value, size) => {
        const text = JSON.stringify({ ...value, model: "other", error: null });
        expect((await parted(cut(text, size))).text).toBe(text);
      },
    ),
    { numRuns: 100 },
  );
});

test("a name that is no name, because it is far too long, passes unread", async () => {
  const text = `{"model":"${"x".repeat(300_000)}","usage":{"prompt_tokens":1}}`;
  const { text: passed, meter } = await parted(cut(text, 10_000));
  expect(passed === text).toBe(true);
  expect(meter.promptTokens).toBe(1);
});

test("an error in the answer, an end in the middle and what is no JSON are failures", async () => {
  const failed = (text: string) =>
    parted(cut(text, 10)).then(() => null, (error: unknown) => (error as UpstreamFailure).message);
  expect(await failed(`{"data":[],"error":{"message":"no"}}`)).toBe(`{"error":{"message":"no"}}`);
  expect(await failed(answer.slice(0, -1))).toContain("broke off");
  expect(await failed(`{"data":[1,]}`)).toContain("not JSON");
});

test("embeddings of a usual batch come in parts, far larger than a frame, and small ones as one text", async () => {
  const embedding = "A".repeat(8192);
  const data = Array.from(
    { length: 1000 },
    (_, index) => ({ object: "embedding", index, embedding }),
  );
  for (const [items, isParted] of [[data, true], [data.slice(0, 1), false]] as const) {
    const text = JSON.stringify({ object: "list", data: items, model: "local" });
    const stream = () => new Blob([text]).stream();
    for (const body of [text, stream()]) {
      const fetch = () => Promise.resolve(new Response(body));
      const adapter = new OpenAiAdapter({ base_url: "http://127.0.0.1:9" }, {
        ...realWorld,
        fetch,
      });
      const pieces = await Array.fromAsync(adapter.answer(call));
      const bytes = pieces.map((piece) =>
        typeof piece === "string" ? encoder.encode(piece) : piece.bytes
      );
      const whole = JSON.parse(Buffer.concat(bytes).toString());
      expect(whole.model).toBe("pro");
      expect(whole.data.length).toBe(items.length);
      expect(typeof pieces[0] === "string").toBe(!isParted);
    }
  }
});
