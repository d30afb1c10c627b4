/** A hub with scripted nodes and a clock in hand: what the call room's tests share. */

import { FakeClock } from "../clock_fake.ts";
import { silentLog } from "../log.ts";
import type { AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import { Hub } from "../node/hub.ts";
import { Node } from "../node/node.ts";
import { PenaltyBook } from "../node/penalty.ts";
import { V1Answer } from "../node/v1_answer.ts";
import type { LedgerEntry } from "../store/store.ts";
import type { Refusal } from "./blame.ts";
import { Call } from "./call.ts";
import { Calls } from "./calls.ts";
import { type Outlet, Relay } from "./relay.ts";
import { Scheduler, type SchedulerConfig } from "./scheduler.ts";

/** One attempt that a scripted node was sent. */
export class Received {
  isCancelled = false;
  isForgotten = false;
  consumedBytes = 0;
  readonly #answer: V1Answer;

  constructor(readonly order: Order, readonly sink: AttemptSink) {
    this.#answer = new V1Answer(order);
  }

  /** The node sends one chunk (or the whole answer of a call that does not stream). */
  chunk(value: unknown): void {
    this.sink.data(this.#answer.take(value, JSON.stringify(value)));
  }

  text(content: string): void {
    this.chunk({ choices: [{ index: 0, delta: { content } }] });
  }

  error(code: number, message = "no"): void {
    this.sink.fail({ kind: "refused", error: { request_id: "x", code, message } });
  }

  tally() {
    return this.#answer.tally();
  }
}

export class World {
  readonly clock = new FakeClock();
  readonly hub = new Hub();
  readonly penalties = new PenaltyBook(this.clock, 60_000);
  readonly calls = new Calls();
  readonly ledger: LedgerEntry[] = [];
  readonly scheduler: Scheduler;
  readonly relay: Relay;
  #names = 0;

  constructor(config: Partial<SchedulerConfig> = {}, random: () => number = () => 0) {
    const { hub, penalties, clock } = this;
    this.scheduler = new Scheduler({ hub, penalties, clock, random }, {
      queuePerModel: 10,
      queuePerAccount: 5,
      queueWaitMs: 30_000,
      ...config,
    });
    this.relay = new Relay({
      scheduler: this.scheduler,
      calls: this.calls,
      clock,
      log: silentLog,
      ledger: { record: (entry) => void this.ledger.push(entry) },
      nonce: () => String(this.#names++),
    }, { firstTokenMs: 20_000, idleMs: 10_000, cancelGraceMs: 5_000, maxRetries: 3 });
  }

  /** Connects a node; what it is sent gathers in `received`. */
  node(name: string, maxParallel = 1, models: string[] = ["m"]) {
    const received: Received[] = [];
    const state = { refusesSends: false };
    const connection = {
      start(order: Order, sink: AttemptSink): RunningAttempt | null {
        if (state.refusesSends) return null;
        const attempt = new Received(order, sink);
        received.push(attempt);
        return {
          tally: () => attempt.tally(),
          consumed: (bytes) => {
            attempt.consumedBytes += bytes;
          },
          cancel: () => {
            attempt.isCancelled = true;
          },
          forget: () => {
            attempt.isForgotten = true;
          },
        };
      },
      close() {},
    };
    const who = { id: name, identity: `key/${name}`, accountId: `owner-${name}`, keyId: "key" };
    const offer = { name, agent: null, maxParallel, models };
    const node = new Node(who, offer, connection, this.clock.now());
    this.hub.add(node);
    return { node, received, state, leave: () => this.hub.remove(node) };
  }

  call({ model = "m", account = "alice", stream = false } = {}): Call {
    const id = `req-${this.#names++}`;
    const request = {
      id,
      accountId: account,
      keyId: `key-${account}`,
      endpoint: "/v1/chat/completions",
      model,
      stream,
      wantsUsage: false,
      streamOptions: null,
      body: { bytes: new Uint8Array(), text: JSON.stringify({ model, stream }) },
    };
    return new Call(request, this.clock.monotonic(), this.clock.now());
  }
}

/** An outlet that keeps what it is given. */
export class Kept implements Outlet {
  body: string | null = null;
  refusal: Refusal | null = null;
  error: { code: string; retryAfterMs: number | null } | null = null;
  events: string[] = [];
  hasBegun = false;
  endings = 0;
  lateWrites = 0;

  isStalled = false;
  onDrained: () => void = () => {};

  answeredBy(): void {}

  whole(body: string | Uint8Array): void {
    this.body = Buffer.from(body as string).toString();
    this.endings++;
  }

  refuse(refusal: Refusal): void {
    this.refusal = refusal;
    this.endings++;
  }

  begin(): void {
    this.hasBegun = true;
  }

  write(events: string | Uint8Array): void {
    if (this.endings > 0) this.lateWrites++;
    this.events.push(Buffer.from(events as string).toString());
  }

  end(): void {
    this.endings++;
  }

  fail(error: { code: string; retryAfterMs: number | null }): void {
    this.error = error;
    this.endings++;
  }

  get deliveredBytes(): number {
    return this.events.join("").length + (this.body?.length ?? 0);
  }

  get deliveredChunks(): number {
    return this.events.length;
  }

  /** The text of all content deltas. */
  get text(): string {
    return this.events.map((event) =>
      JSON.parse(event.slice("data: ".length)).choices[0]?.delta.content ?? ""
    ).join("");
  }
}
