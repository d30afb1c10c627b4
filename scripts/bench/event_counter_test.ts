import { expect, test } from "bun:test";
import { middleChunk } from "./chat.ts";
import { EventCounter } from "./event_counter.ts";

const stream = Buffer.from(
  `: ok\n\n${`data: ${middleChunk}\n\n`.repeat(20)}: keep-alive\n\ndata: [DONE]\n\n`,
);

for (const step of [1, 2, 5, 6, 7, 11, 12, 13, 64, 4096, stream.length]) {
  test(`every event is counted once in pieces of ${step} bytes`, () => {
    const counter = new EventCounter();
    for (let at = 0; at < stream.length; at += step) counter.take(stream.subarray(at, at + step));
    expect(counter.events).toBe(20);
    expect(counter.isDone).toBe(true);
  });
}

test("a stream that was cut before [DONE] is not done", () => {
  const counter = new EventCounter();
  counter.take(stream.subarray(0, stream.indexOf("[DONE]")));
  expect(counter.isDone).toBe(false);
});
