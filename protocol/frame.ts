/** Wire v1: the messages between a gateway and a node. Docs: docs/wire.md. */

/** Node → gateway: what this node offers. A second one replaces the first. */
export interface RegisterData {
  /** Calls that the node runs at a time, 1 or more. */
  max_parallel: number;
  /** The names under which callers ask for this node's models. */
  models: string[];
  /** A stable random identity, so that a penalty survives a reconnect. Ours send it; v1 does not ask for it. */
  node_id?: string;
  /** A name for people. */
  name?: string;
  /** The agent and its version, such as `co-link/0.1.0`. */
  agent?: string;
}

/** Gateway → node: run this. The payload is the caller's JSON body, whole. */
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
  /** HTTP-like: what the upstream answered, or what describes the failure best. 499 to a node: the caller is gone. */
  code: number;
  message: string;
  /** The upstream's own error object, so that a 400 reaches the caller as it came. Ours send it. */
  error?: UpstreamErrorData;
  /** When trying again makes sense, in milliseconds, where the upstream said so. */
  retry_after_ms?: number;
  /** What the code alone does not say. */
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
 * Failures for which no node is at fault: another node may take the call. A gateway that does not
 * know the kind goes by the code.
 *
 * - `offer_withdrawn`: the provider has not got the model, or not this endpoint, and the node offers it no longer.
 * - `internal`: the node's own program failed, for instance as it translated the request.
 */
export type FailureKind = "offer_withdrawn" | "internal";

export type Frame =
  | { type: "REGISTER"; data: RegisterData }
  | { type: "CALL"; data: CallData }
  | { type: "STREAM"; data: StreamData }
  | { type: "FINISH"; data: FinishData }
  | { type: "ERROR"; data: ErrorData };

export type FrameType = Frame["type"];

/** A v1 node's way of saying that its slots are full: an ERROR whose message begins so. */
export const BUSY = "BUSY";

/** The code with which the gateway tells a node that a caller is gone. */
export const CALLER_GONE = 499;

/** Whether an ERROR frame says "my slots are full", which is nobody's fault. */
export function isBusy(error: ErrorData): boolean {
  return error.message.startsWith(BUSY);
}
