/** A failed attempt, classified: whose fault it is, and what the caller gets if no other node answers. */

import { ColinkError, type ErrorCode } from "../base/error.ts";
import { type Blame, blame, type Evidence } from "./blame.ts";

/** An upstream's error, in OpenAI's terms. */
export interface UpstreamError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** An error of an upstream that the caller gets as the upstream sent it. */
export interface UpstreamRejection {
  status: number;
  /** The JSON that the upstream sent; an UpstreamError where it sent none. */
  body: string | UpstreamError;
  /** The upstream's headers that callers may see. */
  headers: Readonly<Record<string, string>>;
}

/** What an upstream said of a failure that may be the request's own. */
export interface ProvidersWords {
  status: number;
  message: string;
  /** Its error as it came; null: it sent no more than the message. */
  rejection: UpstreamRejection | null;
}

export interface FailureDetails {
  /** In place of what the blame says. */
  what?: string;
  retryAfterMs?: number;
  cause?: unknown;
}

export class Failure {
  readonly blame: Blame;
  readonly error: ColinkError;
  /** Null unless the failure is open: a provider's words about the node's key are not the caller's. */
  readonly words: ProvidersWords | null;
  /** For everybody who looks at a penalised node: it never holds the provider's words. */
  readonly what: string;
  /** Equal in failures that are alike: same status, same words. */
  readonly likeness: string;

  constructor(
    readonly evidence: Evidence,
    { what, ...details }: FailureDetails = {},
    words: ProvidersWords | null = null,
  ) {
    this.blame = blame[evidence];
    const { blamed, code } = this.blame;
    this.what = what ?? this.blame.what;
    const advice = advices[code] ?? "try again";
    this.error = new ColinkError(code, `Cannot answer: ${this.what}; ${advice}`, details);
    this.words = blamed === "open" || blamed === "none" ? words : null;
    this.likeness = words === null ? code : `${words.status} ${withoutNumbers(words.message)}`;
  }
}

/** What the caller can do where the same request at the same nodes fails again. */
const advices: Readonly<Partial<Record<ErrorCode, string>>> = {
  upstream_auth: "your own key is fine, the node's owner must fix this",
  offer_withdrawn: "choose another model",
  node_internal: "report it to the node's owner, or choose another model",
};

const MAX_COMPARED_CHARS = 500;

/** Ids, times and counts differ between two answers that say the same. */
function withoutNumbers(message: string): string {
  return message.slice(0, MAX_COMPARED_CHARS).replace(/[\w-]*\d[\w-]*/g, "#");
}
