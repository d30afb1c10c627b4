/** Wire v2 as bytes: headers, JSON payloads, and the splitting of bodies. Reading never throws. */

import { isCount, isObject, isText } from "./checks.ts";
import { isUpstreamError } from "./frame.ts";
import {
  type CallHead,
  type Failure,
  type Finish,
  FrameTypeV2,
  type GoAway,
  type Head,
  HEADER_BYTES,
  type Hello,
  MAX_CONTROL_BYTES,
  MAX_FRAME_BYTES,
  MIN_FRAME_BYTES,
  type RegisterV2,
  type Status,
  type StreamState,
  type Welcome,
} from "./frame_v2.ts";
import { structureProblem } from "./json_text.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";
import { machineProblem } from "./machine_facts.ts";
import { capabilitiesProblem, registerProblem } from "./register.ts";
import { shareWithProblems } from "./share_with.ts";

/** The payload of each type whose payload is JSON. */
interface JsonPayloads {
  register: RegisterV2;
  welcome: Welcome;
  status: Status;
  goaway: GoAway;
  hello: Hello;
  head: Head;
  finish: Finish;
  error: Failure;
}

type JsonType = keyof JsonPayloads;

/** A frame that was read. `bytes` are views into the message and keep all of it in memory. */
export type FrameV2 =
  | { [T in JsonType]: { type: T; stream: number; data: JsonPayloads[T] } }[JsonType]
  | { type: "pack"; stream: number; frames: Span[] }
  | { type: "call"; stream: number; data: CallHead; bytes: Uint8Array }
  | { type: "body" | "stream"; stream: number; bytes: Uint8Array }
  | { type: "credit"; stream: number; bytes: number }
  | { type: "cancel" | "missing"; stream: number }
  | { type: "resume"; stream: number; state: StreamState }
  | { type: "ended"; stream: number; streams: number[] };

/** Where a frame of a PACK is in the message. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type DecodedV2 =
  | { kind: "frame"; frame: FrameV2 }
  /** A type of a later version: ignored. */
  | { kind: "unknown"; type: number }
  | { kind: "malformed"; reason: string };

/** The length before each frame of a PACK. */
const LENGTH_BYTES = 4;

/** The payload of RESUME, and the flags in it. */
const RESUME_BYTES = 17;
const HAS_HEAD = 1;
const IS_CANCELLED = 2;

const CONTROL_LIMITS = { maxDepth: MAX_JSON_DEPTH };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** A frame whose payload is JSON. `stream` 0: about the connection. */
export function encodeJson<T extends JsonType>(
  type: T,
  stream: number,
  data: JsonPayloads[T],
): Uint8Array<ArrayBuffer> {
  return encodeBytes(FrameTypeV2[type], stream, encoder.encode(JSON.stringify(data)));
}

/** One STREAM frame; at most MAX_FRAME_BYTES − HEADER_BYTES of payload. */
export function encodeStreamV2(stream: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return encodeBytes(FrameTypeV2.stream, stream, bytes);
}

export function encodeCredit(stream: number, bytes: number): Uint8Array<ArrayBuffer> {
  const frame = header(FrameTypeV2.credit, stream, 4);
  writeU32(frame, HEADER_BYTES, bytes);
  return frame;
}

export function encodeCancel(stream: number): Uint8Array<ArrayBuffer> {
  return header(FrameTypeV2.cancel, stream, 0);
}

/** The CALL of this stream never arrived. */
export function encodeMissing(stream: number): Uint8Array<ArrayBuffer> {
  return header(FrameTypeV2.missing, stream, 0);
}

/** Acknowledges the ends of the streams. */
export function encodeEnded(streams: readonly number[]): Uint8Array<ArrayBuffer> {
  const frame = header(FrameTypeV2.ended, 0, 4 * streams.length);
  streams.forEach((stream, i) => writeU32(frame, HEADER_BYTES + 4 * i, stream));
  return frame;
}

export function encodeResume(stream: number, state: StreamState): Uint8Array<ArrayBuffer> {
  const frame = header(FrameTypeV2.resume, stream, RESUME_BYTES);
  writeU64(frame, HEADER_BYTES, state.receivedBytes);
  writeU64(frame, HEADER_BYTES + 8, state.grantedBytes);
  frame[HEADER_BYTES + 16] = (state.hasHead ? HAS_HEAD : 0) |
    (state.isCancelled ? IS_CANCELLED : 0);
  return frame;
}

/** Returns memory of `bytes` bytes for one frame. It may be used again once the frame was sent. */
export type Room = (bytes: number) => Uint8Array<ArrayBuffer>;

const freshRoom: Room = (bytes) => new Uint8Array(bytes);

