/**
 * Wire v2: the messages between a gateway and a node as binary frames. Docs: docs/wire-v2.md.
 *
 *     0      1       2            4                          8
 *     +------+-------+------------+--------------------------+-----------
 *     | type | flags | 0          | stream id, big-endian    | payload …
 *     +------+-------+------------+--------------------------+-----------
 *
 * Stream 0 is the connection itself. The gateway numbers streams from 1 and never uses a number
 * twice on one connection. Flags are 0; a receiver ignores those that it does not know, so that
 * sequence numbers can be announced there one day. Payloads are UTF-8 JSON objects unless said
 * otherwise; unknown members pass.
 */

import type { FailureKind, RegisterData, UpstreamErrorData } from "./frame.ts";

/** The WebSocket subprotocol by which v2 is asked for and accepted. */
export const SUBPROTOCOL_V2 = "colink.v2";

/** Bytes before every payload. */
export const HEADER_BYTES = 8;

/** No frame is larger, header included; a larger payload is split over several. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** Frames other than BODY and STREAM are no larger than this, CALL's first piece of body aside. */
export const MAX_CONTROL_BYTES = 256 * 1024;

/** STREAM bytes that a node may send on a fresh stream before any CREDIT, unless WELCOME says otherwise. */
export const WINDOW_BYTES = 256 * 1024;

/** What a frame is. Numbers below 16 concern the connection, others one stream. */
export const FrameTypeV2 = Object.freeze({
  /** Node → gateway: RegisterV2. */
  register: 1,
  /** Gateway → node: Welcome. */
  welcome: 2,
  /** Node → gateway: Status. */
  status: 3,
  /** Gateway → node: GoAway. */
  goaway: 4,
  /** Gateway → node, at once after the handshake: Hello. The node registers when it has come. */
  hello: 5,
  /** Node → gateway, if WELCOME allows it: frames that leave together, each behind its length as u32; none of them a PACK. */
  pack: 6,
  /** Gateway → node: u32 length, CallHead of that length, then the body's first bytes. */
  call: 16,
  /** Gateway → node: more of the body, raw. */
  body: 17,
  /** Gateway → node: u32, so many more bytes of STREAM may be sent. */
  credit: 18,
  /** Gateway → node: empty. The node answers with FINISH or ERROR once its upstream has stopped. */
  cancel: 19,
  /** Node → gateway: Head, before any STREAM. */
  head: 32,
  /** Node → gateway: bytes of the answer, raw. The only type that costs credit. */
  stream: 33,
  /** Node → gateway: Finish. The last frame of its stream. */
  finish: 34,
  /** Both ways: Failure. With a stream id, the last frame of that stream. */
  error: 35,
});

export type FrameTypeV2 = typeof FrameTypeV2[keyof typeof FrameTypeV2];

/** What one model can do, where the node knows. */
export interface ModelCapabilities {
  /** Paths such as `/v1/chat/completions`, see endpoint.ts. Absent: that one only. */
  endpoints?: string[];
  /** In tokens. */
  context_length?: number;
  tools?: boolean;
  vision?: boolean;
}

/**
 * Says that the gateway really speaks v2. Some WebSocket servers agree to any subprotocol that a
 * client names; a node that hears no HELLO registers in v1.
 */
export interface Hello {
  /** The versions of the wire that the gateway speaks. */
  versions: number[];
}

/** v1's REGISTER, and what the node knows of its models. */
export interface RegisterV2 extends RegisterData {
  node_id: string;
  capabilities?: Record<string, ModelCapabilities>;
}

/** The gateway's answer to a REGISTER. */
export interface Welcome {
  /** Random; for logs of both ends. */
  session: string;
  /** The node's public id. */
  node: string;
  /** How often the gateway pings, and after which silence it hangs up, in milliseconds. */
  ping_ms: number;
  silence_ms: number;
  /** STREAM bytes that a fresh stream may send before any CREDIT. */
  window_bytes: number;
  max_frame_bytes: number;
  /** Whether it takes PACK frames. Absent: it does not. */
  takes_packs?: boolean;
}

/** A change that needs no new connection. What is absent stays as it was. */
export interface Status {
  max_parallel?: number;
  models?: string[];
  capabilities?: Record<string, ModelCapabilities>;
  /** `draining`: no new calls, running ones end. `paused`: no new calls until `serving`. */
  state?: "serving" | "draining" | "paused";
  /** Why, for people. */
  reason?: string;
}

/** The gateway is leaving: finish what runs, and dial again after a random part of this delay. */
export interface GoAway {
  reason: string;
  redial_within_ms: number;
}

/** What is asked of the node. The body follows as bytes, in this frame and in BODY frames. */
export interface CallHead {
  /** This attempt's id; unguessable. */
  id: string;
  /** The endpoint's path: `/v1/chat/completions`. */
  endpoint: string;
  /** The caller's headers that matter upstream: those of CALL_HEADERS, by lower-case name. */
  headers?: Record<string, string>;
  model: string;
  stream: boolean;
  /** The whole body's length. */
  body_bytes: number;
  /** Whether usage, asked for by the gateway and not by the caller, must be kept out of STREAM. */
  hide_usage: boolean;
}

/** Status first: what the upstream (or the adapter) answers, before its body. */
export interface Head {
  status: number;
  /** Names in lower case. Only those in RELAYED_HEADERS reach callers. */
  headers: Record<string, string>;
}

/** What the node counted. */
export interface Finish {
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /** Whether completion_tokens was counted from the answer rather than told by the upstream. */
  estimated: boolean;
  finish_reason: string | null;
  /** From CALL to the upstream's first byte, and to its last, in milliseconds. */
  first_byte_ms: number | null;
  total_ms: number;
  /** Of an answer that the upstream has stored (`/v1/responses`): calls that name it come to this node. */
  response_id?: string;
}

/** A call that has no answer, or the connection's trouble. */
export interface Failure {
  /** Like an HTTP status; 499: stopped because the gateway cancelled. */
  code: number;
  message: string;
  /** The node's slots are full, or it is leaving: nobody's fault. */
  busy?: boolean;
  /** When trying again makes sense, in milliseconds. */
  retry_after_ms?: number;
  /** The upstream's own error object: its kind and words decide whose fault the failure is. */
  error?: UpstreamErrorData;
  /** What the code alone does not say. */
  kind?: FailureKind;
  /** What was produced before the failure. */
  tally?: Finish;
}

/** Says `estimate` where a node has estimated what its provider cannot count. */
export const TOKEN_COUNT_HEADER = "x-token-count";

/** The upstream's headers that callers may see, each with the name under which they see it. */
export const RELAYED_HEADERS: ReadonlyMap<string, string> = new Map([
  ...[
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "openai-processing-ms",
    ...["limit", "remaining", "reset"].flatMap((what) => [
      `x-ratelimit-${what}-requests`,
      `x-ratelimit-${what}-tokens`,
      ...["requests", "tokens", "input-tokens", "output-tokens"].map((unit) =>
        `anthropic-ratelimit-${unit}-${what}`
      ),
    ]),
  ].map((name) => [name, name] as const),
  [TOKEN_COUNT_HEADER, TOKEN_COUNT_HEADER],
  // The gateway's own id of the request keeps its name.
  ["x-request-id", "x-upstream-request-id"],
  ["request-id", "x-upstream-request-id"],
  // From a gateway that has relayed it.
  ["x-upstream-request-id", "x-upstream-request-id"],
]);
