/** The contract between a node and what speaks an upstream's dialect. Knows no adapter and no wire. */

/** One call for one upstream. */
export interface AdapterCall {
  /** The gateway's id of this attempt. For logs; upstreams are not told. */
  id: string;
  /** The model's name at the provider. */
  model: string;
  /** The caller's body: an OpenAI chat completion request, the JSON text as it came. */
  bodyText: string;
  /** Whether the caller asked for a stream. */
  stream: boolean;
  /** Aborts when the caller is gone. The adapter then stops its upstream at once. */
  signal: AbortSignal;
  /** To be told, once the upstream has accepted, its headers that callers may see, by lower-case name. */
  onHead?: (headers: Record<string, string>) => void;
}

/**
 * Speaks one upstream's dialect. `answer` yields, each as JSON text in one piece:
 *
 * - for a stream, the `data:` payloads of OpenAI's event stream in their order, without `[DONE]`;
 * - otherwise exactly one `chat.completion`.
 *
 * Ending the iteration says that the answer is complete. Whatever else happens (an upstream that
 * cannot be reached, refuses, breaks off, or ends without a finish reason) throws an
 * UpstreamFailure; after an abort the iteration ends with any error, as soon as the upstream has
 * been let go. The consumer's pace is the upstream's: nothing is read ahead without bound.
 */
export interface Adapter {
  answer(call: AdapterCall): AsyncIterable<string>;
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
  /** When trying again makes sense, in milliseconds, where the upstream said so. */
  retryAfterMs?: number;
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
  readonly retryAfterMs: number | undefined;

  constructor(readonly code: number, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.error = details.error;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** Whether another provider might do better: this one, not the request, is at fault. */
  get mayWorkElsewhere(): boolean {
    return this.code >= 500 || [401, 402, 403, 408, 429].includes(this.code);
  }
}
