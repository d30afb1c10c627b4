/** One model's answer while it grows, and the figures that tell how fast it came. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { ApiError } from "../../api.ts";
import type { ChatBody } from "./chat_request.ts";
import { streamChat, type Usage } from "./chat_stream.ts";

export type AnswerState = "waiting" | "streaming" | "done" | "stopped" | "failed";

/** What is kept of an answer once it is over. */
export interface AnswerRecord {
  model: string;
  state: AnswerState;
  text: string;
  reasoning: string;
  figures: Figures;
  /** The failure's code and words. */
  error: { code: string; message: string } | null;
}

export interface Figures {
  /** From sending to the first word, spoken or thought. */
  firstTokenMs: number | null;
  totalMs: number | null;
  promptTokens: number | null;
  completionTokens: number | null;
  /** Null: too little to tell it from. */
  tokensPerSecond: number | null;
  nodeId: string | null;
  requestId: string | null;
}

/** More events than this are not kept for reading; they are still counted into the answer. */
const RAW_EVENTS = 2000;

/** What comes all at once tells no speed. */
const MIN_SPAN_MS = 50;
/** Between two drawings of an answer that grows. */
const DRAW_MS = 40;

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
  /** Of its call: what was sent, and the events that came back. */
  readonly request: ChatBody | null;
  readonly raw: string[] = [];
  readonly isOver: ReadonlySignal<boolean> = computed(() =>
    this.state.value !== "waiting" && this.state.value !== "streaming"
  );
  readonly #stopping = new AbortController();
  readonly #undrawn = new Map<Signal<string>, string>();
  #drawing: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly model: string, request: ChatBody | null = null) {
    this.request = request;
  }

  /** An answer of before, as it was kept. */
  static from(record: AnswerRecord): Answer {
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
    };
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Asks for it, with `request`; resolves once it is over, whichever way. */
  async run(apiToken: string, clock: () => number = () => performance.now()): Promise<void> {
    if (!this.request) return;
    const startMs = clock();
    let firstMs: number | null = null;
    let lastMs = startMs;
    let pieces = 0;
    let usage: Usage = {};
    const heard = (where: Signal<string>, piece: string) => {
      lastMs = clock();
      pieces++;
      this.#draw(where, piece);
      if (firstMs !== null) return;
      firstMs = lastMs;
      this.state.value = "streaming";
      this.#note({ firstTokenMs: firstMs - startMs });
    };
    const end = (state: AnswerState) =>
      batch(() => {
        this.#drawAll();
        const tokens = usage.completion_tokens ?? null;
        const spanMs = firstMs === null ? 0 : lastMs - firstMs;
        this.#note({
          totalMs: clock() - startMs,
          promptTokens: usage.prompt_tokens ?? null,
          completionTokens: tokens,
          tokensPerSecond: spanMs > MIN_SPAN_MS ? ((tokens ?? pieces) * 1000) / spanMs : null,
        });
        this.state.value = state;
      });
    const listener = {
      began: (nodeId: string | null, requestId: string | null) => this.#note({ nodeId, requestId }),
      text: (piece: string) => heard(this.text, piece),
      reasoning: (piece: string) => heard(this.reasoning, piece),
      usage: (told: Usage) => usage = told,
      raw: (data: string) => this.raw.length < RAW_EVENTS && this.raw.push(data),
    };
    try {
      await streamChat(this.request, apiToken, listener, this.#stopping.signal);
      end("done");
    } catch (error) {
      if (this.#stopping.signal.aborted) return end("stopped");
      if (!(error instanceof ApiError)) throw error;
      this.error.value = error;
      end("failed");
    }
  }

  /** A fast model says more words a second than a page can draw, so they are drawn by the handful. */
  #draw(where: Signal<string>, piece: string): void {
    this.#undrawn.set(where, (this.#undrawn.get(where) ?? "") + piece);
    this.#drawing ??= setTimeout(() => this.#drawAll(), DRAW_MS);
  }

  #drawAll(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    batch(() => {
      for (const [where, pieces] of this.#undrawn) where.value += pieces;
    });
    this.#undrawn.clear();
  }

  #note(figures: Partial<Figures>): void {
    this.figures.value = { ...this.figures.peek(), ...figures };
  }
}
