/** Wire v1: the messages between a gateway and a node. Docs: docs/wire.md. */

/** Node → gateway: what the node offers. A second one replaces the first. */
export interface RegisterData {
  /** Calls that the node runs at a time, 1 or more. */
  max_parallel: number;
  /** The names under which callers ask for this node's models. */
  models: string[];
  /** A stable random id, so that a penalty survives a reconnect. Optional in v1; this project's nodes send it. */
  node_id?: string;
  /** A name for people. */
  name?: string;
  /** The agent and its version, such as `co-link/0.1.0`. */
  agent?: string;
}

/** Gateway → node: a call to run. The payload is the caller's whole JSON body. */
export interface CallData {
  request_id: string;
  model: string;
  payload: unknown;
}

/** Node → gateway: one `chat.completion.chunk`, or the whole `chat.completion` of a call that does not stream. */
export interface StreamData {
  request_id: string;
  chunk: unknown;
}

/** Node → gateway: the call is complete. */
export interface FinishData {
  request_id: string;
}

/** Both ways: a call failed, or, without `request_id`, something about the connection. */
export interface ErrorData {
  request_id?: string;
  /** Like an HTTP status: the upstream's, or the one that describes the failure best. 499 to a node: the caller is gone. */
  code: number;
  message: string;
  /** The upstream's own error object, so that a 400 reaches the caller unchanged. Optional in v1. */
  error?: UpstreamErrorData;
  /** The delay before a retry, in milliseconds, where the upstream stated one. */
  retry_after_ms?: number;
  /** The cause, where the code does not show it. */
  kind?: FailureKind;
}

/** An upstream's error object, in OpenAI's shape. */
export interface UpstreamErrorData {
  message: string;
  type?: string;
  param?: string | null;
  code?: string | number | null;
}

export function isUpstreamError(value: unknown): value is UpstreamErrorData {
  const { message, type, param, code } = (value ?? {}) as Record<string, unknown>;
  return typeof message === "string" &&
    [type, param, code].every((one) => typeof one !== "object" || one === null);
}

/**
 * Failures whose cause the node has found out itself. A gateway that does not know the kind goes by
 * the code. Another node may take the call, except for `request`. The node is at fault for
 * `unreachable`, and for no other kind.
 *
 * - `offer_withdrawn`: the provider lacks the model or this endpoint, and the node no longer offers it.
 * - `internal`: the node's own program failed, for instance when it translated the request.
 * - `request`: the provider has both, so its 404 answers what the request names.
 * - `unreachable`: no connection to the provider was made, so that no request can have caused it.
 */
export type FailureKind = "offer_withdrawn" | "internal" | "request" | "unreachable";

export type Frame =
  | { type: "REGISTER"; data: RegisterData }
  | { type: "CALL"; data: CallData }
  | { type: "STREAM"; data: StreamData }
  | { type: "FINISH"; data: FinishData }
  | { type: "ERROR"; data: ErrorData };

export type FrameType = Frame["type"];

/** An ERROR whose message begins with this reports that all slots of the node are in use. */
export const BUSY = "BUSY";

/** The code of an ERROR to a node whose caller is gone. */
export const CALLER_GONE = 499;

/** Whether an ERROR reports that all slots of the node are in use, which is no fault. */
export function isBusy(error: ErrorData): boolean {
  return error.message.startsWith(BUSY);
}
