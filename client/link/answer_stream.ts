/** The way back for one call in wire v2: status first, then bytes at the pace that the gateway grants, then the tally. */

import {
  CALLER_GONE,
  type CallHead,
  encodeJson,
  encodePack,
  encodeStreamV2,
  type Endpoint,
  type Failure,
  type Finish,
  HEADER_BYTES,
  withoutUsage,
} from "../../protocol/mod.ts";
import type { Piece, UpstreamFailure } from "../adapter/adapter.ts";
import type { Outlet } from "./wire_session.ts";
import { eventText } from "../adapter/sse/event_text.ts";
import { errorBody } from "../run/error_body.ts";
import type { Reply } from "../run/runner.ts";
import type { Tally } from "../adapter/tally.ts";
import { SendBuffer } from "./send_buffer.ts";
import type { World } from "../world.ts";

/** What WELCOME said. */
export interface LinkTerms {
  /** STREAM bytes that a call may send before the first grant. */
  windowBytes: number;
  maxFrameBytes: number;
  /** Whether frames may leave together. */
  takesPacks: boolean;
}

/** What the gateway asked for, at an endpoint that this node knows. */
export interface KnownCallHead extends CallHead {
  endpoint: Endpoint;
}

/** To copy what is larger costs more than a message of its own. */
const MAX_PACK_BYTES = 16 * 1024;

const encoder = new TextEncoder();

export class AnswerStream implements Reply {
  readonly #startedMs: number;
  #firstByteMs: number | null = null;
  #headers: Record<string, string> = {};
  #status = 200;
  #saidHead = false;
  /** Pieces of one upstream read go out as one frame. */
  readonly #unsent = new SendBuffer();
  #isFlushPlanned = false;
  /** Sent when everything before it was. */
  #last: (() => void) | null = null;
  #isOver = false;
  #wake: () => void = () => {};
  /** Frames that leave together. */
  #leaving: Uint8Array<ArrayBuffer>[] = [];
  /** STREAM bytes that may be sent before the next grant. */
  #credit: number;
  readonly #maxDataBytes: number;

  constructor(
    private readonly stream: number,
    private readonly head_: KnownCallHead,
    private readonly terms: LinkTerms,
    private readonly outlet: Outlet,
    private readonly world: Pick<World, "nowMs" | "soon">,
    private readonly onEnd: () => void,
  ) {
    this.#startedMs = world.nowMs();
    this.#credit = terms.windowBytes;
    this.#maxDataBytes = terms.maxFrameBytes - HEADER_BYTES;
  }

  get callId(): string {
    return this.head_.id;
  }

  head(headers: Record<string, string>): void {
    this.#headers = headers;
  }

