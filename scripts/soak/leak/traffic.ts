/** What a gateway has to do on an ordinary day: streams and whole answers, one after the other, through one node. */

import type { Account } from "../../../tests/harness/account.ts";
import { endAfterTests } from "../../../tests/harness/cleanup.ts";
import { type RunningNode, startNode } from "../../../tests/harness/node.ts";
import { chatBody, RELAYED_MODEL } from "../../bench/chat.ts";
import { startUpstream } from "../../bench/stage.ts";
import { CHAT_PATH } from "../../bench/target.ts";
import { PacedStreams, wholeOnly } from "../streams.ts";

const MODEL = "traffic";
const STREAMS = 50;
const WHOLE_CALLERS = 4;
/** Between one caller's answer and its next call. */
const PAUSE_MS = 80;

interface Place {
  gateway: { url: string; wsUrl: string };
  owner: Account;
  provider: Account;
}

export class Traffic {
  private constructor(private readonly place: Place, readonly node: RunningNode) {}

  static async start(place: Place): Promise<Traffic> {
    const upstream = await startUpstream();
    endAfterTests(() => upstream.stop());
    const node = await startNode({
      gateway: place.gateway,
      name: "traffic",
      clientToken: place.provider.clientToken,
      maxParallel: 2 * (STREAMS + WHOLE_CALLERS),
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: `http://127.0.0.1:${upstream.port}/v1`,
        models: [{ local: RELAYED_MODEL, server_mapping: MODEL }],
      }],
    });
    return new Traffic(place, node);
  }

  /** Resolves with the number of calls once all have ended; rejects when one did not end well. */
  async flow(ms: number): Promise<number> {
    const { gateway, owner } = this.place;
    const target = { port: Number(new URL(gateway.url).port), token: owner.apiToken };
    const untilMs = performance.now() + ms;
    const streams = await PacedStreams.begin(target, MODEL, STREAMS);
    const callers = Array.from({ length: WHOLE_CALLERS }, () => this.#callWhole(untilMs));
    const whole = await Promise.all(callers);
    const gaps = wholeOnly(await streams.end());
    return gaps.streams + whole.reduce((sum, calls) => sum + calls);
  }

  async #callWhole(untilMs: number): Promise<number> {
    const { gateway, owner } = this.place;
    let calls = 0;
    while (performance.now() < untilMs) {
      const answer = await fetch(`${gateway.url}${CHAT_PATH}`, {
        method: "POST",
        headers: { authorization: `Bearer ${owner.apiToken}` },
        body: chatBody({ model: MODEL, streaming: null }),
      });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`Answered ${answer.status}: ${text}`);
      calls++;
      await Bun.sleep(PAUSE_MS);
    }
    return calls;
  }
}
