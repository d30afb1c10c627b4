/** Wire v2 as a node speaks it: binary frames, credits per stream, a tally at the end. */

import {
  type AnswerTerms,
  askForUsage,
  type CallBody,
  CALLER_GONE,
  type CallHead,
  decodeV2,
  encodeJson,
  type Failure,
  type FrameV2,
  isEndpoint,
  MAX_CONTROL_BYTES,
  MAX_FRAME_BYTES,
  type RegisterV2,
  type Status,
  type Welcome,
  WINDOW_BYTES,
} from "../../protocol/mod.ts";
import { type FrameSink, readBody, type WireEvent, type WireSession } from "./wire_session.ts";
import { AnswerStream, type KnownCallHead } from "./answer_stream.ts";
import type { World } from "../world.ts";

/** Bounds on what a gateway can make the node hold: of one body, and of all that are on their way. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_ARRIVING_BYTES = 256 * 1024 * 1024;

/** A call whose body is still on its way. */
interface Arriving {
  head: KnownCallHead;
  /** Of the announced size: what arrives is copied, because each piece kept as it came would pin its message. */
  body: Uint8Array;
  receivedBytes: number;
}

const decoder = new TextDecoder();
const ignored: WireEvent = { kind: "ignored" };

export class WireSessionV2 implements WireSession {
  readonly #arriving = new Map<number, Arriving>();
  readonly #replies = new Map<number, AnswerStream>();
  #terms: AnswerTerms = {
    windowBytes: WINDOW_BYTES,
    maxFrameBytes: MAX_FRAME_BYTES,
    takesPacks: false,
  };
  #isWelcomed = false;
  /** What changed before WELCOME; sent once it has come. */
  #changed: Status | null = null;

  constructor(
    private readonly frames: FrameSink,
    private readonly world: Pick<World, "nowMs" | "soon">,
  ) {}

  register(data: RegisterV2): void {
    this.frames.send(encodeJson("register", 0, data));
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
    if (this.#isWelcomed) this.frames.send(encodeJson("status", 0, status));
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
    this.#terms = {
      windowBytes: welcome.window_bytes,
      maxFrameBytes: Math.min(MAX_FRAME_BYTES, welcome.max_frame_bytes),
      takesPacks: welcome.takes_packs === true,
    };
    this.#isWelcomed = true;
    if (this.#changed !== null) this.announceStatus(this.#changed);
    this.#changed = null;
    return ignored;
  }

  #beginCall(stream: number, { endpoint, ...rest }: CallHead, bytes: Uint8Array): WireEvent {
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
    const reply = new AnswerStream(stream, head, this.#terms, this.frames, this.world, () => {
      this.#replies.delete(stream);
    });
    this.#replies.set(stream, reply);
    const call = { id, endpoint, headers, model, bodyText, stream: isStream, hidesUsage, audience };
    return { kind: "call", call, reply };
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
    this.frames.send(encodeJson("error", stream, failure));
    return { kind: "refused" };
  }
}

function streamOptionsIn(body: CallBody): object | null {
  return (body.value("stream_options") ?? null) as object | null;
}
