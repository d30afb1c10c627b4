/** Frames of wire v2: those in a message that was sent, and those of a plain answer. */

import { decodeV2, encodeJson, encodeStreamV2, type FrameV2 } from "../codec_v2.ts";

/** A PACK counts as the frames in it. Throws for anything that is no frame. */
export function framesOf(message: Uint8Array, start = 0, end = message.byteLength): FrameV2[] {
  const decoded = decodeV2(message, start, end);
  if (decoded.kind !== "frame") throw new Error(`Sent ${JSON.stringify(decoded)}`);
  const { frame } = decoded;
  return frame.type === "pack"
    ? frame.frames.flatMap(({ start, end }) => framesOf(message, start, end))
    : [frame];
}

/** STREAM by its text, other frames by their type. */
export function inShort(frame: FrameV2): string {
  return frame.type === "stream" ? new TextDecoder().decode(frame.bytes) : frame.type;
}

export const text = (stream: number, content: string) =>
  encodeStreamV2(stream, new TextEncoder().encode(content));
export const head = (stream: number) => encodeJson("head", stream, { status: 200, headers: {} });

export const finish = (stream: number) =>
  encodeJson("finish", stream, {
    prompt_tokens: 1,
    completion_tokens: 1,
    estimated: false,
    finish_reason: "stop",
    first_byte_ms: 1,
    total_ms: 2,
  });
