/** The gateway's part in the conversations of protocol/golden/resume.json. */

import { describe, expect, test } from "bun:test";
import vectors from "../../protocol/golden/resume.json" with { type: "json" };
import { decodeV2, encodeJson, type FrameV2 } from "../../protocol/mod.ts";
import {
  bodyOf,
  call,
  type FakeSocket,
  LinkHarness,
  type StartedCall,
} from "./testing/link_harness.ts";

interface Step {
  from?: string;
  hex?: string;
  lost?: boolean;
  cut?: boolean;
  gateway?: string;
  stream?: number;
  bytes?: number;
}

class GatewayEnd {
  readonly harness = new LinkHarness({ maxBufferedBytes: 64 });
  readonly calls = new Map<number, StartedCall>();
  #socket: FakeSocket | null = null;
  /** The random texts of this run, and those that stand for them in the file. */
  readonly #written = new Map<string, string>();

  step({ from, hex = "", lost, cut, gateway, stream = 0, bytes = 0 }: Step): void {
    const frame = from === undefined ? null : frameIn(hex);
    if (cut) this.#lose();
    if (gateway) this.#act(gateway, stream, bytes);
    if (frame?.type === "hello") this.#socket = this.harness.dial({ wire: 2 });
    if (from === "gateway") this.#expectSent(frame!);
    if (from === "node" && !lost) this.#send(frame!, hex);
  }

  #lose(): void {
    this.harness.gone(this.#socket!);
    this.#socket = null;
  }

  #act(what: string, stream: number, bytes: number): void {
    switch (what) {
      case "call":
        this.calls.set(
          stream,
          call(this.harness, {
            attemptId: `req-${stream}`,
            stream: true,
            wantsUsage: true,
            body: bodyOf(`{"model":"m","stream":true}`),
          }),
        );
        return;
      case "consume":
        return this.calls.get(stream)!.running!.consumed(bytes);
      case "cancel":
        return this.calls.get(stream)!.running!.cancel();
      case "ping":
        return this.#socket!.data.link!.ping();
    }
  }

  #expectSent(expected: FrameV2): void {
    const sent = this.#socket!.frames.shift();
    this.#socket!.messages.shift();
    if (sent?.type === "welcome" && expected.type === "welcome") {
      for (const name of ["session", "secret"] as const) {
        this.#written.set(expected.data[name]!, sent.data[name]!);
        sent.data[name] = expected.data[name]!;
      }
    }
    expect(sent).toEqual(expected);
  }

  #send(frame: FrameV2, hex: string): void {
    const bytes = frame.type === "register"
      ? encodeJson("register", 0, this.#real(frame.data))
      : Uint8Array.fromHex(hex.replaceAll(" ", ""));
    this.harness.bytes(this.#socket!, bytes);
  }

  #real(data: Extract<FrameV2, { type: "register" }>["data"]): typeof data {
    const resume = Object.fromEntries(
      Object.entries(data.resume ?? {}).map((
        [name, text],
      ) => [name, this.#written.get(text) ?? text]),
    );
    return { ...data, resume };
  }
}

function frameIn(hex: string): FrameV2 {
  const decoded = decodeV2(Uint8Array.fromHex(hex.replaceAll(" ", "")));
  if (decoded.kind !== "frame") throw new Error(JSON.stringify(decoded));
  return decoded.frame;
}

describe("a gateway whose node's link was lost", () => {
  for (const { name, steps, answers } of vectors) {
    test(name, () => {
      const gateway = new GatewayEnd();
      for (const step of steps as Step[]) gateway.step(step);
      for (const [stream, answer] of Object.entries(answers)) {
        const { received } = gateway.calls.get(Number(stream))!;
        expect(received.data.join("")).toBe(answer!);
        expect(received.finished + received.failures.length).toBe(1);
      }
    });
  }
});
