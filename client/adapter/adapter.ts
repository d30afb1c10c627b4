/** The contract between a node and what speaks an upstream's dialect. Knows no adapter and no wire. */

import { DEFAULT_ENDPOINTS, type Endpoint, type ModelCapabilities } from "../../protocol/mod.ts";

/** One call for one upstream. */
export interface AdapterCall {
  /** The gateway's id of this attempt. For logs; upstreams are not told. */
  id: string;
  /** What the caller asked for; one of those that the adapter serves. */
  endpoint: Endpoint;
  /** The caller's headers that matter upstream, by lower-case name. */
  headers: Readonly<Record<string, string>>;
  /** The model's name at the provider. */
  model: string;
  /** The name under which the caller asked for it, and finds it in the answer. */
  askedModel: string;
  /** The caller's body, in the endpoint's dialect: the JSON text as it came. */
  bodyText: string;
  /** Whether the caller asked for a stream. */
  stream: boolean;
  /** Whether usage was asked for in the caller's name only, so that the caller shall not see it. */
  hidesUsage: boolean;
  /** Aborts when the caller is gone. The adapter then stops its upstream at once. */
  signal: AbortSignal;
  /** To be told, once the upstream has accepted, its headers that callers may see, by lower-case name. */
  onHead?: (headers: Record<string, string>) => void;
}

/**
 * A part of an answer, in the endpoint's dialect. A string is one JSON text:
 *
 * - of a stream, the `data:` of one event. Where a dialect names its events (responses, messages),
 *   the name is the text's `type`. `[DONE]` is left out. Usage may be told even if it `hidesUsage`.
 * - otherwise the whole answer, exactly one.
 */
export type Piece = string | PlainEvents;

/**
 * Events that need no look any more, as the bytes that the caller shall see: whole ones, each framed
 * as `data: JSON` and an empty line, with an `event:` line before it where the dialect has one. They
 * tell neither usage nor an end, and there is nothing in them that the caller shall not see.
 */
export interface PlainEvents {
  bytes: Uint8Array;
  /** How many of them carry text, thoughts or tool arguments: about one token each. */
  tokenEvents: number;
}

/**
 * Speaks one upstream's dialect. `answer` yields an answer's pieces in their order. Ending the
 * iteration says that the answer is complete. Whatever else happens (an upstream that cannot be
 * reached, refuses, breaks off, or ends without a finish reason) throws an UpstreamFailure; after an
 * abort the iteration ends with any error, as soon as the upstream has been let go. The consumer's
 * pace is the upstream's: nothing is read ahead without bound.
 */
export interface Adapter {
  /** The endpoints that it serves, for whatever model. Absent: chat completions only. */
  readonly endpoints?: readonly Endpoint[];
  /** Those of them that a model has where nobody says what it has. Absent: all. */
  readonly usualEndpoints?: readonly Endpoint[];
  answer(call: AdapterCall): AsyncIterable<Piece>;
  /** What the upstream says that it has; absent: it cannot be asked. Throws an UpstreamFailure. */
  models?(signal: AbortSignal): Promise<ListedModel[]>;
}

/** A model that an upstream says it has. */
export interface ListedModel {
  /** Its name there. */
  id: string;
  /** What the upstream tells of it; `endpoints` only where it says so. */
  capabilities: ModelCapabilities;
}

/** The endpoints that an adapter serves. */
export function endpointsServed({ endpoints = DEFAULT_ENDPOINTS }: Adapter): readonly Endpoint[] {
  return endpoints;
}

/** An upstream's own error object, in OpenAI's shape. */
export interface UpstreamErrorObject {
  message: string;
  type?: string;
  param?: string | null;
  code?: string | number | null;
}

export interface FailureDetails {
  /** The upstream's own error object, where it sent one that callers may see. */
  error?: UpstreamErrorObject;
  /** The upstream's answer as callers shall see it, in the endpoint's dialect; else it is made of the error. */
  bodyText?: string;
  /** The upstream's headers that callers may see, by lower-case name. */
  headers?: Record<string, string>;
  /** When trying again makes sense, in milliseconds, where the upstream said so. */
  retryAfterMs?: number;
  /** The node itself cannot go on: another may take the call, and nobody is at fault. */
  isBusy?: boolean;
  cause?: unknown;
}

/**
 * An upstream that failed or refused. `code` is its HTTP status, or the one that describes it best
 * (502: unreachable or broken off). The message and the error object are shown to callers: no key,
 * no address.
 */
export class UpstreamFailure extends Error {
  override readonly name = "UpstreamFailure";
  readonly error: UpstreamErrorObject | undefined;
  readonly bodyText: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
  readonly isBusy: boolean;

  constructor(readonly code: number, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.error = details.error;
    this.bodyText = details.bodyText;
    this.headers = details.headers ?? {};
    this.retryAfterMs = details.retryAfterMs;
    this.isBusy = details.isBusy ?? false;
  }

  /** Whether another provider might do better: this one, not the request, is at fault. */
  get mayWorkElsewhere(): boolean {
    return this.code >= 500 || [401, 402, 403, 408, 429].includes(this.code);
  }
}
