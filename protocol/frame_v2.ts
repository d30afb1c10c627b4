/**
 * Wire v2: the messages between a gateway and a node as binary frames. Docs: docs/wire-v2.md.
 *
 *     0      1       2            4                          8
 *     +------+-------+------------+--------------------------+-----------
 *     | type | flags | 0          | stream id, big-endian    | payload …
 *     +------+-------+------------+--------------------------+-----------
 *
 * Stream 0 is the connection itself. The gateway numbers streams from 1 and never uses a number
 * twice in one session. Flags are 0, and receivers ignore unknown ones. Payloads are UTF-8 JSON
 * objects unless stated otherwise; unknown members are ignored.
 */

import type { FailureKind, RegisterData, UpstreamErrorData } from "./frame.ts";
import type { MachineFacts } from "./machine_facts.ts";
import type { ShareWith } from "./share_with.ts";

/** The WebSocket subprotocol that negotiates v2. */
export const SUBPROTOCOL_V2 = "colink.v2";

/** Bytes before every payload. */
export const HEADER_BYTES = 8;

/** The largest frame, header included. A larger payload is split into several frames. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** The smallest limit that a gateway may ask for: a smaller frame costs its sender more memory than its payload. */
export const MIN_FRAME_BYTES = 1024;

/** The largest frame other than BODY and STREAM, not counting the first part of the body in CALL. */
export const MAX_CONTROL_BYTES = 256 * 1024;

/** STREAM bytes that a node may send on a fresh stream before any CREDIT, unless WELCOME says otherwise. */
export const WINDOW_BYTES = 256 * 1024;

/** The type of a frame. Numbers below 16 concern the connection, others one stream. */
export const FrameTypeV2 = Object.freeze({
  /** Node → gateway: RegisterV2. */
  register: 1,
  /** Gateway → node: Welcome. */
  welcome: 2,
  /** Node → gateway: Status. */
  status: 3,
  /** Gateway → node: GoAway. */
  goaway: 4,
  /** Gateway → node, right after the handshake: Hello. The node registers when it arrives. */
  hello: 5,
  /** Node → gateway, if WELCOME allows it: several frames, each after its length as u32; none of them a PACK. */
  pack: 6,
  /** Gateway → node, if the session can be resumed: u32 each, streams whose FINISH or ERROR has arrived. */
  ended: 7,
  /** Gateway → node: u32 length, a CallHead of that length, then the first part of the body. */
  call: 16,
  /** Gateway → node: more of the body, raw. */
  body: 17,
  /** Gateway → node: u32, the number of further STREAM bytes that may be sent. */
  credit: 18,
  /** Gateway → node: empty. The node answers with FINISH or ERROR once its upstream has stopped. */
  cancel: 19,
  /** Gateway → node, before the WELCOME that resumes a session: StreamState of a stream that it still wants. */
  resume: 20,
  /** Node → gateway: Head, before any STREAM. */
  head: 32,
  /** Node → gateway: bytes of the answer, raw. The only type that uses credit. */
  stream: 33,
  /** Node → gateway: Finish. The last frame of its stream. */
  finish: 34,
  /** Both ways: Failure. With a stream id, the last frame of that stream. */
  error: 35,
  /** Node → gateway, as the answer to RESUME: empty. The CALL, or a part of its body, has never arrived. */
  missing: 36,
});

export type FrameTypeV2 = typeof FrameTypeV2[keyof typeof FrameTypeV2];

/** What one model can do, as far as the node knows. */
export interface ModelCapabilities {
  /** Paths such as `/v1/chat/completions`, see endpoint.ts. Absent: only that one. */
  endpoints?: string[];
  /** Prompt and answer together, in tokens. */
  context_length?: number;
  /** The longest answer, in tokens. */
  max_output_tokens?: number;
  tools?: boolean;
  vision?: boolean;
  /** Whether it can reason before it answers. */
  thinking?: boolean;
  /** Whether it is in memory now, so that its first token does not wait for it. */
  loaded?: boolean;
}

/**
 * Proves that the gateway speaks v2. Some WebSocket servers accept any subprotocol that a client
 * names; a node that gets no HELLO registers in v1.
 */
export interface Hello {
  /** The versions of the wire that the gateway speaks. */
  versions: number[];
  /** Whether the gateway keeps to a node's `share_with`. Absent: it does not, and would send calls of everyone. */
  takes_share_with?: boolean;
}

/** The REGISTER of v1, with the capabilities of models. */
export interface RegisterV2 extends RegisterData {
  node_id: string;
  /** Random text of one run of the node's program: another one has none of its calls. Absent: it is not known. */
  instance?: string;
  capabilities?: Record<string, ModelCapabilities>;
  /** Whose calls may come. Absent: everyone's. */
  share_with?: ShareWith;
  /** The machine that the node runs on. */
  machine?: MachineFacts;
  /** Present: the node can resume a session, and asks for one; with the members of the last WELCOME, for that one. */
  resume?: ResumeRequest;
}

/** What a node offers to go on with the session of a link that was lost. */
export interface ResumeRequest {
  session?: string;
  secret?: string;
  /** Whether the node can go on with a session that it was asked to leave, over a link for that alone. Absent: it cannot. */
  after_goaway?: boolean;
  /** Whether the link is to be closed where the session does not go on. Absent: the node then gets a new one. */
  or_close?: boolean;
}