/** CALL and as many BODY frames as the body needs, in the order in which they are sent. */
export function encodeCallV2(
  stream: number,
  call: Omit<CallHead, "body_bytes">,
  body: Uint8Array,
): Uint8Array<ArrayBuffer>[] {
  const head = encoder.encode(JSON.stringify({ ...call, body_bytes: body.byteLength }));
  const first = body.subarray(0, Math.max(0, MAX_FRAME_BYTES - HEADER_BYTES - 4 - head.byteLength));
  const frames = [callFrame(stream, head, first, freshRoom)];
  const step = MAX_FRAME_BYTES - HEADER_BYTES;
  for (let at = first.byteLength; at < body.byteLength; at += step) {
    frames.push(encodeBody(stream, body.subarray(at, at + step)));
  }
  return frames;
}

/** CALL alone, with the first part of its body. The rest must follow in BODY frames. */
export function encodeCallStart(
  stream: number,
  call: CallHead,
  first: Uint8Array,
  room: Room = freshRoom,
): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(JSON.stringify(call));
  return callFrame(stream, head, first, room);
}

function callFrame(
  stream: number,
  head: Uint8Array,
  first: Uint8Array,
  room: Room,
): Uint8Array<ArrayBuffer> {
  const frame = header(FrameTypeV2.call, stream, 4 + head.byteLength + first.byteLength, room);
  writeU32(frame, HEADER_BYTES, head.byteLength);
  frame.set(head, HEADER_BYTES + 4);
  frame.set(first, HEADER_BYTES + 4 + head.byteLength);
  return frame;
}

/** One BODY frame; at most MAX_FRAME_BYTES − HEADER_BYTES of payload. */
export function encodeBody(
  stream: number,
  bytes: Uint8Array,
  room: Room = freshRoom,
): Uint8Array<ArrayBuffer> {
  return encodeBytes(FrameTypeV2.body, stream, bytes, room);
}

/** One PACK of at least two frames, none of them a PACK; null if it would exceed `maxBytes`. */
export function encodePack(
  frames: readonly Uint8Array[],
  maxBytes = MAX_FRAME_BYTES,
): Uint8Array<ArrayBuffer> | null {
  const bytes = frames.reduce((sum, { byteLength }) => sum + LENGTH_BYTES + byteLength, 0);
  if (HEADER_BYTES + bytes > maxBytes) return null;
  const pack = header(FrameTypeV2.pack, 0, bytes);
  let at = HEADER_BYTES;
  for (const one of frames) {
    writeU32(pack, at, one.byteLength);
    pack.set(one, at + LENGTH_BYTES);
    at += LENGTH_BYTES + one.byteLength;
  }
  return pack;
}

/** Reads one binary message, or a frame of a PACK, which is a part of one. Never throws. */
export function decodeV2(message: Uint8Array, start = 0, end = message.byteLength): DecodedV2 {
  if (end - start < HEADER_BYTES) return malformed("shorter than a header");
  if (end - start > MAX_FRAME_BYTES) return malformed("larger than a frame may be");
  const number = message[start]!;
  const type = typeNames[number];
  if (type === undefined) return { kind: "unknown", type: number };
  const stream = readU32(message, start + 4);
  if ((number < 16) !== (stream === 0) && type !== "error") {
    return malformed(`${type} on stream ${stream}`);
  }
  return readers[type](type, stream, message, start + HEADER_BYTES, end);
}

type TypeName = keyof typeof FrameTypeV2;

const typeNames: Record<number, TypeName | undefined> = Object.fromEntries(
  Object.entries(FrameTypeV2).map(([name, number]) => [number, name as TypeName]),
);

/** Reads a payload, which is the message from `at` to `end`. */
type Reader = (
  type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
) => DecodedV2;

const readers: Record<TypeName, Reader> = {
  register: json,
  welcome: json,
  status: json,
  goaway: json,
  hello: json,
  pack: readPack,
  head: readHead,
  finish: json,
  error: json,
  body: raw,
  stream: raw,
  cancel: (_type, stream) => frame({ type: "cancel", stream }),
  credit: (_type, stream, message, at, end) =>
    end - at === 4
      ? frame({ type: "credit", stream, bytes: readU32(message, at) })
      : malformed("credit without a number"),
  call: readCall,
  missing: (_type, stream) => frame({ type: "missing", stream }),
  resume: readResume,
  ended: readEnded,
};

function raw(
  type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
): DecodedV2 {
  const bytes = message.subarray(at, end);
  return frame({ type: type as "body" | "stream", stream, bytes });
}

const MAX_REMEMBERED_BYTES = 1024;

/** The last valid HEAD. Most answers begin with the same bytes, which are then not parsed again. */
let lastHead: { bytes: Uint8Array; data: Head } | null = null;

