/**
 * The answer of one call, which its caller may read again after a lost connection, also over several
 * connections at once. All of it is kept up to a bound, and each reader continues from its own
 * position. Beyond the bound, only the readers that are attached at that moment get the rest.
 */

import { endpointSpecs } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import { ColinkError, type ErrorCode } from "../base/error.ts";
import type { AnsweringNode, AnswerReader, AnswerSource } from "../node/kept_answer.ts";
import { type AnswerRoom, type Call, type CallRequest, stopError } from "../schedule/call.ts";
import type { LedgerEntry, ReplaysEntry } from "../store/store.ts";
import { AnswerLog, EventNumbers } from "./answer_log.ts";
import type { AnswerWriter } from "./answer_writer.ts";
import type { UpstreamRejection } from "./classify_failure.ts";
import { WholeEvents } from "./whole_events.ts";

/** From where a caller wants to read, and how long the call runs on without it. */
export interface Attachment {
  /** The number of the last event that the caller has; null: it wants the whole answer. */
  after: number | null;
  /** In milliseconds; null: as the call's previous attachment said. */
  lingerMs: number | null;
}

export interface SharedAnswerParts {
  clock: Clock;
  /** Counts so many bytes more of kept answers, or fewer; false: there is no room for them. */
  reserve: (bytes: number) => boolean;
  /** Counts bytes of whole answers that are collected. */
  hold: (bytes: number) => AnswerRoom;
  /** The longest that a call may go on without a caller, where the gateway is leaving. Default: as its caller says. */
  lingerLimitMs?: () => number;
  /** Called when a caller has read it to its end, and when none can read it any more. */
  settled?: () => void;
  /** Called before the first piece of the answer: no other node can take the call over. */
  begins: () => void;
  /**
   * Called with the first events of a stream, or the whole answer, before any caller has them, until it
   * returns true: it knows the id that the answer is stored under.
   */
  identify?: () => boolean;
}

export interface SharedAnswerLimits {
  /** The most that is kept of one answer. */
  keptBytes: number;
}

/** What is known of a response besides its answer. */
export interface StoredTerms {
  /** Null: its provider has not named it yet. */
  id: string | null;
  /** Whether the id is this gateway's own, because the caller got it before any provider was asked. */
  isOwnId: boolean;
  background: boolean;
  previousId: string | null;
  /** JSON of all items that the model read; null: too large to be kept. */
  input: string | null;
  /** JSON of the request's members that the response repeats; null: none, or too large to be kept. */
  echo: string | null;
}

/** An answer that has ended, but for its bytes. */
export interface AnswerState {
  callId: string;
  startedAt: number;
  request: SharedRequest;
  end: Exclude<End, { is: "failed" }> | HandedFailure;
  /** How long ago it ended. */
  endedForMs: number;
  /** Of the bytes: where each event ends. */
  ends: readonly number[];
  node: string | null;
  headers: Readonly<Record<string, string>>;
  stored: StoredTerms | null;
  replays: ReplaysEntry | null;
  entry: LedgerEntry | null;
}

/** A failure as another gateway repeats it. */
interface HandedFailure {
  is: "failed";
  code: ErrorCode;
  message: string;
  /** Absent: the error names none. */
  param?: string;
  /** Whether it is the error of a call that was stopped. */
  isStop: boolean;
}

type SharedRequest = Pick<CallRequest, "accountId" | "endpoint" | "keyId" | "model" | "stream">;
type SharedCall = Pick<Call, "id" | "stop" | "stopped" | "startedAt"> & { request: SharedRequest };

type End =
  | { is: "complete" }
  | { is: "rejected"; rejection: UpstreamRejection }
  | { is: "failed"; error: ColinkError };

/** Callers that read one answer at a time; beyond it, the one that attached first is detached. */
const MAX_READERS = 8;

/** The id of a response is in one of its first events. */
export const IDENTIFYING_EVENTS = 8;

/** The latest returns of callers that are recorded one by one; all are counted. */
const MAX_REPLAYS = 10;

const BYTES_PER_CHARACTER = 2;

/** How much of the log a reader is given at a time. */
const PIECE_BYTES = 64 * 1024;

const DONE = "data: [DONE]\n\n";

const NOTHING = (): void => {};
/** An answer that has ended collects nothing. */
const holdNothing = (): AnswerRoom => "enough";

