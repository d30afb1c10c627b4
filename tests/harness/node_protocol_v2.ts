/** Wire v2 for a scripted node: binary frames, for answers smaller than a window. */

import { decodeV2, encodeJson, encodeStreamV2, type FrameV2 } from "../../protocol/codec_v2.ts";
import type { CallHead, Finish } from "../../protocol/frame_v2.ts";
import { piece, whole } from "./chunks.ts";
import type { NodeListener, NodeProtocol, Usage } from "./node_protocol.ts";

/** A running call, or one whose body has not arrived completely. */
interface OpenCall {
  head: CallHead;
  stream: number;
  missingBytes: number;
  pieces: number;
}

const encoder = new TextEncoder();

export class NodeProtocolV2 implements NodeProtocol {
  /** Open calls by id. */
  readonly #open = new Map<string, OpenCall>();

  constructor(
    private readonly send: (message: Uint8Array<ArrayBuffer>) => void,
    private readonly listener: NodeListener,
  ) {}

  register(offer: Parameters<NodeProtocol["register"]>[0]): void {
    this.send(encodeJson("register", 0, offer));
  }

  read(message: string | ArrayBuffer): void {
    const decoded = decodeV2(new Uint8Array(message as ArrayBuffer));
    if (decoded.kind === "malformed") throw new Error(`The gateway sent: ${decoded.reason}`);
    if (decoded.kind === "frame") this.#take(decoded.frame);
  }

  piece(callId: string, content: string): void {
    this.#data(callId, `data: ${JSON.stringify(piece(content))}\n\n`);
  }

  whole(callId: string, content: string, usage?: Usage): void {
    this.#data(callId, JSON.stringify({ ...whole(content), ...(usage && { usage }) }));
    this.finish(callId, usage);
  }

  finish(callId: string, usage?: Usage): void {
    const call = this.#open.get(callId);
    if (call === undefined) return;
    this.send(encodeJson("finish", call.stream, tallyOf(call, usage)));
    this.#open.delete(callId);
  }

  fail(callId: string, code: number, usage?: Usage): void {
    const call = this.#open.get(callId);
    if (call === undefined) return;
    const failure = { code, message: `no: ${code}`, tally: tallyOf(call, usage) };
    this.send(encodeJson("error", call.stream, failure));
    this.#open.delete(callId);
  }

  #take(frame: FrameV2): void {
    switch (frame.type) {
      case "hello":
        return this.listener.ready();
      case "call": {
        const { data: head, stream } = frame;
        this.#open.set(head.id, { head, stream, missingBytes: head.body_bytes, pieces: 0 });
        return this.#more(stream, frame.bytes.byteLength);
      }
      case "body":
        return this.#more(frame.stream, frame.bytes.byteLength);
      case "cancel": {
        const call = this.#on(frame.stream);
        if (call) this.listener.cancelled(call.head.id);
      }
    }
  }

  #more(stream: number, bytes: number): void {
    const call = this.#on(stream);
    if (call === undefined) return;
    call.missingBytes -= bytes;
    const { id, model, stream: isStream } = call.head;
    if (call.missingBytes === 0) this.listener.called({ id, model, stream: isStream });
  }

  #on(stream: number): OpenCall | undefined {
    return [...this.#open.values()].find((call) => call.stream === stream);
  }

  #data(callId: string, text: string): void {
    const call = this.#open.get(callId);
    if (call === undefined) return;
    if (call.pieces === 0) this.send(encodeJson("head", call.stream, { status: 200, headers: {} }));
    call.pieces++;
    this.send(encodeStreamV2(call.stream, encoder.encode(text)));
  }
}

/** Counts as a real node does: the upstream's usage, otherwise the number of a stream's pieces. */
function tallyOf({ head, pieces }: OpenCall, usage?: Usage): Finish {
  const isGuess = usage === undefined && head.stream && pieces > 0;
  return {
    prompt_tokens: usage?.prompt_tokens ?? null,
    completion_tokens: usage?.completion_tokens ?? (isGuess ? pieces : null),
    estimated: isGuess,
    finish_reason: null,
    first_byte_ms: null,
    total_ms: 0,
  };
}
