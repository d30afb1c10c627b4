import { describe, expect, test } from "bun:test";
import { FakeSocket } from "./testing/link_harness.ts";
import { TurnBatches } from "./turn_batches.ts";

/** Counts system calls as Bun's sockets make them: one per message, or one for all that is corked. */
class CountingSocket extends FakeSocket {
  systemCalls = 0;
  #isCorked = false;

  override send(message: string | Uint8Array): number {
    if (!this.#isCorked) this.systemCalls++;
    return super.send(message);
  }

  cork(task: () => void): void {
    this.systemCalls++;
    this.#isCorked = true;
    task();
    this.#isCorked = false;
  }
}

/** `count` frames of a byte each, numbered from 1. */
const frames = (count: number) => Array.from({ length: count }, (_, i) => Uint8Array.of(i + 1));

function harness() {
  let ends: (() => void)[] = [];
  const batches = new TurnBatches((task) => void ends.push(task));
  const endTurn = () => {
    const tasks = ends;
    ends = [];
    for (const task of tasks) task();
    return tasks.length;
  };
  const socket = new CountingSocket({ wire: 2 });
  return { batches, endTurn, socket, batched: batches.over(socket) };
}

describe("TurnBatches", () => {
  test("sends the frames of one turn in order, with one system call", () => {
    const { endTurn, socket, batched } = harness();
    for (const frame of frames(5)) batched.send(frame);
    expect(socket.messages).toEqual([]);
    endTurn();
    expect(socket.messages).toEqual(frames(5));
    expect(socket.systemCalls).toBe(1);
  });

  test("sends what comes after a turn with the next one", () => {
    const { endTurn, socket, batched } = harness();
    batched.send(Uint8Array.of(1));
    endTurn();
    batched.send(Uint8Array.of(2));
    expect(endTurn()).toBe(1);
    expect(socket.messages).toEqual(frames(2));
    expect(endTurn()).toBe(0);
  });

  test("waits once for all sockets, and sends each its own", () => {
    const { batches, endTurn, socket, batched } = harness();
    const other = new CountingSocket({ wire: 2 });
    batched.send(Uint8Array.of(1));
    batches.over(other).send(Uint8Array.of(2));
    batched.send(Uint8Array.of(3));
    expect(endTurn()).toBe(1);
    expect(socket.messages).toEqual([Uint8Array.of(1), Uint8Array.of(3)]);
    expect(other.messages).toEqual([Uint8Array.of(2)]);
  });

  test("copies what waits, because encoders use their memory again", () => {
    const { endTurn, socket, batched } = harness();
    const frame = Uint8Array.of(1);
    batched.send(frame);
    frame[0] = 2;
    endTurn();
    expect(socket.messages).toEqual([Uint8Array.of(1)]);
  });

  test("keeps frames before a large one, a text, a ping and a close in their order", () => {
    const { endTurn, socket, batched } = harness();
    const large = new Uint8Array(5000);
    batched.send(Uint8Array.of(1));
    batched.send(large);
    batched.send(Uint8Array.of(2));
    batched.send("text");
    batched.send(Uint8Array.of(3));
    batched.ping("mark");
    expect(socket.messages).toEqual([
      Uint8Array.of(1),
      large,
      Uint8Array.of(2),
      "text",
      Uint8Array.of(3),
    ]);
    expect(socket.pinged).toEqual(["mark"]);
    batched.send(Uint8Array.of(4));
    batched.close(1000, "done");
    expect(socket.messages.at(-1)).toEqual(Uint8Array.of(4));
    endTurn();
    expect(socket.messages).toHaveLength(6);
  });

  test("holds no more than one system call sends, and counts it as unsent", () => {
    const { socket, batched } = harness();
    socket.buffered = 100;
    batched.send(new Uint8Array(4000));
    expect(batched.getBufferedAmount()).toBe(4100);
    for (let i = 0; i < 4; i++) batched.send(new Uint8Array(4000));
    expect(socket.messages).toHaveLength(5);
    expect(batched.getBufferedAmount()).toBe(100);
  });

  test("cuts a connection that drops a frame, which would leave a gap", () => {
    const { endTurn, socket, batched } = harness();
    socket.sendAnswers = 0;
    batched.send(Uint8Array.of(1));
    endTurn();
    expect(socket.isTerminated).toBe(true);
  });

  test("sends nothing after a connection was cut", () => {
    const { endTurn, socket, batched } = harness();
    batched.send(Uint8Array.of(1));
    batched.terminate();
    endTurn();
    expect(socket.messages).toEqual([]);
  });
});
