/** Wire v1 as a node speaks it: text frames in, what they ask for out, and the way back. */

import { type UpstreamFailure } from "./adapter/adapter.ts";
import {
  BUSY,
  CALLER_GONE,
  decode,
  encodeError,
  encodeFinish,
  encodeRegister,
  encodeStream,
  type RegisterData,
} from "../protocol/mod.ts";
import type { Call, Reply } from "./runner.ts";

/** What a message from the gateway asks of the node. */
export type Asked =
  | { kind: "run"; call: Call }
  | { kind: "cancel"; id: string }
  /** About the connection, for the log. */
  | { kind: "notice"; code: number; message: string }
  /** A type of a later version, or one that only gateways receive. */
  | { kind: "nothing" }
  | { kind: "malformed"; reason: string };

/** Where replies go. */
export interface Outlet {
  send(text: string): void;
  /** Waits while too much was not sent yet. */
  drained(signal: AbortSignal): Promise<void>;
}

/** The node's first words, sent as soon as the connection is open. */
export function greeting(data: RegisterData): string {
  return encodeRegister(data);
}

/** A frame that every gateway ignores: it makes the system notice a link that carries nothing any more. */
export const signOfLife = '{"type":"PING","data":{}}';

/** Reads one message. Never throws. */
export function read(text: string): Asked {
  const decoded = decode(text);
  if (decoded.kind === "malformed") return decoded;
  if (decoded.kind === "unknown") return { kind: "nothing" };
  const { frame, bodyText } = decoded;
  if (frame.type === "CALL") {
    const { request_id: id, model, payload } = frame.data;
    const stream = (payload as { stream?: unknown }).stream === true;
    return { kind: "run", call: { id, model, bodyText, stream } };
  }
  if (frame.type !== "ERROR") return { kind: "nothing" };
  const { request_id: id, code, message } = frame.data;
  if (id === undefined) return { kind: "notice", code, message };
  return code === CALLER_GONE ? { kind: "cancel", id } : { kind: "nothing" };
}

/** The way back for one call. */
export function replyTo(id: string, outlet: Outlet): Reply {
  const fail = (failure: Pick<UpstreamFailure, "code" | "message" | "error" | "retryAfterMs">) =>
    outlet.send(encodeError({
      request_id: id,
      code: failure.code,
      message: failure.message,
      ...(failure.error === undefined ? {} : { error: failure.error }),
      ...(failure.retryAfterMs === undefined ? {} : { retry_after_ms: failure.retryAfterMs }),
    }));
  return {
    piece: (text) => outlet.send(encodeStream(id, text)),
    finish: () => outlet.send(encodeFinish(id)),
    fail,
    busy: (why) =>
      outlet.send(encodeError({ request_id: id, code: 503, message: `${BUSY}: ${why}` })),
    ready: (signal) => outlet.drained(signal),
  };
}
