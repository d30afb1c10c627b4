/** The node's part in the conversations of protocol/golden/resume.json. */

import { describe, expect, test } from "bun:test";
import vectors from "../../protocol/golden/resume.json" with { type: "json" };
import { CALLER_GONE } from "../../protocol/mod.ts";
import { UpstreamFailure } from "../adapter/adapter.ts";
import { usageMeter } from "../adapter/usage_meter.ts";
import type { Reply } from "../run/runner.ts";
import { RecordedFrames } from "../testing/recorded_frames.ts";
import { WireSessionV2 } from "./wire_session_v2.ts";

interface Step {
  from?: string;
  hex?: string;
  lost?: boolean;
  cut?: boolean;
  node?: string;
  stream?: number;
  text?: string;
}

const offer = { max_parallel: 2, models: ["m"], node_id: "n1" };
const usage = usageMeter("/v1/chat/completions");

class NodeEnd {
  readonly #line = new RecordedFrames();
  readonly #session = new WireSessionV2(this.#line, this.#line.world);
  readonly #replies = new Map<string, Reply>();
  #isLost = false;
  /** What was sent and is not compared yet. */
  #sent: string[] = [];

  step({ from, hex = "", lost, cut, node, stream, text }: Step): void {
    if (cut) this.#lose();
    if (node) this.#act(node, this.#replies.get(`req-${stream}`)!, text);
    if (from === "gateway" && !lost) this.#receive(Uint8Array.fromHex(hex.replaceAll(" ", "")));
    this.#sent.push(...this.#line.hex());
    if (from === "node") expect(this.#sent.shift()).toBe(hex.replaceAll(" ", ""));
  }

  /** Nothing was sent that the conversation does not have. */
  end(): void {
    expect(this.#sent).toEqual([]);
  }

  #lose(): void {
    this.#isLost = true;
    this.#session.suspend();
  }

  #receive(frame: Uint8Array): void {
    const event = this.#session.read(frame);
    if (event.kind === "call") {
      expect(this.#replies.has(event.call.id)).toBe(false);
      this.#replies.set(event.call.id, event.reply);
    }
    if (event.kind !== "hello") return;
    if (this.#isLost) this.#session.attach(this.#line);
    this.#session.register(offer);
  }

  #act(what: string, reply: Reply, text = ""): void {
    switch (what) {
      case "piece":
        return reply.piece({ bytes: new TextEncoder().encode(text), tokenEvents: 0 });
      case "finish":
        return reply.finish(usage);
      case "stopped":
        return reply.fail(new UpstreamFailure(CALLER_GONE, "Stopped: the caller is gone"), usage);
    }
  }
}

describe("a node whose link was lost", () => {
  for (const { name, steps } of vectors.filter((vector) => !("isForged" in vector))) {
    test(name, () => {
      const node = new NodeEnd();
      for (const step of steps as Step[]) node.step(step);
      node.end();
    });
  }
});
