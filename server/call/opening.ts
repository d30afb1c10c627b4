/**
 * The opening of a stream: events that only announce an answer, such as its role. They are held back
 * until an event says something, so that a node that is lost between the two can be replaced.
 */

import { owned } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import type { Node } from "../node/node.ts";
import type { AnswerSource } from "../node/kept_answer.ts";
import type { AnswerSink } from "./answer_writer.ts";

export interface OpeningLimits {
  /** An opening is passed on after this time: from then on its caller sees signs of life in any case. */
  keepAliveMs: number;
}

/** An opening may repeat the whole request: `response.created` holds instructions and tools. */
const MAX_HELD_BYTES = 256 * 1024;

/** What is held is read again with each piece: a node may send single bytes. */
const MAX_HELD_PIECES = 64;

const NOTHING = (): void => {};

type Piece = string | Uint8Array;

export class Opening implements AnswerSink {
  #held: Piece[] = [];
  #heldBytes = 0;
  #isOver = false;
  #source: AnswerSource | null = null;
  #cancelRelease = NOTHING;

  constructor(
    private readonly writer: AnswerSink,
    private readonly clock: Clock,
    private readonly limits: OpeningLimits,
  ) {}

  /** Whether the caller was sent a byte of the answer, so that no other node can give it. */
  get hasBegun(): boolean {
    return this.#isOver;
  }

  head(node: Node, headers: Readonly<Record<string, string>>): void {
    this.writer.head(node, headers);
  }

  data(piece: Piece, source: AnswerSource): boolean {
    if (this.#isOver) return this.writer.data(piece, source);
    this.#source = source;
    const isFirst = this.#held.length === 0;
    // The usual case of a provider that sends no opening, without a copy.
    if (isFirst && !isOpening([piece])) {
      this.#isOver = true;
      return this.writer.data(piece, source);
    }
    this.#held.push(typeof piece === "string" ? piece : owned(piece));
    this.#heldBytes += piece.length;
    if (isFirst) {
      this.#cancelRelease = this.clock.after(this.limits.keepAliveMs, () => this.release());
    }
    const isBounded = this.#heldBytes <= MAX_HELD_BYTES && this.#held.length <= MAX_HELD_PIECES;
    return isBounded && (isFirst || isOpening(this.#held)) ? true : this.release();
  }

  /** Passes on what is held. Returns whether the caller has taken it. */
  release(): boolean {
    const held = this.#held;
    this.discard();
    if (held.length === 0) return true;
    this.#isOver = true;
    return this.writer.data(joined(held), this.#source!);
  }

  /** Drops what is held. */
  discard(): void {
    this.#cancelRelease();
    this.#held = [];
    this.#heldBytes = 0;
  }
}

function joined(pieces: readonly Piece[]): Piece {
  const [first] = pieces;
  if (pieces.length === 1) return first!;
  if (pieces.every((piece) => typeof piece === "string")) return pieces.join("");
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece as Uint8Array)));
}

/** Whether no complete event in the pieces says anything. An event that is cut off says nothing yet. */
function isOpening(pieces: readonly Piece[]): boolean {
  const piece = joined(pieces);
  const text = typeof piece === "string"
    ? piece
    : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString();
  if (SAYS_SOMETHING.test(text)) return false;
  const events = text.split(/\r?\n\r?\n/);
  return events.slice(0, -1).every(saysNothing);
}

/** The beginning of most answers of chat completions, found without parsing. */
const SAYS_SOMETHING = /"(?:content|text|delta)":"[^"]/;

function saysNothing(event: string): boolean {
  const data = event.split("\n").flatMap((line) => /^data: ?(.*?)\r?$/s.exec(line)?.[1] ?? []);
  if (data.length === 0) return true;
  try {
    const json = JSON.parse(data.join("\n")) as Shape;
    return Array.isArray(json.choices) ? isBareChunk(json) : announces[json.type ?? ""]?.(json) ??
      false;
  } catch {
    return false;
  }
}

/** What is read of an event, whatever its dialect. */
interface Shape {
  type?: string;
  error?: unknown;
  usage?: unknown;
  choices?: { delta?: object | null; text?: unknown; finish_reason?: unknown }[];
  content_block?: object;
  item?: { type?: string };
  part?: object;
}

/** A chunk of chat completions or completions whose choices have a role and nothing else. */
function isBareChunk({ choices, error, usage }: Shape): boolean {
  if (!isEmpty(error) || (!isEmpty(usage) && choices!.length === 0)) return false;
  return choices!.every(({ delta, text, finish_reason }) =>
    isEmpty(finish_reason) && isEmpty(text) && isBare(delta ?? {})
  );
}

const announced = (): boolean => true;

/** By type of event: whether one of Anthropic's messages or of OpenAI's responses only announces something. */
const announces: Readonly<Record<string, (event: Shape) => boolean>> = Object.freeze({
  "message_start": announced,
  "ping": announced,
  "content_block_start": ({ content_block }: Shape) => isBare(content_block ?? {}),
  "response.created": announced,
  "response.queued": announced,
  "response.in_progress": announced,
  "response.output_item.added": ({ item }: Shape) =>
    item?.type === "message" || item?.type === "reasoning",
  "response.content_part.added": ({ part }: Shape) => isBare(part ?? {}),
  "response.reasoning_summary_part.added": ({ part }: Shape) => isBare(part ?? {}),
});

/** Names of members that announce what will follow. */
const NAMES: ReadonlySet<string> = new Set(["role", "type"]);

/** Whether nothing but names has a value. */
function isBare(thing: object): boolean {
  return Object.entries(thing).every(([name, value]) => NAMES.has(name) || isEmpty(value));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" ||
    (Array.isArray(value) && value.length === 0);
}
