import { expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import OpenAI from "openai";
import { callOf, textsOf } from "../testing/adapter_call.ts";
import { chunkShape, completionShape } from "../testing/openai_shapes.ts";
import { eventStream, sse } from "../testing/stub_upstream.ts";
import { realWorld } from "../world.ts";
import { ClaudeAdapter } from "./claude.ts";

const blockTypes = [
  "text",
  "thinking",
  "tool_use",
  "redacted_thinking",
  "server_tool_use",
  "web_search_tool_result",
  "compaction",
] as const;

/** One block of an answer. */
interface Block {
  type: typeof blockTypes[number];
  parts: string[];
}

const anyBlock: fc.Arbitrary<Block> = fc.record({
  type: fc.constantFrom(...blockTypes),
  parts: fc.array(fc.string(), { maxLength: 4 }),
});
interface Answer {
  blocks: Block[];
  stopReason: string | null;
  pings: boolean;
}

const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  blocks: fc.array(anyBlock, { maxLength: 6 }),
  stopReason: fc.constantFrom("end_turn", "max_tokens", "tool_use", "refusal", "brand_new", null),
  pings: fc.boolean(),
});

const deltaTypes = {
  text: (text: string) => ({ type: "text_delta", text }),
  thinking: (thinking: string) => ({ type: "thinking_delta", thinking }),
  tool_use: (partial_json: string) => ({ type: "input_json_delta", partial_json }),
  server_tool_use: (partial_json: string) => ({ type: "input_json_delta", partial_json }),
  redacted_thinking: (text: string) => ({ type: "unheard_of", text }),
  web_search_tool_result: (text: string) => ({ type: "citations_delta", citation: { url: text } }),
  compaction: (content: string) => ({ type: "compaction_delta", content }),
};

/** Valid events: a start, consecutive blocks, an end. Tool input is JSON split anywhere. */
function eventsOf({ blocks, stopReason, pings }: Answer): object[] {
  const events = blocks.flatMap(({ type, parts }, index) => {
    const isTool = type.endsWith("tool_use");
    const pieces = isTool && parts.length > 0
      ? ["{", `"a":${JSON.stringify(parts.join(""))}`, "}"]
      : parts;
    const block = isTool ? { id: `toolu_${index}`, name: "f", input: {} } : { text: "" };
    return [
      { type: "content_block_start", index, content_block: { type, ...block } },
      ...pieces.map((piece) => ({
        type: "content_block_delta",
        index,
        delta: deltaTypes[type](piece),
      })),
      ...(pings ? [{ type: "ping" }] : []),
      { type: "content_block_stop", index },
    ];
  });
  return [
    { type: "message_start", message: { id: "msg_1", usage: { input_tokens: 3 } } },
    ...events,
    {
      type: "message_delta",
      delta: { stop_reason: stopReason },
      usage: { output_tokens: 5, input_tokens: null, cache_read_input_tokens: null },
    },
    { type: "message_stop" },
  ];
}

function adapterTelling(events: object[]): ClaudeAdapter {
  return new ClaudeAdapter({}, {
    ...realWorld,
    fetch: () => Promise.resolve(eventStream([sse(...events)])),
  });
}

async function answerOf(adapter: ClaudeAdapter, stream: boolean): Promise<string[]> {
  const bodyText = JSON.stringify({
    model: "pro",
    messages: [{ role: "user", content: "hi" }],
    stream_options: { include_usage: true },
  });
  const call = callOf({ model: "claude-opus-5", bodyText, stream });
  return await Array.fromAsync(textsOf(adapter.answer(call)));
}

test(
  "any legal answer becomes chunks of the exact shape, which the SDK's strict helper accepts",
  async () => {
    await fc.assert(
      fc.asyncProperty(anyAnswer, async (answer) => {
        const pieces = await answerOf(adapterTelling(eventsOf(answer)), true);
        for (const piece of pieces) chunkShape.parse(JSON.parse(piece));
        const sdk = new OpenAI({
          apiKey: "k",
          maxRetries: 0,
          fetch: () => Promise.resolve(eventStream([sse(...pieces, "[DONE]")])),
        });
        const stream = sdk.chat.completions.stream({
          model: "pro",
          messages: [{ role: "user", content: "hi" }],
        });
        const gathered = await stream.finalChatCompletion().catch((error: unknown) => error);
        // The helper reports truncated answers as its own errors.
        if (gathered instanceof Error) {
          expect(gathered.name === "Error" || /length|filter/i.test(gathered.message)).toBe(true);
          expect(["max_tokens", "refusal"]).toContain(answer.stopReason ?? "");
          return;
        }
        const text = answer.blocks.filter(({ type }) => type === "text").flatMap(({ parts }) =>
          parts
        );
        const { message } = (gathered as OpenAI.ChatCompletion).choices[0]!;
        expect(message.content ?? "").toBe(text.join(""));
        const tools = answer.blocks.filter(({ type }) => type === "tool_use");
        expect(message.tool_calls?.length ?? 0).toBe(tools.length);
      }),
      { numRuns: 100 },
    );
  },
  30_000,
);

test("any valid answer becomes one completion of the exact shape", async () => {
  await fc.assert(
    fc.asyncProperty(anyAnswer, async (answer) => {
      const [piece] = await answerOf(adapterTelling(eventsOf(answer)), false);
      const completion: OpenAI.ChatCompletion = JSON.parse(piece!);
      completionShape.parse(completion);
      for (const call of completion.choices[0]!.message.tool_calls ?? []) {
        if (call.type === "function") JSON.parse(call.function.arguments);
      }
    }),
    { numRuns: 100 },
  );
}, 30_000);
