/** One model's answer while it streams, and its figures. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { ApiError } from "../../api.ts";
import type { ChatBody } from "./chat_request.ts";
import { leaveChat, streamChat, type Usage } from "./chat_stream.ts";

export type AnswerState = "waiting" | "streaming" | "done" | "stopped" | "failed";

/** The stored form of a finished answer. */
export interface AnswerRecord {
  model: string;
  state: AnswerState;
  text: string;
  reasoning: string;
  figures: Figures;
  error: { code: string; message: string } | null;
  /** Of an answer that was not complete when it was stored: what gets the same answer again. */
  resume?: { body: ChatBody; key: string };
}

/** A longer request, such as one with pictures, is not stored. In characters. */
const MAX_RESUME_SIZE = 200_000;

export interface Figures {
  /** From sending to the first token, of the text or of the reasoning. */
  firstTokenMs: number | null;
  totalMs: number | null;
  promptTokens: number | null;
  completionTokens: number | null;
  /** Null: the answer was too short to measure it. */
  tokensPerSecond: number | null;
  nodeId: string | null;
  requestId: string | null;
}

/** Raw events kept for display; further ones only go into the answer. */
const RAW_EVENTS = 2000;

/** A shorter stream is too short to measure a speed. */
const MIN_SPAN_MS = 50;
/** Interval of re-rendering a growing answer. */
const RENDER_MS = 40;

const unknown: Figures = {
  firstTokenMs: null,
  totalMs: null,
  promptTokens: null,
  completionTokens: null,
  tokensPerSecond: null,
  nodeId: null,
  requestId: null,
};

export class Answer {
  readonly state = signal<AnswerState>("waiting");
  readonly text = signal("");
  readonly reasoning = signal("");
  readonly figures = signal<Figures>(unknown);
  readonly error = signal<ApiError | null>(null);
  /** The request that was sent; null for an answer from the history. */
  readonly request: ChatBody | null;
  /** The raw events received. */
  readonly raw: string[] = [];
  readonly isOver: ReadonlySignal<boolean> = computed(() =>
    this.state.value !== "waiting" && this.state.value !== "streaming"
  );
  readonly #stopping = new AbortController();
  readonly #pending = new Map<Signal<string>, string>();
  #flushTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly model: string,
    request: ChatBody | null = null,
    private readonly key: string = newId(),
  ) {
    this.request = request;
  }

  /** Restores an answer from the history. */
  static from(record: AnswerRecord): Answer {
    const { resume } = record;
    if (resume) return new Answer(record.model, resume.body, resume.key);
    const answer = new Answer(record.model);
    answer.state.value = record.state;
    answer.text.value = record.text;
    answer.reasoning.value = record.reasoning;
    answer.figures.value = { ...unknown, ...record.figures };
    const { error } = record;
    answer.error.value = error && new ApiError(0, error.code, error.message);
    return answer;
  }

  record(): AnswerRecord {
    const error = this.error.peek();
    return {
      model: this.model,
      state: this.isOver.peek() ? this.state.peek() : "stopped",
      text: this.text.peek(),
      reasoning: this.reasoning.peek(),
      figures: this.figures.peek(),
      error: error && { code: error.code, message: error.message },
      ...(this.isOver.peek() ? {} : this.#resume()),
    };
  }

  #resume(): Pick<AnswerRecord, "resume"> {
    const { request: body, key } = this;
    const isSmall = body !== null && JSON.stringify(body).length <= MAX_RESUME_SIZE;
    return isSmall ? { resume: { body, key } } : {};
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Streams the answer; resolves once it is done, stopped or failed. */
  async run(apiToken: string, clock: () => number = () => performance.now()): Promise<void> {
    const { request: body, key } = this;
    if (!body || this.isOver.peek()) return;
    const startMs = clock();
    let firstMs: number | null = null;
    let lastMs = startMs;
    let pieces = 0;
    let usage: Usage = {};
    const onPiece = (target: Signal<string>, piece: string) => {
      lastMs = clock();
      pieces++;
      this.#append(target, piece);
      if (firstMs !== null) return;
      firstMs = lastMs;
      this.state.value = "streaming";
      this.#updateFigures({ firstTokenMs: firstMs - startMs });
    };
    const end = (state: AnswerState) =>
      batch(() => {
        this.#flush();
        const tokens = usage.completion_tokens ?? null;
        const spanMs = firstMs === null ? 0 : lastMs - firstMs;
        this.#updateFigures({
          totalMs: clock() - startMs,
          promptTokens: usage.prompt_tokens ?? null,
          completionTokens: tokens,
          tokensPerSecond: spanMs > MIN_SPAN_MS ? ((tokens ?? pieces) * 1000) / spanMs : null,
        });
        this.state.value = state;
      });
    const listener = {
      began: (nodeId: string | null, requestId: string | null) =>
        this.#updateFigures({ nodeId, requestId }),
      text: (piece: string) => onPiece(this.text, piece),
      reasoning: (piece: string) => onPiece(this.reasoning, piece),
      usage: (reported: Usage) => usage = reported,
      raw: (data: string) => this.raw.length < RAW_EVENTS && this.raw.push(data),
    };
    try {
      await streamChat({ body, apiToken, key }, listener, this.#stopping.signal);
      end("done");
    } catch (error) {
      if (this.#stopping.signal.aborted) {
        void leaveChat({ body, apiToken, key });
        return end("stopped");
      }
      if (!(error instanceof ApiError)) throw error;
      this.error.value = error;
      end("failed");
    }
  }

  /** Collects pieces, because a fast model sends more of them than the page can render one by one. */
  #append(target: Signal<string>, piece: string): void {
    this.#pending.set(target, (this.#pending.get(target) ?? "") + piece);
    this.#flushTimer ??= setTimeout(() => this.#flush(), RENDER_MS);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    batch(() => {
      for (const [target, pieces] of this.#pending) target.value += pieces;
    });
    this.#pending.clear();
  }

  #updateFigures(figures: Partial<Figures>): void {
    this.figures.value = { ...this.figures.peek(), ...figures };
  }
}

/** Random hexadecimal digits: browsers make UUIDs on HTTPS and localhost only. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
