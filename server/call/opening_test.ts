import { describe, expect, test } from "bun:test";
import { settle } from "../base/testing/fake_clock.ts";
import { KeptAnswer, World } from "./testing/world.ts";

const event = (json: object) => `data: ${JSON.stringify(json)}\n\n`;
const delta = (delta: object) => event({ choices: [{ index: 0, delta, finish_reason: null }] });
const named = (json: { type: string }) => `event: ${json.type}\n${event(json)}`;

const openings: Record<string, string[]> = {
  "a role": [delta({ role: "assistant", content: "" })],
  "a role without content": [delta({ role: "assistant", content: null, tool_calls: [] })],
  "a chunk without choices": [event({ choices: [], prompt_filter_results: [{}] })],
  "an empty text": [event({ choices: [{ text: "", finish_reason: null }] })],
  "a message": [
    named({ type: "message_start", message: { content: [] } } as never),
    named({ type: "ping" }),
    named({ type: "content_block_start", content_block: { type: "text", text: "" } } as never),
  ],
  "a response": [
    named({ type: "response.created", response: { instructions: "x" } } as never),
    named({ type: "response.in_progress", response: {} } as never),
    named({ type: "response.output_item.added", item: { type: "message", content: [] } } as never),
    named(
      { type: "response.content_part.added", part: { type: "output_text", text: "" } } as never,
    ),
  ],
  "comments": [": OPENROUTER PROCESSING\n\n"],
};

const words: Record<string, string> = {
  "text": delta({ content: "hi" }),
  "reasoning": delta({ role: "assistant", content: "", reasoning_content: "hm" }),
  "a tool call": delta({
    role: "assistant",
    tool_calls: [{ index: 0, id: "c", type: "function" }],
  }),
  "a finish reason": event({ choices: [{ delta: {}, finish_reason: "stop" }] }),
  "an error": event({ error: { message: "no" }, choices: [] }),
  "a tool's name": named(
    {
      type: "content_block_start",
      content_block: { type: "tool_use", name: "f", input: {} },
    } as never,
  ),
  "text of a response": named({ type: "response.output_text.delta", delta: "hi" } as never),
  "a function call": named(
    { type: "response.output_item.added", item: { type: "function_call" } } as never,
  ),
  "what is no JSON": "data: hi\n\n",
};

describe("an opening", () => {
  for (const [what, events] of Object.entries(openings)) {
    test(`that is ${what} is held back, and a node lost behind it is replaced unseen`, async () => {
      const { answer, asked } = await start();
      const first = await asked();
      for (const each of events) first.sink.data(bytes(each));
      expect(answer.events).toEqual([]);
      first.sink.fail({ kind: "lost", reason: "gone" });
      const second = await asked();
      for (const each of [...events, words.text!]) second.sink.data(bytes(each));
      expect(answer.events).toEqual([[...events, words.text].join("")]);
    });
  }

  for (const [what, said] of Object.entries(words)) {
    test(`ends with ${what}: both go out together, and the call is tried nowhere else`, async () => {
      const { answer, asked, world } = await start();
      const first = await asked();
      const role = delta({ role: "assistant", content: "" });
      first.sink.data(bytes(role));
      first.sink.data(bytes(said));
      expect(answer.events).toEqual([role + said]);
      first.sink.fail({ kind: "lost", reason: "gone" });
      await settle();
      expect(answer.error).toMatchObject({ code: "node_lost" });
      expect(world.ledger[0]).toMatchObject({ attempts: 1 });
    });
  }

  test("cut anywhere is held back until something is said", async () => {
    const role = delta({ role: "assistant", content: "" });
    for (let at = 1; at < role.length; at += 7) {
      const { answer, asked } = await start();
      const { sink } = await asked();
      sink.data(bytes(role.slice(0, at)));
      sink.data(bytes(role.slice(at)));
      expect(answer.events).toEqual([]);
      sink.data(bytes(words.text!));
      expect(answer.events).toEqual([role + words.text]);
    }
  });

  test("that is all of an answer goes out at its end", async () => {
    const { answer, asked } = await start();
    const { sink } = await asked();
    sink.data(bytes(delta({ role: "assistant" })));
    sink.finish();
    await settle();
    expect([answer.events.length, answer.endings]).toEqual([1, 1]);
  });

  test("goes out before its caller would see a sign of life, and then counts as the first byte", async () => {
    const { answer, asked, world } = await start();
    const { sink } = await asked();
    sink.data(bytes(delta({ role: "assistant" })));
    await world.clock.pass(4_000);
    expect(answer.events).toEqual([]);
    await world.clock.pass(1_000);
    expect(answer.events).toHaveLength(1);
    sink.fail({ kind: "lost", reason: "gone" });
    await settle();
    expect(answer.error).toMatchObject({ code: "node_lost" });
  });

  test("is held up to a bound, in bytes and in pieces", async () => {
    for (const [size, pieces] of [[50_000, 6], [1, 70]] as const) {
      const { answer, asked } = await start();
      const { sink } = await asked();
      for (let i = 0; i < pieces; i++) sink.data(bytes(`: ${"x".repeat(size)}\n\n`));
      expect(answer.events.length).toBeGreaterThan(0);
    }
  });

  test("of a call that is stopped is dropped, and its timer, too", async () => {
    const { answer, asked, world, call } = await start();
    const { sink } = await asked();
    sink.data(bytes(delta({ role: "assistant" })));
    call.stop("caller_gone");
    await world.clock.pass(60_000);
    expect([answer.events.length, answer.error?.code]).toEqual([0, "caller_gone"]);
    expect(world.clock.pending).toBe(0);
  });
});

async function start() {
  const world = new World();
  const nodes = [world.node("a"), world.node("b")];
  const answer = new KeptAnswer();
  const call = world.call({ stream: true });
  void world.relay.run(call, answer);
  await settle();
  let seen = 0;
  /** The next attempt. */
  const asked = async () => {
    await settle();
    const all = nodes.flatMap(({ received }) => received)
      .toSorted((a, b) => a.order.attemptId.localeCompare(b.order.attemptId));
    return all[seen++]!;
  };
  return { world, answer, call, asked };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
