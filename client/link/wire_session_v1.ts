/** Wire v1 as a node speaks it: JSON text frames. */

import type { UpstreamFailure } from "../adapter/adapter.ts";
import { answerTooLarge } from "../adapter/sse/event_stream.ts";
import { jsonTexts } from "../adapter/sse/json_texts.ts";
import {
  BUSY,
  type CallData,
  CALLER_GONE,
  decode,
  encodeError,
  encodeFinish,
  encodeRegister,
  encodeStream,
  Endpoint,
  endpointsOf,
  type RegisterV2,
} from "../../protocol/mod.ts";
import { type FrameSink, readBody, type WireEvent, type WireSession } from "./wire_session.ts";
import type { Reply } from "../run/runner.ts";

const encoder = new TextEncoder();
const ignored: WireEvent = { kind: "ignored" };

export class WireSessionV1 implements WireSession {
  /** The last REGISTER. */
  #offer = "";

  constructor(private readonly frames: FrameSink) {}

  /** v1 cannot say what a model can do, nor whose calls may come: every model chats. */
  register(data: RegisterV2): void {
    const { capabilities: _, share_with: _shareWith, machine: _machine, ...rest } = data;
    const { instance: _instance, ...known } = rest;
    this.#offer = offerOf(data);
    this.frames.send(encodeRegister({ ...known, models: chatModels(data) }));
  }

  /** A second REGISTER replaces the first; it is sent only where the offer has changed. */
  announceOffer(data: RegisterV2): void {
    if (offerOf(data) !== this.#offer) this.register(data);
  }

  read(message: string | Uint8Array): WireEvent {
    // Binary frames belong to a later version.
    if (typeof message !== "string") return ignored;
    const decoded = decode(message);
    if (decoded.kind === "malformed") return decoded;
    if (decoded.kind === "unknown") return ignored;
    const { frame, bodyText } = decoded;
    if (frame.type === "CALL") {
      return this.#call(frame.data, bodyText);
    }
    if (frame.type !== "ERROR") return ignored;
    const { request_id: id, code, message: text } = frame.data;
    if (id === undefined) return { kind: "notice", code, message: text };
    return code === CALLER_GONE ? { kind: "cancel", id } : ignored;
  }

  /** v1 cannot say that a node leaves: calls that come meanwhile are answered BUSY. */
  announceStatus(): void {}

  keepAlive(): void {
    this.frames.send('{"type":"PING","data":{}}');
  }

  #call({ request_id: id, model, payload }: CallData, bodyText: string): WireEvent {
    const body = readBody(encoder.encode(bodyText));
    if ("code" in body) {
      this.frames.send(encodeError({ request_id: id, ...body }));
      return { kind: "refused" };
    }
    const stream = (payload as { stream?: unknown }).stream === true;
    const call = { ...CHAT, id, model, bodyText, stream };
    return { kind: "call", call, reply: this.#replyTo(id) };
  }

  #replyTo(id: string): Reply {
    const { frames } = this;
    return {
      head: () => {},
      piece: (piece) => {
        for (const text of jsonTexts(piece)) {
          if (!fits(text)) throw answerTooLarge(MAX_TEXT_BYTES);
          frames.send(encodeStream(id, text));
        }
      },
      finish: () => frames.send(encodeFinish(id)),
      fail: (failure) => frames.send(errorFrame(id, failure)),
      busy: (why) =>
        frames.send(encodeError({ request_id: id, code: 503, message: `${BUSY}: ${why}` })),
      ready: (signal) => frames.drained(signal),
    };
  }
}

/** A chunk or a whole answer is one frame in v1. A gateway takes frames of 8 MiB; a larger one would end the link. */
const MAX_TEXT_BYTES = 7 * 1024 * 1024;

/** Counting bytes is slow; a character takes at most three. */
function fits(text: string): boolean {
  return text.length * 3 <= MAX_TEXT_BYTES || encoder.encode(text).byteLength <= MAX_TEXT_BYTES;
}

/** What v1 cannot say of a call is always this. The gateway itself hides usage from callers who did not ask for it. */
const CHAT = { endpoint: Endpoint.chat, headers: {}, hidesUsage: false };

function chatModels({ models, capabilities }: RegisterV2): string[] {
  return models.filter((model) => endpointsOf(capabilities?.[model]).includes(CHAT.endpoint));
}

function errorFrame(id: string, failure: UpstreamFailure): string {
  return encodeError({
    request_id: id,
    code: failure.code,
    message: failure.isBusy ? `${BUSY}: ${failure.message}` : failure.message,
    ...(failure.error === undefined ? {} : { error: failure.error }),
    ...(failure.retryAfterMs === undefined ? {} : { retry_after_ms: failure.retryAfterMs }),
    ...(failure.kind === undefined ? {} : { kind: failure.kind }),
  });
}

/** What v1 can say of an offer. */
function offerOf(data: RegisterV2): string {
  return JSON.stringify([data.max_parallel, chatModels(data)]);
}
