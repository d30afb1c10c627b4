/** Wire v2 as a node speaks it: binary frames, credits per stream, a tally at the end. */

import {
  type AnswerTerms,
  askForUsage,
  type CallBody,
  CALLER_GONE,
  type CallHead,
  decodeV2,
  encodeJson,
  encodeMissing,
  type Failure,
  FrameTypeV2,
  type FrameV2,
  HEADER_BYTES,
  isEndpoint,
  MAX_CONTROL_BYTES,
  MAX_FRAME_BYTES,
  MAX_KEPT_PER_LINK,
  MAX_KEPT_PER_STREAM,
  type RegisterV2,
  type ResumeRequest,
  type Status,
  type StreamState,
  type Welcome,
  WINDOW_BYTES,
} from "../../protocol/mod.ts";
import { type FrameSink, readBody, type WireEvent, type WireSession } from "./wire_session.ts";
import { type AnswerSink, AnswerStream, type KnownCallHead } from "./answer_stream.ts";
import { READ_AHEAD_BYTES, ReadAhead } from "./read_ahead.ts";
import type { World } from "../world.ts";

/** Bounds on what a gateway can make the node hold: of one body, and of all that are on their way. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_ARRIVING_BYTES = 256 * 1024 * 1024;

/** Answers that have ended and are kept until the gateway has their ends. A gateway acknowledges a few at a time. */
const MAX_ENDED_STREAMS = 1024;

/** No gateway needs longer to be reached again; a timer of weeks fires at once. */
const MAX_RESUME_MS = 300_000;

/** A call whose body is still on its way. */
interface Arriving {
  head: KnownCallHead;
  /** Of the announced size: what arrives is copied, because each piece kept as it came would pin its message. */
  body: Uint8Array;
  receivedBytes: number;
}

/** Where a frame's stream stands, and that of the first frame in a PACK. */
const STREAM_AT = 4;
const PACKED_STREAM_AT = HEADER_BYTES + 4 + STREAM_AT;

const decoder = new TextDecoder();
const ignored: WireEvent = { kind: "ignored" };

