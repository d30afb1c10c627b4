/** The calls of one peer on this gateway's nodes: receives them over the link, and leases their slots. */

import { encodeJson, type Endpoint, type FrameV2 } from "../../protocol/mod.ts";
import type { Lease } from "../schedule/lease.ts";
import type { Clock } from "../base/clock.ts";
import { EphemeralMap } from "../base/ephemeral_map.ts";
import type { Order } from "../node/attempt.ts";
import { ReceivedBody } from "../node/body.ts";
import type { Service } from "../node/service.ts";
import { InboundCall, type InboundCallConfig } from "./inbound_call.ts";
import type { PeerCallHead } from "./outbound_calls.ts";

/** Bodies of one peer that may be arriving at the same time, in bytes. */
const MAX_ARRIVING_BYTES = 256 * 1024 * 1024;

export interface InboundConfig extends InboundCallConfig {
  maxBodyBytes: number;
  maxBufferedBytes: number;
}

export interface InboundCallsParts {
  clock: Clock;
  send: (frame: Uint8Array) => void;
  /** Leases a slot of the node for the peer; null: none is free, or this gateway takes no calls. */
  lease: (
    nodeId: string,
    wanted: Service & { accountId: string },
    grant: number | null,
  ) => Lease | null;
  /** The peer's call has released its slot. `isAnswered`: its node has answered it. */
  onFreed: (lease: Lease, isAnswered: boolean) => void;
}

/** A call whose body has not arrived whole. */
interface Arriving {
  head: PeerCallHead;
  pieces: Uint8Array[];
  missingBytes: number;
}

export class InboundCalls {
  readonly #arriving = new EphemeralMap<number, Arriving>();
  #arrivingBytes = 0;
  readonly #calls = new EphemeralMap<number, InboundCall>();

  constructor(
    private readonly parts: InboundCallsParts,
    private readonly config: InboundConfig,
  ) {}

  /** Calls that run or arrive. */
  get size(): number {
    return this.#calls.size + this.#arriving.size;
  }

  /** A frame of a kind that gateways send to nodes. */
  read(frame: FrameV2): void {
    switch (frame.type) {
      case "call":
        return this.#begin(frame.stream, frame.data as PeerCallHead, frame.bytes);
      case "body":
        return this.#addPiece(frame.stream, frame.bytes);
      case "credit":
        return this.#calls.get(frame.stream)?.grant(frame.bytes);
      case "cancel":
        return this.#cancel(frame.stream);
    }
  }

  /** Cancels all calls, because the link has ended. */
  cancelAll(): void {
    this.#arriving.clear();
    for (const call of this.#calls.values()) call.cancel();
  }

  #begin(stream: number, head: PeerCallHead, bytes: Uint8Array): void {
    const bodyBytes = head.body_bytes;
    if (bodyBytes > this.config.maxBodyBytes) {
      return this.#refuse(stream, 413, "The body is larger than this gateway takes");
    }
    if (this.#arrivingBytes + bodyBytes > MAX_ARRIVING_BYTES) return this.#busy(stream);
    this.#arriving.set(stream, { head, pieces: [], missingBytes: bodyBytes });
    this.#arrivingBytes += bodyBytes;
    this.#addPiece(stream, bytes);
  }

  #addPiece(stream: number, bytes: Uint8Array): void {
    const arriving = this.#arriving.get(stream);
    // The call was cancelled or refused.
    if (arriving === undefined) return;
    const { head, pieces } = arriving;
    pieces.push(bytes);
    arriving.missingBytes -= bytes.byteLength;
    if (arriving.missingBytes > 0) return;
    this.#drop(stream, head);
    this.#start(stream, head, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }

  #start(stream: number, head: PeerCallHead, body: Uint8Array): void {
    // Earlier versions name no account: their calls may use nodes for everyone.
    const { model, endpoint, grant = null, account: accountId = "" } = head;
    const wanted = { model, endpoint: endpoint as Endpoint, accountId };
    const lease = this.parts.lease(head.node, wanted, grant);
    if (lease === null) return this.#busy(stream);
    const { clock, send, onFreed } = this.parts;
    const call = new InboundCall(stream, lease, head.window_bytes, {
      clock,
      send,
      onFree: (isAnswered) => onFreed(lease, isAnswered),
      onEnd: () => void this.#calls.delete(stream),
    }, this.config);
    this.#calls.set(stream, call);
    call.start({ ...orderOf(head, body), audience: lease.audience });
  }

  #cancel(stream: number): void {
    const arriving = this.#arriving.get(stream);
    if (arriving === undefined) return this.#calls.get(stream)?.cancel();
    this.#drop(stream, arriving.head);
    this.#refuse(stream, 499, "Stopped: the caller is gone");
  }

  #drop(stream: number, head: PeerCallHead): void {
    this.#arriving.delete(stream);
    this.#arrivingBytes -= head.body_bytes;
  }

  #busy(stream: number): void {
    this.#refuse(stream, 503, "No slot of the node is free", true);
  }

  #refuse(stream: number, code: number, message: string, busy = false): void {
    this.parts.send(encodeJson("error", stream, { code, message, busy }));
  }
}

function orderOf(head: PeerCallHead, bytes: Uint8Array): Order {
  return {
    attemptId: head.id,
    endpoint: head.endpoint as Endpoint,
    headers: head.headers ?? null,
    model: head.model,
    stream: head.stream,
    wantsUsage: !head.hide_usage,
    streamOptions: head.stream_options ?? null,
    choices: head.choices ?? 1,
    body: new ReceivedBody(bytes),
  };
}
