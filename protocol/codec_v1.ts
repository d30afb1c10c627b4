/**
 * Wire v1 as text: `{"type": TYPE, "data": {…}}`. Encoding splices bodies in as the text they are;
 * decoding checks shapes, passes unknown fields on and reports unknown types apart from malformed ones.
 */

import {
  type CallData,
  type ErrorData,
  type Frame,
  isUpstreamError,
  type RegisterData,
  type StreamData,
} from "./frame.ts";
import { lastMember, nestsDeeperThan, objectMembers } from "./json_text.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";
import { registerProblem } from "./register.ts";

/**
 * A frame that was read, with the text of the JSON value that it carries for somebody else: the
 * payload of a CALL, the chunk of a STREAM. Empty for the other types.
 */
export interface ReadFrame {
  kind: "frame";
  frame: Frame;
  bodyText: string;
}

/** What came over the wire, once it has been looked at. */
export type Decoded =
  | ReadFrame
  /** A type of a later version: ignored. */
  | { kind: "unknown"; type: string }
  /** Not a frame: counted, and ten in a row end the connection. */
  | { kind: "malformed"; reason: string };

/** Frames nest two levels more than the bodies that they carry. */
const MAX_FRAME_DEPTH = MAX_JSON_DEPTH + 2;

export function encodeRegister(data: RegisterData): string {
  return encode("REGISTER", data);
}

/** `payloadText` is the caller's body, valid JSON, and travels unchanged. */
export function encodeCall(requestId: string, model: string, payloadText: string): string {
  return `{"type":"CALL","data":{"request_id":${JSON.stringify(requestId)},"model":${
    JSON.stringify(model)
  },"payload":${payloadText}}}`;
}

/** `chunkText` is one JSON value, valid, and travels unchanged. */
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

/** Reads one text frame. Never throws. */
export function decode(text: string): Decoded {
  if (nestsDeeperThan(text, MAX_FRAME_DEPTH)) return malformed("nested too deeply");
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

/** Each reader checks one type's data: the data itself when it is right, else what is wrong with it. */
const readers = Object.freeze({
  REGISTER(data: Record<string, unknown>): RegisterData | string {
    const problem = registerProblem(data);
    if (problem !== null) return problem;
    return data as unknown as RegisterData;
  },
  CALL(data: Record<string, unknown>): CallData | string {
    if (!isId(data.request_id)) return "no request_id";
    if (typeof data.model !== "string") return "no model";
    if (!isObject(data.payload)) return "payload is not an object";
    return data as unknown as CallData;
  },
  STREAM(data: Record<string, unknown>): StreamData | string {
    if (!isId(data.request_id)) return "no request_id";
    if (!isObject(data.chunk)) return "chunk is not an object";
    return data as unknown as StreamData;
  },
  FINISH(data: Record<string, unknown>): { request_id: string } | string {
    return isId(data.request_id) ? { request_id: data.request_id } : "no request_id";
  },
  ERROR(data: Record<string, unknown>): ErrorData | string {
    if (data.request_id !== undefined && !isId(data.request_id)) return "request_id is not text";
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
  const data = lastMember(objectMembers(text), "data");
  const body = data && lastMember(objectMembers(text, data.start), key);
  return body ? text.slice(body.start, body.end) : "";
}

function isId(id: unknown): id is string {
  return typeof id === "string" && id.length > 0 && id.length <= 200;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(reason: string): Decoded {
  return { kind: "malformed", reason };
}