  piece(piece: Piece): void {
    if (this.#isOver) return;
    this.#firstByteMs ??= this.world.nowMs() - this.#startedMs;
    if (typeof piece === "string") return this.#say(this.#bytesOf(piece));
    // All that the upstream has said so far, or nearly: there is nothing to wait for.
    const { bytes } = piece;
    if (
      this.#unsent.bytes === 0 && bytes.byteLength <= Math.min(this.#credit, this.#maxDataBytes)
    ) {
      this.#sendData(bytes);
      return this.#leave();
    }
    this.#unsent.add(bytes);
    this.#flush();
  }

  finish(tally: Tally): void {
    this.#endWith(() => this.#send(encodeJson("finish", this.stream, this.#finishOf(tally))));
  }

  fail(failure: UpstreamFailure, tally: Tally): void {
    const isAnswer = failure.code >= 400 && failure.code < 500 && failure.code !== CALLER_GONE;
    if (isAnswer && !this.#saidHead && this.#unsent.bytes === 0) {
      return this.#refuse(failure, tally);
    }
    const { code, message, isBusy, retryAfterMs } = failure;
    this.#error({
      code,
      message,
      ...(isBusy ? { busy: true } : {}),
      ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
      tally: this.#finishOf(tally),
    }, code === CALLER_GONE);
  }

  busy(why: string): void {
    this.#error({ code: 503, message: why, busy: true }, true);
  }

  /** Waits while the gateway's credit or the link itself holds back what was said. */
  ready(signal: AbortSignal): Promise<void> | null {
    return this.#isHeldBack ? this.#released(signal) : this.outlet.drained(signal);
  }

  /** The gateway lets so many more bytes pass. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#flush();
    this.#wake();
  }

  /** Nobody wants what was not sent yet. */
  letGo(): void {
    this.#unsent.clear();
    this.#wake();
    if (this.#last) this.#flush();
  }

  async #released(signal: AbortSignal): Promise<void> {
    this.#flush();
    while (this.#isHeldBack && !signal.aborted && !this.#isOver) {
      await this.#woken(signal);
    }
    await this.outlet.drained(signal);
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        signal.removeEventListener("abort", this.#wake);
        resolve();
      };
      signal.addEventListener("abort", this.#wake);
    });
  }

  /** More was said than may be sent. What was not flushed counts too: an upstream may say much within one turn. */
  get #isHeldBack(): boolean {
    return this.#unsent.bytes > this.#credit;
  }

  #say(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#unsent.add(bytes);
    this.#planFlush();
  }

  #bytesOf(text: string): Uint8Array {
    const { endpoint, stream, hide_usage } = this.head_;
    const shown = hide_usage ? unasked(text) : text;
    return encoder.encode(stream && shown !== "" ? eventText(endpoint, shown) : shown);
  }

  /** The upstream's refusal is an answer like any other: its status, its error object, its end. */
  #refuse(failure: UpstreamFailure, tally: Tally): void {
    const { code, headers, retryAfterMs } = failure;
    this.#status = code;
    this.#headers = {
      ...headers,
      ...(retryAfterMs === undefined ? {} : { "retry-after-ms": String(retryAfterMs) }),
    };
    this.#say(encoder.encode(errorBody(this.head_.endpoint, failure)));
    this.finish(tally);
  }

  #error(failure: Failure, atOnce: boolean): void {
    if (atOnce) this.letGo();
    this.#endWith(() => this.#send(encodeJson("error", this.stream, failure)));
  }

  #endWith(last: () => void): void {
    if (this.#isOver || this.#last) return;
    this.#last = last;
    this.#flush();
  }

  /** What one upstream read brought is parsed within one turn of the event loop: it leaves as one frame. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.world.soon(() => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isOver) return;
    while (this.#unsent.bytes > 0 && this.#credit > 0) {
      const size = Math.min(this.#unsent.bytes, this.#credit, this.#maxDataBytes);
      this.#sendData(this.#unsent.take(size));
    }
    if (this.#last === null || this.#unsent.bytes > 0) return this.#leave();
    this.#isOver = true;
    this.#last();
    this.#leave();
    this.#wake();
    this.onEnd();
  }

  #sendData(bytes: Uint8Array): void {
    this.#sayHead();
    this.#credit -= bytes.byteLength;
    this.#send(encodeStreamV2(this.stream, bytes));
  }

  #sayHead(): void {
    if (this.#saidHead) return;
    this.#saidHead = true;
    const head = { status: this.#status, headers: this.#headers };
    this.#send(encodeJson("head", this.stream, head));
  }

  #send(frame: Uint8Array<ArrayBuffer>): void {
    this.#leaving.push(frame);
  }

  /** A status and its first words, or the last words and the tally, are one message: each costs both ends a system call. */
  #leave(): void {
    const frames = this.#leaving;
    if (frames.length === 0) return;
    this.#leaving = [];
    const { takesPacks, maxFrameBytes } = this.terms;
    const pack = frames.length > 1 && takesPacks
      ? encodePack(frames, Math.min(MAX_PACK_BYTES, maxFrameBytes))
      : null;
    for (const message of pack === null ? frames : [pack]) this.outlet.send(message);
  }

  #finishOf(tally: Tally): Finish {
    const { promptTokens, completionTokens, tokenEvents, finishReason, responseId } = tally;
    const isGuess = completionTokens === null && this.head_.stream && tokenEvents > 0;
    return {
      prompt_tokens: promptTokens,
      completion_tokens: isGuess ? tokenEvents : completionTokens,
      estimated: isGuess,
      finish_reason: finishReason,
      first_byte_ms: this.#firstByteMs === null ? null : Math.round(this.#firstByteMs),
      total_ms: Math.round(this.world.nowMs() - this.#startedMs),
      ...(responseId === null ? {} : { response_id: responseId }),
    };
  }
}

/** Most chunks do not speak of usage, and a look at the text is far cheaper than parsing it. */
function unasked(text: string): string {
  return text.includes('"usage"') ? withoutUsage(text, JSON.parse(text)) : text;
}