/** One session with a gateway, over one link or over several in turn, of which each but the last was lost. */
export class WireSessionV2 implements WireSession, AnswerSink {
  readonly #arriving = new Map<number, Arriving>();
  readonly #replies = new Map<number, AnswerStream>();
  /** Answers whose ends the gateway has not acknowledged. */
  readonly #ended = new Map<number, AnswerStream>();
  /** What the session is resumed with; null: the gateway gives none. */
  #ticket: Required<Pick<ResumeRequest, "session" | "secret">> | null = null;
  #resumeMs = 0;
  #resumesAfterGoaway = false;
  /** While it is being resumed, the streams that the gateway still wants. */
  #wanted: Set<number> | null = null;
  /** Null: the link is lost. */
  #frames: FrameSink | null;
  #terms: AnswerTerms = {
    windowBytes: WINDOW_BYTES,
    maxFrameBytes: MAX_FRAME_BYTES,
    takesPacks: false,
    isResumable: false,
  };
  readonly #readAhead: ReadAhead;
  #isWelcomed = false;
  /** What changed before WELCOME; sent once it has come. */
  #changed: Status | null = null;

  constructor(
    frames: FrameSink,
    private readonly world: Pick<World, "nowMs" | "soon">,
    readAheadBytes: () => number = () => READ_AHEAD_BYTES,
  ) {
    this.#frames = frames;
    this.#readAhead = new ReadAhead(readAheadBytes);
  }

  /** For how long after its link is lost the session can be resumed, in milliseconds; 0: it cannot. */
  get resumeMs(): number {
    return this.#resumeMs;
  }

  /** Whether the session can be resumed at a gateway that has asked the node to leave. */
  get resumesAfterGoaway(): boolean {
    return this.#resumesAfterGoaway;
  }

  /** Whether calls come or run, or their ends may not have arrived. */
  get isBusy(): boolean {
    return this.#arriving.size + this.#replies.size + this.#ended.size > 0;
  }

  /** The link is lost. Answers are written on, and kept for the next link. */
  suspend(): void {
    this.#frames = null;
    this.#isWelcomed = false;
    // The gateway sends such calls again.
    this.#arriving.clear();
    for (const reply of this.#replies.values()) reply.suspend();
  }

  /** Goes on over another link, if its gateway agrees. */
  attach(frames: FrameSink): void {
    this.#frames = frames;
    this.#wanted = new Set();
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    // Answers keep what they send while the gateway says where to go on.
    if (this.#wanted === null || this.#wanted.has(streamOf(message as Uint8Array))) {
      this.#frames?.send(message);
    }
  }

  drained(signal: AbortSignal): Promise<void> | null {
    return this.#frames?.drained(signal) ?? null;
  }

  takesUnsent(keptBytes: number): boolean {
    if (this.#frames !== null || keptBytes >= MAX_KEPT_PER_STREAM) return false;
    return this.#keptBytes() < MAX_KEPT_PER_LINK;
  }

  #keptBytes(): number {
    let bytes = 0;
    for (const reply of this.#replies.values()) bytes += reply.keptBytes;
    for (const reply of this.#ended.values()) bytes += reply.keptBytes;
    return bytes;
  }

  register(data: RegisterV2): void {
    const resume = { ...data.resume, ...this.#ticket, after_goaway: true };
    this.#frames?.send(encodeJson("register", 0, { ...data, resume }));
  }

  announceOffer({ models, capabilities = {}, max_parallel, share_with }: RegisterV2): void {
    const sharing = share_with === undefined ? {} : { share_with };
    this.announceStatus({ models, capabilities, max_parallel, ...sharing });
  }

  read(message: string | Uint8Array): WireEvent {
    if (typeof message === "string") return { kind: "malformed", reason: "text in wire v2" };
    const decoded = decodeV2(message);
    if (decoded.kind === "malformed") return decoded;
    return decoded.kind === "unknown" ? ignored : this.#handle(decoded.frame);
  }

  announceStatus(status: Status): void {
    if (this.#isWelcomed) this.#frames?.send(encodeJson("status", 0, status));
    else this.#changed = { ...this.#changed, ...status };
  }

  keepAlive(): void {
    this.announceStatus({});
  }

  #handle(frame: FrameV2): WireEvent {
    switch (frame.type) {
      case "hello":
        return { kind: "hello", takesShareWith: frame.data.takes_share_with === true };
      case "welcome":
        return this.#welcome(frame.data);
      case "call":
        return this.#beginCall(frame.stream, frame.data, frame.bytes);
      case "body":
        return this.#addBody(frame.stream, frame.bytes);
      case "credit":
        this.#replies.get(frame.stream)?.grant(frame.bytes);
        return ignored;
      case "cancel":
        return this.#cancel(frame.stream);
      case "resume":
        return this.#resume(frame.stream, frame.state);
      case "ended":
        for (const stream of frame.streams) this.#forgetEnded(stream);
        return ignored;
      case "goaway":
        return {
          kind: "goaway",
          reason: frame.data.reason,
          redialWithinMs: frame.data.redial_within_ms,
        };
      case "error":
        return { kind: "notice", code: frame.data.code, message: frame.data.message };
      default:
        return ignored;
    }
  }

  #welcome(welcome: Welcome): WireEvent {
    if (this.#wanted !== null) {
      if (welcome.resumed !== true) return { kind: "session lost" };
      return this.#resumed(this.#wanted);
    }
    const { session, secret, resume_ms = 0 } = welcome;
    this.#ticket = secret === undefined ? null : { session, secret };
    this.#resumeMs = secret === undefined ? 0 : Math.min(resume_ms, MAX_RESUME_MS);
    this.#resumesAfterGoaway = welcome.after_goaway === true;
    this.#terms = {
      windowBytes: welcome.window_bytes,
      maxFrameBytes: Math.min(MAX_FRAME_BYTES, welcome.max_frame_bytes),
      takesPacks: welcome.takes_packs === true,
      isResumable: this.#resumeMs > 0,
      readAhead: this.#readAhead,
    };
    this.#announceChanged();
    return { kind: "welcomed" };
  }

  #announceChanged(): void {
    this.#isWelcomed = true;
    if (this.#changed !== null) this.announceStatus(this.#changed);
    this.#changed = null;
  }

  /** The gateway has named all streams that it wants: the others have ended there. */
  #resumed(wanted: ReadonlySet<number>): WireEvent {
    this.#wanted = null;
    const unwanted: string[] = [];
    for (const [stream, reply] of this.#replies) {
      if (wanted.has(stream)) continue;
      reply.abandon();
      this.#replies.delete(stream);
      unwanted.push(reply.callId);
    }
    for (const stream of this.#ended.keys()) if (!wanted.has(stream)) this.#forgetEnded(stream);
    this.#announceChanged();
    return { kind: "resumed", unwanted };
  }

  /** The gateway wants a stream, and says what it has of it. */
  #resume(stream: number, state: StreamState): WireEvent {
    if (this.#wanted === null) return ignored;
    this.#wanted.add(stream);
    const reply = this.#replies.get(stream) ?? this.#ended.get(stream);
    if (reply === undefined) return this.#reportMissing(stream, state);
    if (state.isCancelled) reply.discard();
    if (!reply.resume(state)) return this.#giveUp(stream, reply);
    return state.isCancelled ? { kind: "cancel", id: reply.callId } : ignored;
  }

  #reportMissing(stream: number, { isCancelled }: StreamState): WireEvent {
    if (isCancelled) {
      return this.#refuse(stream, { code: CALLER_GONE, message: "Stopped before it had come" });
    }
    this.#frames?.send(encodeMissing(stream));
    return ignored;
  }

  /** The gateway says of an answer what cannot be. */
  #giveUp(stream: number, reply: AnswerStream): WireEvent {
    reply.abandon();
    this.#replies.delete(stream);
    this.#ended.delete(stream);
    this.#refuse(stream, { code: 500, message: "This node has not sent what the gateway has" });
    return { kind: "cancel", id: reply.callId };
  }

  #beginCall(stream: number, { endpoint, ...rest }: CallHead, bytes: Uint8Array): WireEvent {
    // A call runs once.
    if (this.#replies.has(stream) || this.#ended.has(stream)) return ignored;
    if (!isEndpoint(endpoint)) {
      const message = `This node does not know ${endpoint}; a newer version of it may`;
      return this.#refuse(stream, { code: 404, message });
    }
    const head = { ...rest, endpoint };
    if (head.body_bytes > MAX_BODY_BYTES) {
      const message = `This node takes no body of more than ${MAX_BODY_BYTES} bytes`;
      return this.#refuse(stream, { code: 413, message });
    }
    if (this.#freeBytes() < head.body_bytes) {
      const message = "Too many bodies are on their way to this node";
      return this.#refuse(stream, { code: 503, message, busy: true });
    }
    if (bytes.byteLength === head.body_bytes) return this.#startCall(stream, head, bytes);
    this.#arriving.set(stream, { head, body: new Uint8Array(head.body_bytes), receivedBytes: 0 });
    return bytes.byteLength === 0 ? ignored : this.#addBody(stream, bytes);
  }

  /** Each body on its way counts with its head, so that many empty bodies have a price too. */
  #freeBytes(): number {
    let bytes = MAX_ARRIVING_BYTES;
    for (const { head } of this.#arriving.values()) bytes -= head.body_bytes + MAX_CONTROL_BYTES;
    return bytes;
  }

  #addBody(stream: number, bytes: Uint8Array): WireEvent {
    // Such a frame costs its sender nothing and would bring a body no nearer to its end.
    if (bytes.byteLength === 0) return { kind: "malformed", reason: "body without bytes" };
    const arriving = this.#arriving.get(stream);
    if (arriving === undefined) return ignored;
    const { head, body, receivedBytes } = arriving;
    arriving.receivedBytes += bytes.byteLength;
    if (arriving.receivedBytes > body.byteLength) {
      this.#arriving.delete(stream);
      const message = "The body is longer than it was said to be";
      return this.#refuse(stream, { code: 400, message });
    }
    body.set(bytes, receivedBytes);
    if (arriving.receivedBytes < body.byteLength) return ignored;
    this.#arriving.delete(stream);
    return this.#startCall(stream, head, body);
  }

  #startCall(stream: number, head: KnownCallHead, bytes: Uint8Array): WireEvent {
    const { id, endpoint, headers = {}, model, stream: isStream, audience } = head;
    const { hide_usage: hidesUsage } = head;
    const body = readBody(bytes);
    if ("code" in body) return this.#refuse(stream, body);
    const text = decoder.decode(body.bytes);
    const bodyText = hidesUsage ? askForUsage(text, streamOptionsIn(body)) : text;
    const reply = new AnswerStream(stream, head, this.#terms, this, this.world, () => {
      this.#replies.delete(stream);
      if (this.#terms.isResumable) this.#keepEnded(stream, reply);
    });
    this.#replies.set(stream, reply);
    const call = { id, endpoint, headers, model, bodyText, stream: isStream, hidesUsage, audience };
    return { kind: "call", call, reply };
  }

  #keepEnded(stream: number, reply: AnswerStream): void {
    this.#ended.set(stream, reply);
    // Only a gateway that does not acknowledge makes a node keep so much.
    while (this.#ended.size > MAX_ENDED_STREAMS || this.#endedBytes() > MAX_KEPT_PER_STREAM) {
      const [oldest] = this.#ended.keys();
      this.#forgetEnded(oldest!);
    }
  }

  #forgetEnded(stream: number): void {
    this.#ended.get(stream)?.forget();
    this.#ended.delete(stream);
  }

  #endedBytes(): number {
    let bytes = 0;
    for (const reply of this.#ended.values()) bytes += reply.keptBytes;
    return bytes;
  }

  #cancel(stream: number): WireEvent {
    const reply = this.#replies.get(stream);
    if (reply) {
      // Drops what is produced but not sent; the runner stops what still runs.
      reply.discard();
      return { kind: "cancel", id: reply.callId };
    }
    return this.#arriving.delete(stream)
      ? this.#refuse(stream, { code: CALLER_GONE, message: "Stopped before its body had come" })
      : ignored;
  }

  /** Answers a call that has not begun. */
  #refuse(stream: number, failure: Failure): WireEvent {
    this.#frames?.send(encodeJson("error", stream, failure));
    return { kind: "refused" };
  }
}

/** The stream of an answer's frame, or of the frames in its PACK, which are all of one answer. */
function streamOf(message: Uint8Array): number {
  const at = message[0] === FrameTypeV2.pack ? PACKED_STREAM_AT : STREAM_AT;
  return new DataView(message.buffer, message.byteOffset).getUint32(at);
}

function streamOptionsIn(body: CallBody): object | null {
  return (body.value("stream_options") ?? null) as object | null;
}
