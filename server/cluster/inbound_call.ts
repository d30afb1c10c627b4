/** A peer's call on a node of this gateway: passes on what the node sends, as far as the peer grants credit. */

import {
  CALLER_GONE,
  encodeJson,
  encodeStreamV2,
  type Finish,
  HEADER_BYTES,
  isBusy,
  MAX_FRAME_BYTES,
} from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import type { Lease } from "../schedule/lease.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import type { PeerFailure } from "./outbound_calls.ts";

export interface GuestTimes {
  cancelGraceMs: number;
  /** What is held for a peer whose caller does not read: a whole answer of wire v1, which knows no credit. */
  maxFrameBytes: number;
}

export interface GuestParts {
  clock: Clock;
  /** Sends a frame; the link ends where it is lost. */
  say: (frame: Uint8Array) => void;
  /** The node is done with the call: its slot is free in a moment. */
  onFree: () => void;
  /** The peer hears no more of the call. */
  onEnd: () => void;
}

const encoder = new TextEncoder();
const MAX_PIECE_BYTES = MAX_FRAME_BYTES - HEADER_BYTES;
const MAX_REFUSAL_STATUS = 498;

export class InboundCall implements AttemptSink {
  #running: RunningAttempt | null = null;
  #hasHead = false;
  /** Came from the node, and there is no credit for it yet. */
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** What is said last, once everything held is gone. */
  #lastFrame: Uint8Array | null = null;
  #isOver = false;
  #isCancelled = false;
  #cancelGrace: () => void = () => {};
  readonly #startedMs: number;

  constructor(
    private readonly stream: number,
    private readonly lease: Lease,
    private credit: number,
    private readonly parts: GuestParts,
    private readonly times: GuestTimes,
  ) {
    this.#startedMs = parts.clock.monotonic();
  }

  /** Sends the call to its node. */
  start(order: Order): void {
    this.#running = this.lease.node.connection.start(order, this);
    if (this.#running !== null) return;
    this.#fail({ code: 503, message: "The node reads too slowly", busy: true });
    this.#free();
  }

  /** So many more bytes may be sent: the peer's caller has read as many. */
  grant(bytes: number): void {
    this.credit += bytes;
    this.#running?.consumed(bytes);
    this.#flush();
  }

  /** The peer's caller is gone, or the peer is: the slot is held until the node confirms that it has stopped. */
  cancel(): void {
    this.#isCancelled = true;
    this.#held.length = this.#heldBytes = 0;
    this.#closeWhenEmpty();
    if (this.#running === null) return;
    this.#running.cancel();
    this.#cancelGrace();
    this.#cancelGrace = this.parts.clock.after(this.times.cancelGraceMs, () => {
      this.#running?.forget();
      this.#fail({ code: CALLER_GONE, message: "The node does not confirm that it has stopped" });
      this.#free();
    });
  }

  head(headers: Readonly<Record<string, string>>): void {
    this.#head(200, headers);
  }

  data(piece: string | Uint8Array): void {
    const bytes = typeof piece === "string" ? encoder.encode(piece) : piece;
    if (bytes.byteLength === 0 || this.#isOver) return;
    if (!this.#hasHead) this.#head(200, {});
    this.#offer(bytes);
  }

  finish(): void {
    this.#last(encodeJson("finish", this.stream, this.#tally()));
    this.#free();
  }

  fail(failure: AttemptFailure): void {
    if (failure.kind === "answered") {
      this.#answer(failure.status, failure.headers, failure.body);
    } else if (failure.kind === "refused") {
      this.#refuse(failure.error);
    } else {
      const fault = failure.kind === "gateway lost" ? "gateway" : failure.kind;
      this.#fail({ code: 502, message: failure.reason, fault });
    }
    this.#free();
  }

  #refuse({ code, message, retry_after_ms, error }: Refused): void {
    // The upstream's own words, which ERROR has no room for.
    if (error !== undefined && code >= 400 && code <= MAX_REFUSAL_STATUS) {
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
    });
  }

  /** A refusal with the upstream's own status and body. */
  #answer(status: number, headers: Readonly<Record<string, string>>, body: string): void {
    if (this.#hasHead) return this.#fail({ code: status, message: "The upstream broke off" });
    this.#head(status, headers);
    const bytes = encoder.encode(body);
    if (bytes.byteLength > 0) this.#offer(bytes);
    this.#last(encodeJson("finish", this.stream, this.#tally()));
  }

  #fail(failure: PeerFailure): void {
    this.#last(encodeJson("error", this.stream, { ...failure, tally: this.#tally() }));
  }

  #head(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#hasHead || this.#isOver) return;
    this.#hasHead = true;
    this.parts.say(encodeJson("head", this.stream, { status, headers: { ...headers } }));
  }

  /** Sends it as far as credit goes; the rest is held. */
  #offer(bytes: Uint8Array): void {
    // Nobody grants credit for it any more: what is said last would wait for ever.
    if (this.#isCancelled) return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.byteLength;
    this.#flush();
    if (this.#heldBytes <= this.times.maxFrameBytes) return;
    // Only a node of wire v1 sends more than it was granted.
    this.#held.length = this.#heldBytes = 0;
    this.#fail({ code: 502, message: "The caller reads too slowly", fault: "gateway" });
    this.cancel();
  }

  #flush(): void {
    while (this.#held.length > 0 && this.credit > 0) {
      const [piece] = this.#held;
      const sent = piece!.subarray(0, Math.min(this.credit, MAX_PIECE_BYTES));
      if (sent.byteLength === piece!.byteLength) this.#held.shift();
      else this.#held[0] = piece!.subarray(sent.byteLength);
      this.credit -= sent.byteLength;
      this.#heldBytes -= sent.byteLength;
      this.parts.say(encodeStreamV2(this.stream, sent));
    }
    this.#closeWhenEmpty();
  }

  #last(frame: Uint8Array): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lastFrame = frame;
    this.#closeWhenEmpty();
  }

  #closeWhenEmpty(): void {
    if (this.#lastFrame === null || this.#held.length > 0) return;
    this.parts.say(this.#lastFrame);
    this.#lastFrame = null;
    this.parts.onEnd();
  }

  /** The node is done with it, or given up. */
  #free(): void {
    this.#cancelGrace();
    this.#running = null;
    this.parts.onFree();
    this.lease.release();
  }

  #tally(): Finish {
    const tally = this.#running?.tally();
    return {
      prompt_tokens: tally?.promptTokens ?? null,
      completion_tokens: tally?.completionTokens ?? null,
      estimated: tally?.estimated ?? false,
      finish_reason: null,
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
