/** A call's way back to the gateway in wire v2: turns the adapter's pieces into bytes, waits for credit, reports the tally. */

import {
  type AnswerTerms,
  AnswerWriter,
  CALLER_GONE,
  type CallHead,
  type Endpoint,
  type Failure,
  type Finish,
  type StreamState,
  withoutUsage,
} from "../../protocol/mod.ts";
import type { Piece, UpstreamFailure } from "../adapter/adapter.ts";
import type { FrameSink } from "./wire_session.ts";
import { frameEvent } from "../adapter/sse/event_text.ts";
import { errorBody, errorWords } from "../adapter/error_body.ts";
import type { Reply } from "../run/runner.ts";
import type { UsageMeter } from "../adapter/usage_meter.ts";
import type { World } from "../world.ts";

/** The head of a CALL at an endpoint that this node knows. */
export interface KnownCallHead extends CallHead {
  endpoint: Endpoint;
}

/** The link of an answer, which may be lost for a while. */
export interface AnswerSink extends FrameSink {
  /** Whether the link is lost and may come back, and `keptBytes` of one answer are little enough to go on reading. */
  takesUnsent(keptBytes: number): boolean;
}

const encoder = new TextEncoder();

/** Of a request's JSON, on average. */
const BYTES_PER_TOKEN = 4;

export class AnswerStream implements Reply {
  readonly #startedMs: number;
  #firstByteMs: number | null = null;
  readonly #writer: AnswerWriter;
  #isFlushPlanned = false;
  #wake: () => void = () => {};
  /** Whether the caller is gone. */
  #isDiscarded = false;

  /** `onEnd` is called once, after the last frame was sent. */
  constructor(
    stream: number,
    private readonly call: KnownCallHead,
    terms: AnswerTerms,
    private readonly frames: AnswerSink,
    private readonly world: Pick<World, "nowMs" | "soon">,
    onEnd: () => void,
  ) {
    this.#startedMs = world.nowMs();
    this.#writer = new AnswerWriter(stream, terms, frames, onEnd);
  }

  get callId(): string {
    return this.call.id;
  }

  head(headers: Record<string, string>): void {
    this.#writer.setHead({ status: 200, headers });
  }

  piece(piece: Piece): void {
    this.#firstByteMs ??= this.world.nowMs() - this.#startedMs;
    if (typeof piece === "string") {
      const bytes = this.#bytesOf(piece);
      if (bytes.byteLength === 0) return;
      this.#writer.queue(bytes);
      return this.#planFlush();
    }
    // One piece holds all that the upstream has sent so far: waiting for more would gain nothing.
    this.#writer.write(piece.bytes);
  }

  finish(usage: UsageMeter): void {
    this.#writer.finish(this.#isDiscarded ? this.#cancelledFinish(usage) : this.#finishOf(usage));
  }

  fail(failure: UpstreamFailure, usage: UsageMeter): void {
    const { code, message, isBusy, retryAfterMs, kind } = failure;
    const error = errorWords(this.call.endpoint, failure);
    const isAnswer = code >= 400 && code < 500 && code !== CALLER_GONE && kind === undefined;
    if (isAnswer && !this.#writer.hasBegun) return this.#reject(failure, usage);
    const lastFrame: Failure = {
      code,
      message,
      ...(isBusy ? { busy: true } : {}),
      ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
      ...(error === undefined ? {} : { error }),
      ...(kind === undefined ? {} : { kind }),
      tally: code === CALLER_GONE ? this.#cancelledFinish(usage) : this.#finishOf(usage),
    };
    if (code === CALLER_GONE) this.#writer.discard();
    this.#writer.fail(lastFrame);
  }

  busy(reason: string): void {
    this.#writer.fail({ code: 503, message: reason, busy: true });
  }

  /** Bytes of the answer in memory. */
  get keptBytes(): number {
    return this.#writer.keptBytes;
  }

  /** Waits while the gateway's credit or the link itself holds back what was written; null: nothing does. */
  ready(signal: AbortSignal): Promise<void> | null {
    if (this.#isBuffered) return null;
    return this.#writer.isHeldBack ? this.#released(signal) : this.frames.drained(signal);
  }

  /** The gateway takes so many more bytes. */
  grant(bytes: number): void {
    this.#writer.grant(bytes);
    this.#wake();
  }

  /** The link is lost: upstreams are read on for a while. */
  suspend(): void {
    this.#wake();
  }

  /** The link is back: sends what has not arrived. False: `state` cannot be true of this answer. */
  resume(state: StreamState): boolean {
    const isPossible = this.#writer.resume(state);
    this.#wake();
    return isPossible;
  }

  /** The gateway knows nothing of the answer: nothing more of it is sent. */
  abandon(): void {
    this.#isDiscarded = true;
    this.#writer.abandon();
    this.#wake();
  }

  /** The gateway has the end of the answer, or will not ask for it again. */
  forget(): void {
    this.#writer.forget();
  }

  /** The caller is gone: drops what was not sent yet. */
  discard(): void {
    this.#isDiscarded = true;
    this.#writer.discard();
    this.#wake();
  }

  async #released(signal: AbortSignal): Promise<void> {
    this.#writer.flush();
    while (this.#writer.isHeldBack && !this.#isBuffered && !signal.aborted) {
      await this.#woken(signal);
    }
    await this.frames.drained(signal);
  }

  /** Whether the answer goes on without its link. */
  get #isBuffered(): boolean {
    return this.frames.takesUnsent(this.#writer.keptBytes);
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

  #bytesOf(text: string): Uint8Array {
    const { endpoint, stream, hide_usage } = this.call;
    const shown = hide_usage ? withoutHiddenUsage(text) : text;
    return encoder.encode(stream && shown !== "" ? frameEvent(endpoint, shown) : shown);
  }

  /** Answers with the upstream's own status and error object. */
  #reject(failure: UpstreamFailure, usage: UsageMeter): void {
    const { code, headers, retryAfterMs } = failure;
    this.#writer.setHead({
      status: code,
      headers: {
        ...headers,
        ...(retryAfterMs === undefined ? {} : { "retry-after-ms": String(retryAfterMs) }),
      },
    });
    this.#writer.queue(encoder.encode(errorBody(this.call.endpoint, failure)));
    this.finish(usage);
  }

  /** The pieces that one upstream read brought are parsed within one turn of the event loop: they leave as one frame. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.world.soon(() => {
      this.#isFlushPlanned = false;
      this.#writer.flush();
    });
  }

  /** The upstream has read the prompt of an answer that has begun, but reports its tokens only at the end. */
  #cancelledFinish(usage: UsageMeter): Finish {
    const finish = this.#finishOf(usage);
    if (finish.prompt_tokens !== null || usage.pieces === 0) return finish;
    const prompt_tokens = Math.ceil(this.call.body_bytes / BYTES_PER_TOKEN);
    return { ...finish, prompt_tokens, estimated: true };
  }

  #finishOf(usage: UsageMeter): Finish {
    const { promptTokens, completionTokens, tokenEvents, finishReason, responseId } = usage;
    const isGuess = completionTokens === null && this.call.stream && tokenEvents > 0;
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

/** Few chunks mention usage, and searching the text is far cheaper than parsing it. */
function withoutHiddenUsage(text: string): string {
  return text.includes('"usage"') ? withoutUsage(text, JSON.parse(text)) : text;
}
