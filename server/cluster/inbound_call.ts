/** A peer's call on a node of this gateway: passes on what the node sends, as far as the peer grants credit. */

import {
  AnswerWriter,
  CALLER_GONE,
  type Finish,
  isBusy,
  MAX_FRAME_BYTES,
} from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import type { Lease } from "../schedule/lease.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import type { PeerFailure } from "./outbound_calls.ts";
import { encodePeerMessage } from "./peer_message.ts";

export interface InboundCallConfig {
  cancelGraceMs: number;
  /** The largest answer that is kept for a peer whose caller does not read: a whole answer of wire v1, which has no credit. */
  maxFrameBytes: number;
}

export interface InboundCallParts {
  clock: Clock;
  /** Sends a frame; a frame that is lost ends the link. */
  send: (frame: Uint8Array) => void;
  /** Called when the node is done with the call, just before the slot is free. `isAnswered`: to its end. */
  onFree: (isAnswered: boolean) => void;
  /** Called after the last frame of the call was sent. */
  onEnd: () => void;
}

/** Beyond so many of the largest frames, no more is kept of one node's answers in wire v1 for callers who do not read. */
const FRAMES_PER_NODE = 2;

const encoder = new TextEncoder();
const MAX_REFUSAL_STATUS = 498;

export class InboundCall implements AttemptSink {
  readonly #writer: AnswerWriter;
  #running: RunningAttempt | null = null;
  #cancelGrace: () => void = () => {};
  readonly #startedMs: number;
  /** Of the answer, as they came from the node. */
  #answerBytes = 0;
  /** Bytes beyond the peer's credit, which count against the node: only wire v1 makes them. */
  #keptBytes = 0;

  constructor(
    private readonly stream: number,
    private readonly lease: Lease,
    private readonly credit: number,
    private readonly parts: InboundCallParts,
    private readonly config: InboundCallConfig,
  ) {
    this.#startedMs = parts.clock.monotonic();
    const terms = { windowBytes: credit, maxFrameBytes: MAX_FRAME_BYTES, takesPacks: false };
    this.#writer = new AnswerWriter(stream, terms, parts, () => {
      this.#count();
      parts.onEnd();
    });
  }

  /** Sends the call to its node. */
  start(order: Order): void {
    const { node, charge } = this.lease;
    const running = this.#running = node.connection.start(order, this);
    if (running !== null) {
      const answerBytes = () => this.#answerBytes;
      const meter = { tally: () => running.tally(), answerBytes };
      return charge?.begin(meter, order.body.bytes.byteLength);
    }
    this.#fail({ code: 503, message: "The node reads too slowly", busy: true });
    this.#free();
  }

  /** The peer's caller has read so many bytes: as many more may be sent. */
  grant(bytes: number): void {
    this.#running?.consumed(bytes);
    this.#writer.grant(bytes);
    this.#count();
  }

  /** The peer or its caller is gone. The slot is held until the node confirms that it has stopped. */
  cancel(): void {
    this.#writer.discard();
    this.#count();
    if (this.#running === null) return;
    this.#running.cancel();
    this.#cancelGrace();
    this.#cancelGrace = this.parts.clock.after(this.config.cancelGraceMs, () => {
      this.#running?.forget();
      this.#fail({ code: CALLER_GONE, message: "The node does not confirm that it has stopped" });
      this.#free();
    });
  }

  head(headers: Readonly<Record<string, string>>): void {
    this.#writer.setHead({ status: 200, headers });
    this.#writer.sendHead();
  }

  data(piece: string | Uint8Array): void {
    this.#answerBytes += piece.length;
    this.#writer.write(typeof piece === "string" ? encoder.encode(piece) : piece);
    this.#count();
    // Only a node of wire v1 sends more than it was granted.
    const { maxFrameBytes } = this.config;
    const isKept = this.#writer.unsentBytes <= maxFrameBytes &&
      (this.#keptBytes === 0 || this.lease.node.keptBytes <= FRAMES_PER_NODE * maxFrameBytes);
    if (isKept) return;
    this.#fail({ code: 502, message: "The caller reads too slowly", fault: "gateway" });
    this.cancel();
  }

  finish(): void {
    this.#writer.finish(this.#tally());
    this.#free(true);
  }

  fail(failure: AttemptFailure): void {
    this.lease.charge?.waive();
    if (failure.kind === "answered") {
      this.#answer(failure.status, failure.headers, failure.body);
    } else if (failure.kind === "refused") {
      this.#refuse(failure.error);
    } else if (failure.kind === "interrupted") {
      this.#fail({ code: 503, message: failure.reason, busy: true });
    } else if (failure.kind === "no answer") {
      this.#fail({ code: 502, message: failure.reason });
    } else {
      const fault = failure.kind === "gateway lost" ? "gateway" : failure.kind;
      this.#fail({ code: 502, message: failure.reason, fault });
    }
    this.#free();
  }

  suspended(): void {
    this.parts.send(encodePeerMessage({ is: "suspended", stream: this.stream }));
  }

  resumed(): void {
    this.parts.send(encodePeerMessage({ is: "resumed", stream: this.stream }));
  }

  #refuse({ code, message, retry_after_ms, error, kind }: Refused): void {
    // An answer also reaches gateways that do not know ERROR's field for the upstream's error object.
    if (kind === undefined && error !== undefined && code >= 400 && code <= MAX_REFUSAL_STATUS) {
      const headers: Record<string, string> = retry_after_ms === undefined
        ? {}
        : { "retry-after-ms": String(retry_after_ms) };
      return this.#answer(code, headers, JSON.stringify({ error }));
    }
    if (!isStatus(code)) {
      return this.#fail({ code: 502, message: "an error without a meaning", fault: "protocol" });
    }
    const busy = isBusy({ code, message });
    this.#fail({
      code,
      message,
      busy,
      ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
      ...(error === undefined ? {} : { error }),
      ...(kind === undefined ? {} : { kind }),
    });
  }

  /** Passes on a refusal with the upstream's own status and body. */
  #answer(status: number, headers: Readonly<Record<string, string>>, body: string): void {
    if (this.#writer.hasBegun) {
      return this.#fail({ code: status, message: "The upstream broke off" });
    }
    this.#writer.setHead({ status, headers });
    this.#writer.sendHead();
    this.#writer.write(encoder.encode(body));
    this.#writer.finish(this.#tally());
  }

  #fail(failure: PeerFailure): void {
    this.#writer.fail({ ...failure, tally: this.#tally() });
  }

  #count(): void {
    const kept = Math.max(0, this.#writer.unsentBytes - this.credit);
    this.lease.node.keep(kept - this.#keptBytes);
    this.#keptBytes = kept;
  }

  /** The node is done with the call, or is given up. */
  #free(isAnswered = false): void {
    this.#cancelGrace();
    this.#running = null;
    this.parts.onFree(isAnswered);
    this.lease.release();
  }

  #tally(): Finish {
    const tally = this.#running?.tally();
    return {
      prompt_tokens: tally?.promptTokens ?? null,
      completion_tokens: tally?.completionTokens ?? null,
      estimated: tally?.estimated ?? false,
      finish_reason: tally?.hasFailed ? "failed" : tally?.isComplete ? "stop" : null,
      first_byte_ms: null,
      total_ms: Math.round(this.parts.clock.monotonic() - this.#startedMs),
      ...(tally?.responseId === undefined ? {} : { response_id: tally.responseId }),
    };
  }
}

function isStatus(code: number): boolean {
  return Number.isInteger(code) && code >= 100 && code <= 599;
}

type Refused = Extract<AttemptFailure, { kind: "refused" }>["error"];
