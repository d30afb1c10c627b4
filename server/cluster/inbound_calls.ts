/** The calls of one peer on this gateway's nodes: reads them off the link, leases their slots, ends them with it. */

import { encodeJson, type Endpoint, type FrameV2 } from "../../protocol/mod.ts";
import type { Lease } from "../schedule/lease.ts";
import type { Clock } from "../base/clock.ts";
import type { Order } from "../node/attempt.ts";
import type { Service } from "../node/service.ts";
import { type GuestTimes, InboundCall } from "./inbound_call.ts";
import type { PeerCallHead } from "./outbound_calls.ts";

/** Bodies of one peer that may be on their way at a time, in bytes. */
const MAX_ARRIVING_BYTES = 256 * 1024 * 1024;

export interface GuestsConfig extends GuestTimes {
  maxBodyBytes: number;
  maxBufferedBytes: number;
}

export interface GuestsParts {
  clock: Clock;
  say: (frame: Uint8Array) => void;
  /** A slot of the node for the peer; null: it has none, or this gateway takes no calls. */
  lease: (nodeId: string, service: Service, grant: number | null) => Lease | null;
  /** The peer has no call on the node's slot any more. */
  freed: (lease: Lease) => void;
}

/** A call whose body is still on its way. */
interface Arriving {
  head: PeerCallHead;
  parts: Uint8Array[];
  missingBytes: number;
}

export class InboundCalls {
  readonly #arriving = new Map<number, Arriving>();
  #arrivingBytes = 0;
  readonly #calls = new Map<number, InboundCall>();

  constructor(private readonly parts: GuestsParts, private readonly config: GuestsConfig) {}

  /** Calls at work or on their way. */
  get size(): number {
    return this.#calls.size + this.#arriving.size;
  }

  /** A frame that gateways send to nodes. */
  read(frame: FrameV2): void {
    switch (frame.type) {
      case "call":
        return this.#arrive(frame.stream, frame.data as PeerCallHead, frame.bytes);
      case "body":
        return this.#more(frame.stream, frame.bytes);
      case "credit":
        return this.#calls.get(frame.stream)?.grant(frame.bytes);
      case "cancel":
        return this.#cancel(frame.stream);
    }
  }

  /** The link has ended: nobody waits for any of it. */
  cancelAll(): void {
    this.#arriving.clear();
    for (const call of this.#calls.values()) call.cancel();
  }

  #arrive(stream: number, head: PeerCallHead, bytes: Uint8Array): void {
    const bodyBytes = head.body_bytes;
    if (bodyBytes > this.config.maxBodyBytes) {
      return this.#refuse(stream, 413, "The body is larger than this gateway takes");
    }
    if (this.#arrivingBytes + bodyBytes > MAX_ARRIVING_BYTES) return this.#busy(stream);
    this.#arriving.set(stream, { head, parts: [], missingBytes: bodyBytes });
    this.#arrivingBytes += bodyBytes;
    this.#more(stream, bytes);
  }

  #more(stream: number, bytes: Uint8Array): void {
    const arriving = this.#arriving.get(stream);
    // Cancelled meanwhile.
    if (arriving === undefined) return;
    const { head, parts } = arriving;
    parts.push(bytes);
    arriving.missingBytes -= bytes.byteLength;
    if (arriving.missingBytes > 0) return;
    this.#letGo(stream);
    this.#begin(stream, head, parts.length === 1 ? parts[0]! : Buffer.concat(parts));
  }

  #begin(stream: number, head: PeerCallHead, body: Uint8Array): void {
    const { model, endpoint, grant = null } = head;
    const service: Service = { model, endpoint: endpoint as Endpoint };
    const lease = this.parts.lease(head.node, service, grant);
    if (lease === null) return this.#busy(stream);
    const { clock, say, freed } = this.parts;
    const onFree = () => freed(lease);
    const onEnd = () => void this.#calls.delete(stream);
    const parts = { clock, say, onFree, onEnd };
    const call = new InboundCall(stream, lease, head.window_bytes, parts, this.config);
    this.#calls.set(stream, call);
    call.start(orderOf(head, body));
  }

  #cancel(stream: number): void {
    if (this.#arriving.has(stream)) {
      this.#letGo(stream);
      return this.#refuse(stream, 499, "Stopped: the caller is gone");
    }
    this.#calls.get(stream)?.cancel();
  }

  #letGo(stream: number): void {
    this.#arrivingBytes -= this.#arriving.get(stream)?.head.body_bytes ?? 0;
    this.#arriving.delete(stream);
  }

  #busy(stream: number): void {
    this.#refuse(stream, 503, "No slot of the node is free", true);
  }

  #refuse(stream: number, code: number, message: string, busy = false): void {
    this.parts.say(encodeJson("error", stream, { code, message, busy }));
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
    body: new PeerBody(bytes),
  };
}

/** Its text is needed by nodes of wire v1 only. */
class PeerBody {
  #text: string | null = null;

  constructor(readonly bytes: Uint8Array) {}

  get text(): string {
    return this.#text ??= new TextDecoder().decode(this.bytes);
  }
}
