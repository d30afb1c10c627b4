/** The contract between a node and the adapters that speak upstreams' dialects. Imports no adapter and no wire. */

import {
  DEFAULT_ENDPOINTS,
  type Endpoint,
  type FailureKind,
  type ModelCapabilities,
} from "../../protocol/mod.ts";

/** One call to one upstream. */
export interface AdapterCall {
  /** The gateway's id of this attempt, for logs; never sent upstream. */
  id: string;
  /** The endpoint that the caller requested; one that the adapter serves. */
  endpoint: Endpoint;
  /** The caller's headers that matter upstream, by lower-case name. */
  headers: Readonly<Record<string, string>>;
  /** The model's name at the provider. */
  model: string;
  /** The name under which the caller requested the model; the answer carries it too. */
  askedModel: string;
  /** The caller's body in the endpoint's dialect: JSON text, unchanged. */
  bodyText: string;
  /** Whether the caller requested a stream. */
  stream: boolean;
  /** Whether the gateway requested usage that the caller did not: it is counted and hidden. */
  hidesUsage: boolean;
  /** Aborts when the caller is gone. The adapter then cancels its upstream request at once. */
  signal: AbortSignal;
  /** Called once the upstream has accepted, with the headers that callers may see, by lower-case name. */
  onHead?: (headers: Record<string, string>) => void;
}

/**
 * A part of an answer, in the endpoint's dialect. A string is one JSON text:
 *
 * - of a stream, the `data:` of one event. Where a dialect names its events (responses, messages),
 *   the name is the text's `type`. `[DONE]` is left out. Usage may be included even if the call `hidesUsage`.
 * - otherwise the whole answer, exactly one.
 */
export type Piece = string | PlainBytes;

/**
 * Bytes that need no further processing. Of a stream: whole events as the caller receives them, each
 * framed as `data: JSON` and an empty line, with an `event:` line before it where the dialect has
 * one. They hold no usage, no finish reason and nothing that the caller must not see. Otherwise: a part
 * of a whole answer that is too large for one piece, of an endpoint whose answers never stream.
 */
export interface PlainBytes {
  bytes: Uint8Array;
  /** JSON that reports the usage which the part of a whole answer holds. */
  report?: string;
  /** How many of the events carry text, reasoning or tool arguments: about one token each. */
  tokenEvents: number;
}

/**
 * Speaks one upstream's dialect. `answer` yields an answer's pieces in order; the end of the
 * iteration means that the answer is complete. Every other outcome (an upstream that cannot be
 * reached, rejects, disconnects, or ends without a finish reason) throws an UpstreamFailure; after an
 * abort the iteration ends with any error, once the upstream request is cancelled. The consumer sets
 * the pace: reading ahead is bounded.
 */
export interface Adapter {
  /** The endpoints that the adapter can serve. Absent: chat completions only. */
  readonly endpoints?: readonly Endpoint[];
  /** The endpoints of a model whose own are unknown. Absent: all that the adapter can serve. */
  readonly usualEndpoints?: readonly Endpoint[];
  answer(call: AdapterCall): AsyncIterable<Piece>;
  /** Lists the upstream's models; absent: the upstream has no list. Throws an UpstreamFailure. */
  models?(signal: AbortSignal): Promise<ListedModel[]>;
}

/** A model in an upstream's list. */
export interface ListedModel {
  /** The model's name at the upstream. */
  id: string;
  /** Capabilities as listed; `endpoints` only where the list names them. */
  capabilities: ModelCapabilities;
}

/** Whether a provider's list has the model that a configuration names; Ollama lists `name` as `name:latest`. */
export function isListed(ids: Pick<ReadonlySet<string>, "has">, name: string): boolean {
  return ids.has(name) || ids.has(`${name}:latest`);
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
  /** The upstream's own error object, if it sent one that callers may see. */
  error?: UpstreamErrorObject;
  /** The error body for the caller, in the endpoint's dialect; absent: built from `error`. */
  bodyText?: string;
  /** The upstream's headers that callers may see, by lower-case name. */
  headers?: Record<string, string>;
  /** When to retry, in milliseconds, if the upstream gave a time. */
  retryAfterMs?: number;
  /** The node itself cannot go on: another node may take the call, without a penalty. */
  isBusy?: boolean;
  /** `unreachable` is set where the provider is asked; the others by the runner alone. */
  kind?: FailureKind;
  cause?: unknown;
}

/**
 * A request that the upstream failed or rejected. `code` is its HTTP status, or the closest one
 * (502: unreachable or disconnected). Callers see the message and the error object, so neither holds
 * a key or an address.
 */
export class UpstreamFailure extends Error {
  override readonly name = "UpstreamFailure";
  readonly error: UpstreamErrorObject | undefined;
  readonly bodyText: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
  readonly isBusy: boolean;
  readonly kind: FailureKind | undefined;

  constructor(
    readonly code: number,
    message: string,
    private readonly details: FailureDetails = {},
  ) {
    super(message, { cause: details.cause });
    this.error = details.error;
    this.bodyText = details.bodyText;
    this.headers = details.headers ?? {};
    this.retryAfterMs = details.retryAfterMs;
    this.isBusy = details.isBusy ?? false;
    this.kind = details.kind;
  }

  /** The same failure with its kind. */
  withKind(kind: FailureKind): UpstreamFailure {
    return new UpstreamFailure(this.code, this.message, { ...this.details, kind });
  }

  /** Whether another provider may succeed: the provider, not the request, is at fault. */
  get mayWorkElsewhere(): boolean {
    return this.kind === "offer_withdrawn" || this.kind === "internal" || this.code >= 500 ||
      [401, 402, 403, 408, 429].includes(this.code);
  }
}