export class SharedAnswer implements AnswerWriter {
  readonly #log: AnswerLog;
  readonly #numbers = new EventNumbers();
  readonly #events = new WholeEvents((events) => this.#add(events));
  /** The oldest first. */
  readonly #readers = new Set<Reader>();
  #head: { node: AnsweringNode; headers: Readonly<Record<string, string>> } | null = null;
  #end: End | null = null;
  #endedMs = Infinity;
  /** Whether the beginning is not kept any more. */
  #isGone = false;
  #hasBegun = false;
  /** Of one that was cut off: whether nothing of it is lost when the same request runs again. */
  #isUnspent = false;
  #source: AnswerSource | null = null;
  #lingerMs = 0;
  #replays: ReplaysEntry | null = null;
  /** Until when the call goes on without a caller, in monotonic milliseconds; Infinity: to its end. */
  #lingersUntilMs = Infinity;
  #cancelLinger = NOTHING;
  /** When the last caller left, in monotonic milliseconds, and whether one has read to the end. */
  #leftMs = -Infinity;
  #isRead = false;
  /** Bytes and events that some reader was given, of those that are not kept any more. */
  #passed = { bytes: 0, chunks: 0 };
  #furthest = 0;
  /** What the ledger has of the call; null: it is not recorded yet. */
  entry: LedgerEntry | null = null;
  /** Bytes counted for texts that are kept beside the log. */
  #besideBytes = 0;
  #isIdentified = false;
  #stored: StoredTerms | null = null;

  constructor(
    readonly call: SharedCall,
    private readonly parts: SharedAnswerParts,
    { keptBytes }: SharedAnswerLimits,
  ) {
    this.#log = new AnswerLog(keptBytes, (bytes) => this.parts.reserve(bytes));
    this.#mayHoldUpBytes = keptBytes / 2;
  }

  readonly #mayHoldUpBytes: number;

  /** What its caller asked to be stored; null: nothing. */
  get stored(): StoredTerms | null {
    return this.#stored;
  }

  /** The answer of another gateway, which is not kept here where there is no room for it. */
  static restored(
    state: AnswerState,
    bytes: Uint8Array,
    clock: Clock,
    reserve: (answer: SharedAnswer, bytes: number) => boolean,
    { keptAnswerBytesPerAccount: keptBytes }: { keptAnswerBytesPerAccount: number },
  ): SharedAnswer {
    const { callId: id, startedAt, request, node, headers, ends } = state;
    const { end, stopped } = restoredEnd(state.end);
    const call = { id, startedAt, request, stop: NOTHING, stopped };
    const answer: SharedAnswer = new SharedAnswer(call, {
      clock,
      reserve: (bytes) => reserve(answer, bytes),
      hold: holdNothing,
      begins: NOTHING,
    }, { keptBytes });
    const ofEach = ends.map((end, i) => end - (ends[i - 1] ?? 0));
    if (ofEach.some((length) => !(length >= 0)) || (ends.at(-1) ?? 0) > bytes.length) {
      throw new Error("events that overlap");
    }
    if (node !== null) answer.#head = { node: { who: { publicId: node } }, headers };
    answer.#end = end;
    try {
      answer.#fill(state, bytes);
    } catch (error) {
      // What was counted for it already is given back.
      answer.forget();
      throw error;
    }
    answer.#endedMs = clock.monotonic() - state.endedForMs;
    answer.#replays = state.replays;
    answer.entry = state.entry;
    return answer;
  }