/** The gateway's answer to a REGISTER. */
export interface Welcome {
  /** Random; for logs of both ends, and to resume it. */
  session: string;
  /** The node's public id. */
  node: string;
  /** How often the gateway pings, and after which silence it closes the connection, in milliseconds. */
  ping_ms: number;
  silence_ms: number;
  /** STREAM bytes that may be sent on a new stream before any CREDIT. */
  window_bytes: number;
  max_frame_bytes: number;
  /** Whether the gateway takes PACK frames. Absent: it does not. */
  takes_packs?: boolean;
  /** What the node must show to resume the session; as secret as its token. Absent: a lost link ends the session. */
  secret?: string;
  /** For how long after its link was lost a session can be resumed, in milliseconds. */
  resume_ms?: number;
  /** Whether the session can be resumed after GOAWAY, too. Absent: it cannot. */
  after_goaway?: boolean;
  /** Whether the session that the node asked for goes on. Absent: this is a new one, and the streams of the other are lost. */
  resumed?: boolean;
}

/** How far a stream of a lost link has come, as its gateway knows. u64 received, u64 granted, u8 flags. */
export interface StreamState {
  /** STREAM bytes that have arrived. */
  receivedBytes: number;
  /** The sum of all CREDIT that was sent, whether or not it arrived. */
  grantedBytes: number;
  /** Flag 1: HEAD has arrived. */
  hasHead: boolean;
  /** Flag 2: CANCEL was sent, whether or not it arrived. */
  isCancelled: boolean;
}

/** A change that needs no new connection. Absent members keep their values. */
export interface Status {
  max_parallel?: number;
  models?: string[];
  capabilities?: Record<string, ModelCapabilities>;
  share_with?: ShareWith;
  /** Replaces the whole; an empty object: the node reports nothing of its machine any more. */
  machine?: MachineFacts;
  /** `draining`: no new calls; running ones end. `paused`: no new calls until `serving`. */
  state?: "serving" | "draining" | "paused";
  /** Why, for people. */
  reason?: string;
  /** With `paused`: in how many milliseconds the node expects to serve again. Absent: it does not know. */
  resumes_in_ms?: number;
  /** What the node contributed since its last report. */
  lent?: LentReport;
}

/** For the owner's eyes: what a node gave in a time of at most an hour. */
export interface LentReport {
  /** Seconds for which it was connected and took calls. */
  open_s: number;
  /** Seconds for which it was connected and took none, by the reason. */
  closed_s: Record<string, number>;
  /** Calls that it refused because of its owner's terms. */
  refused: number;
  /** What its graphics processors used while calls ran, in joules. Absent: unknown. */
  energy_j?: number;
}

/** The gateway is leaving: the node finishes its calls, and reconnects after a random part of the delay. */
export interface GoAway {
  reason: string;
  redial_within_ms: number;
}

/** A call for the node. The body follows as bytes, in the same frame and in BODY frames. */
export interface CallHead {
  /** This attempt's id; unguessable. */
  id: string;
  /** The endpoint's path: `/v1/chat/completions`. */
  endpoint: string;
  /** The caller's headers that are in CALL_HEADERS, by lower-case name. */
  headers?: Record<string, string>;
  model: string;
  stream: boolean;
  /** The whole body's length. */
  body_bytes: number;
  /** Whether the caller did not ask for usage: the node asks its upstream and removes it from STREAM. */
  hide_usage: boolean;
  /**
   * Why the call may come to a node that is not for everyone: `owner`, or the name in the node's
   * `share_with` that the caller comes under. The node refuses a call without one, or with another.
   */
  audience?: string;
}

/** Status and headers of the upstream's answer, before its body. */
export interface Head {
  status: number;
  /** Names in lower case. Only those in RELAYED_HEADERS reach callers. */
  headers: Record<string, string>;
}

/** The tally of a call. */
export interface Finish {
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /** Whether completion_tokens was counted from the answer rather than reported by the upstream. */
  estimated: boolean;
  finish_reason: string | null;
  /** From CALL to the upstream's first byte, and to its last one, in milliseconds. */
  first_byte_ms: number | null;
  total_ms: number;
  /** The id of an answer that the upstream has stored (`/v1/responses`). Calls that refer to it are sent to this node. */
  response_id?: string;
}

/** The failure of a call or, on stream 0, an error of the connection. */
export interface Failure {
  /** Like an HTTP status; 499: stopped because the gateway cancelled. */
  code: number;
  message: string;
  /** All slots are in use, or the node is leaving: no fault. */
  busy?: boolean;
  /** The delay before a retry, in milliseconds. */
  retry_after_ms?: number;
  /** The upstream's own error object: its type and message decide which side is at fault. */
  error?: UpstreamErrorData;
  /** The cause, where the code does not show it. */
  kind?: FailureKind;
  /** What was produced before the failure. */
  tally?: Finish;
}

/** Is `estimate` if the node has estimated a count that its provider does not offer. */
export const TOKEN_COUNT_HEADER = "x-token-count";

/** The upstream's headers that callers may see, each with its name for callers. */
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
  // `x-request-id` is the gateway's own id of the request.
  ["x-request-id", "x-upstream-request-id"],
  ["request-id", "x-upstream-request-id"],
  // Renamed already by a gateway that has relayed it.
  ["x-upstream-request-id", "x-upstream-request-id"],
]);