function readHead(
  type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
): DecodedV2 {
  if (lastHead !== null && isSame(lastHead.bytes, message, at, end)) {
    return frame({ type: "head", stream, data: lastHead.data });
  }
  const decoded = json(type, stream, message, at, end);
  const isShort = end - at <= MAX_REMEMBERED_BYTES;
  if (isShort && decoded.kind === "frame" && decoded.frame.type === "head") {
    lastHead = { bytes: message.slice(at, end), data: decoded.frame.data };
  }
  return decoded;
}

function isSame(known: Uint8Array, message: Uint8Array, at: number, end: number): boolean {
  if (known.length !== end - at) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== message[at + i]) return false;
  return true;
}

function json(
  type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
): DecodedV2 {
  const data = parseObject(message.subarray(at, end));
  if (typeof data === "string") return malformed(`${type}: ${data}`);
  const problem = problems[type as JsonType](data);
  return problem === null
    ? frame({ type, stream, data } as unknown as FrameV2)
    : malformed(`${type}: ${problem}`);
}

function readPack(
  _type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
): DecodedV2 {
  const frames: Span[] = [];
  for (let next = at; next < end;) {
    const start = next + LENGTH_BYTES;
    next = start <= end ? start + readU32(message, start - LENGTH_BYTES) : Infinity;
    if (next > end) return malformed("pack that is cut off");
    if (next - start < HEADER_BYTES) return malformed("pack of a frame shorter than a header");
    // Nested packs would allow unlimited recursion.
    if (start < next && message[start] === FrameTypeV2.pack) return malformed("pack within a pack");
    frames.push({ start, end: next });
  }
  if (frames.length < 2) return malformed("pack of less than two frames");
  return frame({ type: "pack", stream, frames });
}

function readCall(
  type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
): DecodedV2 {
  if (end - at < 4) return malformed("call without a head");
  const headEnd = at + 4 + readU32(message, at);
  if (headEnd > end) return malformed("call whose head is cut off");
  const data = parseObject(message.subarray(at + 4, headEnd));
  if (typeof data === "string") return malformed(`${type}: ${data}`);
  const bytes = message.subarray(headEnd, end);
  const problem = callProblem(data, bytes.byteLength);
  if (problem !== null) return malformed(`call: ${problem}`);
  return frame({ type: "call", stream, data: data as unknown as CallHead, bytes });
}

function readResume(
  _type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
): DecodedV2 {
  if (end - at < RESUME_BYTES) return malformed("resume that is cut off");
  const receivedBytes = readU64(message, at);
  const grantedBytes = readU64(message, at + 8);
  if (!isCount(receivedBytes) || !isCount(grantedBytes)) {
    return malformed("resume with numbers beyond all answers");
  }
  const flags = message[at + 16]!;
  const hasHead = (flags & HAS_HEAD) !== 0;
  const isCancelled = (flags & IS_CANCELLED) !== 0;
  return frame({
    type: "resume",
    stream,
    state: { receivedBytes, grantedBytes, hasHead, isCancelled },
  });
}

function readEnded(
  _type: TypeName,
  stream: number,
  message: Uint8Array,
  at: number,
  end: number,
): DecodedV2 {
  if (at === end || (end - at) % 4 !== 0) return malformed("ended without whole numbers");
  const streams: number[] = [];
  for (let next = at; next < end; next += 4) streams.push(readU32(message, next));
  return frame({ type: "ended", stream, streams });
}

type Fields = Record<string, unknown>;

/** For each type, what is wrong with its data; null: nothing. */
const problems: Record<JsonType, (data: Fields) => string | null> = {
  register: (data) =>
    registerProblem(data) ?? capabilitiesProblem(data.capabilities) ?? shareProblem(data) ??
      machineProblem(data.machine) ?? instanceProblem(data.instance) ??
      resumeProblem(data.resume),
  status: statusProblem,
  welcome: (data) =>
    isText(data.session) && isCount(data.window_bytes) && isCount(data.silence_ms) &&
      isCount(data.max_frame_bytes) && data.max_frame_bytes >= MIN_FRAME_BYTES &&
      (data.secret === undefined || (isText(data.secret) && isCount(data.resume_ms)))
      ? null
      : "incomplete",
  hello: (data) => Array.isArray(data.versions) ? null : "incomplete",
  goaway: (data) =>
    isCount(data.redial_within_ms) && typeof data.reason === "string" ? null : "incomplete",
  head: (data) =>
    isStatus(data.status) && isHeaders(data.headers) ? null : "status or headers are wrong",
  finish: finishProblem,
  error: (data) => {
    if (!isStatus(data.code)) return "code is not a status";
    if (typeof data.message !== "string") return "no message";
    if (data.error !== undefined && !isUpstreamError(data.error)) return "its error is wrong";
    return data.tally === undefined || (isObject(data.tally) && finishProblem(data.tally) === null)
      ? null
      : "its tally is wrong";
  },
};

