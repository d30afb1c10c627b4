/**
 * Wire v1 as text: `{"type": TYPE, "data": {…}}`. Encoders insert bodies as text, unchanged. The
 * decoder checks shapes, keeps unknown fields, and reports unknown types apart from malformed frames.
 */

import { isObject, isText } from "./checks.ts";
import {
  type CallData,
  type ErrorData,
  type Frame,
  isUpstreamError,
  type RegisterData,
  type StreamData,
} from "./frame.ts";
import { memberWithin, structureProblem } from "./json_text.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";
import { registerProblem } from "./register.ts";

/**
 * A frame that was read. `bodyText` is the text of the JSON value that it carries: the payload of a
 * CALL, the chunk of a STREAM; the empty string for other types.
 */
export interface ReadFrame {
  kind: "frame";
  frame: Frame;
  bodyText: string;
}

/** A message that was read. */
export type Decoded =
  | ReadFrame
  /** A type of a later version: ignored. */
  | { kind: "unknown"; type: string }
  /** Not a frame. Ten in a row end the connection. */
  | { kind: "malformed"; reason: string };

/** Frames add two levels to the bodies that they carry. */
const MAX_FRAME_DEPTH = MAX_JSON_DEPTH + 2;

export function encodeRegister(data: RegisterData): string {
  return encode("REGISTER", data);
}

/** `payloadText` is the caller's body, which must be valid JSON; it is sent unchanged. */
export function encodeCall(requestId: string, model: string, payloadText: string): string {
  return `{"type":"CALL","data":{"request_id":${JSON.stringify(requestId)},"model":${
    JSON.stringify(model)
  },"payload":${payloadText}}}`;
}

/** `chunkText` must be one valid JSON value; it is sent unchanged. */
export function encodeStream(requestId: string, chunkText: string): string {
  return `{"type":"STREAM","data":{"request_id":${
    JSON.stringify(requestId)
  },"chunk":${chunkText}}}`;
}

export function encodeFinish(requestId: string): string {
  return encode("FINISH", { request_id: requestId });
}

export function encodeError(data: ErrorData): string {
  return encode("ERROR", data);
}

function encode(type: string, data: object): string {
  return `{"type":"${type}","data":${JSON.stringify(data)}}`;
}

/** Reads one text frame. Never throws. `maxValues`: see StructureLimits. */
export function decode(text: string, maxValues = Infinity): Decoded {
  const problem = structureProblem(text, { maxDepth: MAX_FRAME_DEPTH, maxValues });
  if (problem !== null) return malformed(problem);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed("not JSON");
  }
  if (!isObject(value) || typeof value.type !== "string") return malformed("no type");
  const read = readers[value.type as keyof typeof readers];
  if (read === undefined || !Object.hasOwn(readers, value.type)) {
    return { kind: "unknown", type: value.type };
  }
  if (!isObject(value.data)) return malformed(`${value.type} without data`);
  const data = read(value.data);
  if (typeof data === "string") return malformed(`${value.type}: ${data}`);
  const frame = { type: value.type, data } as Frame;
  return { kind: "frame", frame, bodyText: carriedText(text, value.type) };
}

/** Each reader checks the data of one type, and returns it, or what is wrong with it. */
const readers = Object.freeze({
  REGISTER(data: Record<string, unknown>): RegisterData | string {
    const problem = registerProblem(data);
    if (problem !== null) return problem;
    return data as unknown as RegisterData;
  },
  CALL(data: Record<string, unknown>): CallData | string {
    if (!isText(data.request_id)) return "no request_id";
    if (typeof data.model !== "string") return "no model";
    if (!isObject(data.payload)) return "payload is not an object";
    return data as unknown as CallData;
  },
  STREAM(data: Record<string, unknown>): StreamData | string {
    if (!isText(data.request_id)) return "no request_id";
    if (!isObject(data.chunk)) return "chunk is not an object";
    return data as unknown as StreamData;
  },
  FINISH(data: Record<string, unknown>): { request_id: string } | string {
    return isText(data.request_id) ? { request_id: data.request_id } : "no request_id";
  },
  ERROR(data: Record<string, unknown>): ErrorData | string {
    if (data.request_id !== undefined && !isText(data.request_id)) return "request_id is not text";
    if (!Number.isInteger(data.code)) return "code is not a whole number";
    if (typeof data.message !== "string") return "no message";
    const { error, ...rest } = data;
    return (error === undefined || isUpstreamError(error) ? data : rest) as unknown as ErrorData;
  },
});

const carriedMember: Record<string, string> = { CALL: "payload", STREAM: "chunk" };

function carriedText(text: string, type: string): string {
  const key = carriedMember[type];
  if (key === undefined) return "";
  const body = memberWithin(text, "data", key);
  return body ? text.slice(body.start, body.end) : "";
}

function malformed(reason: string): Decoded {
  return { kind: "malformed", reason };
}