  /** Throws where the state lacks what its answer needs. */
  #fill({ end, ends, stored }: AnswerState, bytes: Uint8Array): void {
    if (!this.#log.append(Buffer.from(bytes), ends)) return this.#outgrow();
    if (stored !== null) this.store(stored);
    if (end.is === "complete") return;
    const said = end.is === "rejected" ? end.rejection : [end.message, end.param];
    if (!this.#reserve(JSON.stringify(said))) this.forget();
  }

  /** Null: it has not ended, or is not kept. */
  state(): AnswerState | null {
    const end = this.#end;
    if (end === null || this.#isGone) return null;
    const { id: callId, startedAt } = this.call;
    const { accountId, endpoint, keyId, model, stream } = this.call.request;
    return {
      callId,
      startedAt,
      request: { accountId, endpoint, keyId, model, stream },
      end: end.is === "failed" ? handedFailure(end.error, this.call.stopped) : end,
      endedForMs: this.endedForMs,
      ends: this.#log.ends,
      node: this.#head?.node.who.publicId ?? null,
      headers: this.#head?.headers ?? {},
      stored: this.#stored,
      replays: this.#replays,
      entry: this.entry,
    };
  }

  /** How long ago it ended, in milliseconds. */
  get endedForMs(): number {
    return this.parts.clock.monotonic() - this.#endedMs;
  }

  /** Must be called before the call runs. What the model reads is kept, too, where there is room for it. */
  store(terms: StoredTerms): void {
    this.#stored = terms;
    if (terms.input !== null && !this.#reserve(terms.input)) terms.input = null;
    if (terms.echo !== null && !this.#reserve(terms.echo)) terms.echo = null;
  }

  get isEnded(): boolean {
    return this.#end !== null;
  }

  /** Whether a caller who comes now can have the answer from its beginning. */
  get isKept(): boolean {
    return !this.#isGone;
  }

  /** Whether callers are attached. */
  get isBeingRead(): boolean {
    return this.#readers.size > 0;
  }

  /** Whether a node has begun to answer. */
  get hasHead(): boolean {
    return this.#head !== null;
  }

  /** Why there is no answer; null: there is one, or it is still to come. */
  get failure(): ColinkError | null {
    return this.#end?.is === "failed" ? this.#end.error : null;
  }

  get rejection(): UpstreamRejection | null {
    return this.#end?.is === "rejected" ? this.#end.rejection : null;
  }

  /** What is kept of the answer. */
  get log(): Pick<AnswerLog, "events" | "event" | "from" | "length"> {
    return this.#log;
  }

  /**
   * Whether a part of the answer is lost with its call, which was cancelled without a caller or cut off
   * by a gateway that stopped: the same request, sent again, gets what became of it.
   */
  get isLost(): boolean {
    const code = this.failure?.code;
    return code === "caller_gone" || code === "shutting_down" && !this.#isUnspent;
  }

  /** Whether the same request may be tried again after this end, which is therefore forgotten. */
  get mayRetry(): boolean {
    const { failure, rejection } = this;
    if (failure?.code === "shutting_down") return this.#isUnspent;
    // A revoked key's account may send the request again with another one.
    if (failure !== null) return failure.kind.retry !== "never" || failure.code === "key_revoked";
    if (rejection === null) return false;
    const { status, headers } = rejection;
    return headers["x-should-retry"] === "true" || status === 408 || status === 429 ||
      status >= 500;
  }

  /**
   * Gives a caller the answer, from where it wants to go on. Returns how it leaves. Throws
   * `replay_gone` or `invalid_request`.
   */
  attach(target: AnswerReader, { after, lingerMs }: Attachment): (code: LeaveCode) => void {
    if (this.#isGone || this.failure?.code === "caller_gone") throw replayGone(this);
    const { events } = this.#log;
    if (after !== null && after > events) throw beyondLast(after, events);
    const isStream = this.call.request.stream;
    const reader = new Reader(target, isStream ? this.#log.endOf(after ?? 0) : 0, this);
    // The latest request's value holds, in whatever order callers leave.
    this.#lingerMs = this.stored?.background ? Infinity : lingerMs ?? this.#lingerMs;
    this.#cancelLinger();
    this.#readers.add(reader);
    if (this.#readers.size > MAX_READERS) {
      const [oldest] = this.#readers;
      this.#leave(oldest!, new ColinkError("too_many_streams", TOO_MANY_READERS));
    }
    this.pump(reader);
    this.#readOn();
    return (code) => this.#leave(reader, stopError(code));
  }

  /** How often callers came back; null: none did. */
  get replays(): ReplaysEntry | null {
    return this.#replays;
  }

  /** A caller came back, and was given what follows event `afterEvent`, or all. */
  replayed(afterEvent: number | null): void {
    const { count, last } = this.#replays ?? { count: 0, last: [] };
    const atMs = Math.max(0, Math.round(this.parts.clock.now() - this.call.startedAt));
    const replay = { atMs, afterEvent, wasEnded: this.isEnded };
    this.#replays = { count: count + 1, last: [...last.slice(1 - MAX_REPLAYS), replay] };
  }

  /** A call that no caller reads goes on for so much longer at most, unless it was asked for without one. */
  limitLinger(ms: number): void {
    if (this.isEnded || this.#readers.size > 0 || this.#lingersUntilMs === Infinity) return;
    const leftMs = this.#lingersUntilMs - this.parts.clock.monotonic();
    this.#linger(Math.min(ms, leftMs));
  }

  /**
   * For how many milliseconds more a caller who lost it may come back for the rest, if it may within so
   * many; 0: it has not ended, no caller has lost it, or one has read it to its end.
   */
  missedForMs(withinMs: number): number {
    if (!this.isEnded || this.#isGone || this.#isRead) return 0;
    return Math.max(0, this.#leftMs + withinMs - this.parts.clock.monotonic());
  }

  /** Frees what is kept. Callers who are attached get the rest as it comes. */
  forget(): void {
    if (this.#isGone) return;
    this.#outgrow();
    for (const reader of [...this.#readers]) this.#giveAll(reader);
    this.#passed = { bytes: this.deliveredBytes, chunks: this.deliveredChunks };
    this.#furthest = 0;
    this.#log.drop();
    for (const reader of this.#readers) reader.position = 0;
    // No caller is attached, and none could come back for the answer.
    if (!this.isEnded && this.#readers.size === 0) this.call.stop("caller_gone");
  }

  // What the relay writes.

  head(node: AnsweringNode, headers: Readonly<Record<string, string>>): void {
    this.#head = { node, headers };
  }

  discardHead(): void {
    this.#head = null;
  }

  queued(position: number): void {
    for (const { target } of this.#readers) target.queued(position);
  }

  data(piece: string | Uint8Array, source: AnswerSource): boolean {
    this.#begin();
    this.#source = source;
    if (this.call.request.stream) this.#events.add(piece);
    else this.#passWhole(piece);
    return !this.#isHeldUp;
  }

  hold(bytes: number): AnswerRoom {
    return this.parts.hold(bytes);
  }

  whole(body: string | Uint8Array): void {
    this.#begin();
    this.parts.hold(-body.length);
    const bytes = Buffer.from(body as Uint8Array);
    if (this.#isGone || !this.#log.append(bytes)) {
      if (!this.#isGone) this.#outgrow();
      if (this.#readers.size > 0) this.#passed = { bytes: bytes.length, chunks: 1 };
    } else this.#identify();
    this.#finish({ is: "complete" }, ({ target }) => {
      this.#giveHead(target);
      target.whole(bytes);
    });
  }

  end(): void {
    if (!this.call.request.stream) return this.#finish({ is: "complete" });
    const rest = this.#events.takeRest();
    if (rest !== null) this.#add(Buffer.concat([rest, Buffer.from("\n\n")]));
    const spec = endpointSpecs[this.call.request.endpoint];
    if (spec.stream?.endsWithDone) this.#add(DONE);
    this.#finish({ is: "complete" });
  }

  reject(rejection: UpstreamRejection): void {
    const isKept = !this.#isGone && this.#reserve(JSON.stringify(rejection));
    this.#finish({ is: "rejected", rejection });
    if (isKept) return;
    // Its readers have the rejection; no later caller can get it.
    this.forget();
    this.#end = { is: "rejected", rejection: { ...rejection, body: "" } };
  }

  fail(error: ColinkError): void {
    // A caller that has received nothing of the answer and gets the error may send the same request again at once.
    const isTold = this.#readers.size > 0 && this.deliveredBytes === 0;
    this.#isUnspent = isTold || !this.hasHead;
    this.#finish({ is: "failed", error });
  }

  get deliveredBytes(): number {
    return this.#passed.bytes + this.#furthest;
  }

  get deliveredChunks(): number {
    const { stream } = this.call.request;
    const kept = stream ? this.#log.eventsBefore(this.#furthest) : Number(this.#furthest > 0);
    return this.#passed.chunks + kept;
  }

  // What readers report.

  /** Gives a reader what it does not have yet, as far as it takes it. */
  pump(reader: Reader): void {
    const { target } = reader;
    if (!this.#readers.has(reader)) return;
    if (!this.call.request.stream && this.#end?.is === "complete" && this.isKept) {
      this.#giveHead(target);
      this.#readers.delete(reader);
      this.#readToEnd();
      this.#reached(this.#log.length);
      return target.whole(this.#log.from(0));
    }
    while (!reader.isStalled && reader.position < this.#log.length) {
      this.#give(reader, this.#log.from(reader.position, PIECE_BYTES));
    }
    if (reader.position === this.#log.length && this.#end !== null) this.#endFor(reader, this.#end);
  }

  drained(reader: Reader): void {
    this.pump(reader);
    this.#readOn();
  }

  /** Lets the node send more where a reader takes it. */
  #readOn(): void {
    if (!this.#isHeldUp) this.#source?.drained();
  }

  /** Whether no reader takes what comes, and much has come. */
  get #isHeldUp(): boolean {
    if (!this.#isGone && this.#log.length < this.#mayHoldUpBytes) return false;
    for (const { isStalled } of this.#readers) if (!isStalled) return false;
    return true;
  }

  #begin(): void {
    if (!this.#hasBegun) this.parts.begins();
    this.#hasBegun = true;
  }

  #add(events: string | Uint8Array): void {
    const { bytes, ends } = this.#numbers.number(events);
    if (!this.#isGone && !this.#log.append(bytes, ends)) this.forget();
    if (ends.length > 0) this.#identify();
    if (this.#isGone) this.#pass(bytes, ends.length);
    else for (const reader of [...this.#readers]) this.pump(reader);
  }

  /** From now on no caller can begin to read, or go on after a loss. */
  #outgrow(): void {
    this.#isGone = true;
    this.parts.settled?.();
    this.parts.reserve(-this.#besideBytes);
    this.#besideBytes = 0;
    if (this.stored !== null) this.stored.input = this.stored.echo = null;
    if (this.isEnded) return;
    for (const { target } of this.#readers) target.outgrown();
  }

  /** Counts a text that is kept beside the log. False: there is no room for it. */
  #reserve(text: string): boolean {
    const bytes = BYTES_PER_CHARACTER * text.length;
    if (!this.parts.reserve(bytes)) return false;
    this.#besideBytes += bytes;
    return true;
  }

  #identify(): void {
    if (this.#isIdentified || this.#isGone) return;
    const isLast = this.#log.events >= IDENTIFYING_EVENTS;
    this.#isIdentified = (this.parts.identify?.() ?? true) || isLast;
  }

  /** Passes on a piece of a whole answer, which only comes in pieces if it is too large to be kept. */
  #passWhole(piece: string | Uint8Array): void {
    if (!this.#isGone) this.#outgrow();
    if (this.#readers.size === 0) this.call.stop("caller_gone");
    // From here on each reader's body bounds what it holds.
    this.parts.hold(-piece.length);
    this.#pass(piece, 1);
  }

  #pass(piece: string | Uint8Array, chunks: number): void {
    if (this.#readers.size > 0) {
      this.#passed.bytes += piece.length;
      this.#passed.chunks += chunks;
    }
    for (const reader of [...this.#readers]) {
      this.#giveHead(reader.target);
      reader.isStalled = !reader.target.data(piece, reader);
    }
  }

  /** The whole rest, also to a reader that does not take it now: it holds it, or is cut off. */
  #giveAll(reader: Reader): void {
    while (this.#readers.has(reader) && reader.position < this.#log.length) {
      this.#give(reader, this.#log.from(reader.position, PIECE_BYTES));
    }
  }

  #give(reader: Reader, piece: Buffer): void {
    if (reader.position === 0 || !reader.hasHead) this.#giveHead(reader.target);
    reader.hasHead = true;
    reader.position += piece.length;
    this.#reached(reader.position);
    reader.isStalled = !reader.target.data(piece, reader);
  }

  #giveHead(target: AnswerReader): void {
    if (this.#head !== null) target.head(this.#head.node, { ...this.#head.headers });
  }

  #readToEnd(): void {
    this.#isRead = true;
    this.parts.settled?.();
  }

  #reached(position: number): void {
    this.#furthest = Math.max(this.#furthest, position);
  }

  #finish(end: End, giveEnd?: (reader: Reader) => void): void {
    if (this.#end !== null) return;
    this.#end = end;
    this.#endedMs = this.parts.clock.monotonic();
    this.#cancelLinger();
    this.#source = null;
    if (end.is !== "complete") this.#events.takeRest();
    for (const reader of [...this.#readers]) {
      if (giveEnd === undefined) this.pump(reader);
      else {
        this.#readers.delete(reader);
        this.#readToEnd();
        this.#reached(this.#log.length);
        giveEnd(reader);
      }
    }
  }

  #endFor(reader: Reader, end: End): void {
    this.#readers.delete(reader);
    this.#readToEnd();
    const { target } = reader;
    if (end.is === "complete") return target.end(true);
    if (end.is === "rejected") return target.reject(end.rejection);
    target.fail(end.error);
  }

  #leave(reader: Reader, error: ColinkError): void {
    if (!this.#readers.delete(reader)) return;
    reader.target.fail(error);
    this.#leftMs = this.parts.clock.monotonic();
    if (this.#readers.size > 0) return this.#readOn();
    if (this.isEnded) return;
    // An answer that is not kept cannot be given to a caller who comes back.
    if (this.#isGone) return this.#linger(0);
    this.#linger(this.#lingerMs);
    this.limitLinger(this.parts.lingerLimitMs?.() ?? Infinity);
  }

  /** Ends the call, unless a caller comes back in time. */
  #linger(ms: number): void {
    const { clock } = this.parts;
    this.#cancelLinger();
    this.#lingersUntilMs = clock.monotonic() + ms;
    if (ms <= 0) return this.call.stop("caller_gone");
    if (ms < Infinity) this.#cancelLinger = clock.after(ms, () => this.call.stop("caller_gone"));
  }
}

/** Characters of a provider's message that are repeated. */
export const MAX_FAILURE_CHARS = 2_000;

function handedFailure(
  { code, message, param }: ColinkError,
  stopped: ColinkError | null,
): HandedFailure {
  return {
    is: "failed",
    code,
    message: message.slice(0, MAX_FAILURE_CHARS),
    ...(param !== null && { param }),
    isStop: stopped !== null,
  };
}

function restoredEnd(end: AnswerState["end"]): { end: End; stopped: ColinkError | null } {
  if (end.is !== "failed") return { end, stopped: null };
  const { code, message, param } = end;
  const error = new ColinkError(code, message, param === undefined ? {} : { param });
  return { end: { is: "failed", error }, stopped: end.isStop ? error : null };
}

/** Why a caller does not read any more. */
export type LeaveCode = Parameters<typeof stopError>[0];

class Reader implements AnswerSource {
  isStalled = false;
  hasHead = false;

  constructor(
    readonly target: AnswerReader,
    /** In the log. */
    public position: number,
    private readonly answer: SharedAnswer,
  ) {}

  drained(): void {
    if (!this.isStalled) return;
    this.isStalled = false;
    this.answer.drained(this);
  }
}

const TOO_MANY_READERS =
  `Cannot continue: more than ${MAX_READERS} callers read this answer; those who came last continue`;

function beyondLast(after: number, last: number): ColinkError {
  return new ColinkError(
    "invalid_request",
    `Cannot continue after event ${after}: ${last} were sent so far; send the number of the last event that arrived`,
    { param: "Last-Event-ID" },
  );
}

/** The answer is not kept any more, or not from its beginning; says what became of the call. */
export function replayGone({ call, isEnded, entry }: Partial<Pick<SharedAnswer, "entry">> & {
  call: { id: string };
  isEnded: boolean;
}): ColinkError {
  return goneError(call.id, isEnded ? entry ?? null : "running");
}

/** `known`: what the ledger has of the call, or that it still runs; null: nothing. */
export function goneError(callId: string, known: LedgerEntry | "running" | null): ColinkError {
  return new ColinkError(
    "replay_gone",
    `Cannot give the answer again: it is no longer kept; ${becameOf(callId, known)}; ` +
      "send a new Idempotency-Key to run the request again",
  );
}

function becameOf(callId: string, known: LedgerEntry | "running" | null): string {
  if (known === "running") return `the call ${callId} still runs`;
  if (known === null) return `the call ${callId} has no end in the ledger yet`;
  const { outcome, promptTokens, completionTokens } = known;
  const tokens = `${promptTokens ?? "unknown"} prompt and ${
    completionTokens ?? "unknown"
  } completion tokens`;
  return `the call ${callId} ended (${outcome}) with ${tokens}`;
}