function instanceProblem(instance: unknown): string | null {
  return instance === undefined || isText(instance)
    ? null
    : "instance must be text of at most 200 characters";
}

function resumeProblem(resume: unknown): string | null {
  if (resume === undefined) return null;
  if (!isObject(resume)) return "resume must be an object";
  const { session, secret, after_goaway: afterGoaway, or_close: orClose } = resume;
  if (![session, secret].every((text) => text === undefined || isText(text))) {
    return "resume must hold the session and the secret of a WELCOME";
  }
  const areFlags = [afterGoaway, orClose].every((flag) =>
    ["undefined", "boolean"].includes(typeof flag)
  );
  return areFlags ? null : "after_goaway and or_close of resume must be true or false";
}

const states = new Set<unknown>(["serving", "draining", "paused", undefined]);

function statusProblem(data: Fields): string | null {
  if (!states.has(data.state)) return "unknown state";
  if (data.reason !== undefined && typeof data.reason !== "string") return "reason must be text";
  if (data.resumes_in_ms !== undefined && !isCount(data.resumes_in_ms)) {
    return "resumes_in_ms must be a count of milliseconds";
  }
  return registerProblem({ max_parallel: 1, models: [], ...data }) ??
    capabilitiesProblem(data.capabilities) ?? shareProblem(data) ?? machineProblem(data.machine) ??
    lentProblem(data.lent);
}

function shareProblem({ share_with: shareWith }: Fields): string | null {
  const [problem] = shareWith === undefined ? [] : shareWithProblems(shareWith);
  if (problem === undefined) return null;
  return `share_with${problem.index === null ? "" : `[${problem.index}]`} ${problem.message}`;
}

/** The reasons of one report. */
const MAX_REASONS = 20;

function lentProblem(lent: unknown): string | null {
  if (lent === undefined) return null;
  if (!isObject(lent) || !isObject(lent.closed_s)) return "lent is incomplete";
  const closed = Object.values(lent.closed_s);
  if (closed.length > MAX_REASONS) return `lent names more than ${MAX_REASONS} reasons`;
  const counts = [lent.open_s, lent.refused, lent.energy_j ?? 0, ...closed];
  return counts.every(isCount) ? null : "lent must hold counts";
}

function finishProblem(data: Fields): string | null {
  const { prompt_tokens: prompt, completion_tokens: completion, estimated } = data;
  const areRight = (prompt === null || isCount(prompt)) &&
    (completion === null || isCount(completion)) && typeof estimated === "boolean";
  if (!areRight) return "its counts are wrong";
  return data.response_id === undefined || isText(data.response_id)
    ? null
    : "response_id must be text of at most 200 characters";
}

function callProblem(data: Fields, bytesHere: number): string | null {
  if (!isText(data.id) || !isText(data.endpoint) || typeof data.model !== "string") {
    return "incomplete";
  }
  if (typeof data.stream !== "boolean") return "stream is no flag";
  if (data.headers !== undefined && !isHeaders(data.headers)) return "headers are wrong";
  if (data.audience !== undefined && typeof data.audience !== "string") return "audience is wrong";
  return isCount(data.body_bytes) && data.body_bytes >= bytesHere ? null : "body_bytes is wrong";
}

function parseObject(payload: Uint8Array): Fields | string {
  if (payload.byteLength > MAX_CONTROL_BYTES) return "too large";
  const text = textOf(payload);
  if (text === null) return "not JSON";
  try {
    const problem = structureProblem(text, CONTROL_LIMITS);
    if (problem !== null) return problem;
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : "not an object";
  } catch {
    return "not JSON";
  }
}

/** Null: the bytes are not UTF-8. */
function textOf(payload: Uint8Array): string | null {
  try {
    return decoder.decode(payload);
  } catch {
    return null;
  }
}

function encodeBytes(
  type: number,
  stream: number,
  payload: Uint8Array,
  room: Room = freshRoom,
): Uint8Array<ArrayBuffer> {
  const frame = header(type, stream, payload.byteLength, room);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

function header(
  type: number,
  stream: number,
  payloadBytes: number,
  room: Room = freshRoom,
): Uint8Array<ArrayBuffer> {
  const frame = room(HEADER_BYTES + payloadBytes);
  writeU32(frame, 0, type << 24);
  writeU32(frame, 4, stream);
  return frame;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / 2 ** 32));
  writeU32(bytes, at + 4, value);
}

/** Not a safe integer where the value is too large for one. */
function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * 2 ** 32 + readU32(bytes, at + 4);
}

function frame(frame: FrameV2): DecodedV2 {
  return { kind: "frame", frame };
}

function malformed(reason: string): DecodedV2 {
  return { kind: "malformed", reason };
}

function isHeaders(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
}

function isStatus(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 100 && (value as number) <= 599;
}
