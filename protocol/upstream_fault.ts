/**
 * Whose fault an upstream's error is, read from its status and its error object. Gateways blame nodes
 * by it; nodes tell by it which errors answer the request, and which another provider may not have.
 */

export type UpstreamFault =
  /** The request itself is wrong: the error is its answer. */
  | "request"
  /** The upstream does not have the model, or not the endpoint. */
  | "offer"
  /** The upstream refuses the node's own key or account. */
  | "key"
  /** The upstream limits the node's calls. */
  | "limit"
  /** The upstream gave up waiting. */
  | "timeout"
  /** The upstream has too much to do. */
  | "overload"
  /** The request or the upstream may have caused it. */
  | "open";

/** The members of an error object that tell its kind. Upstreams put anything there. */
export interface ErrorWords {
  message?: unknown;
  type?: unknown;
  param?: unknown;
  code?: unknown;
  status?: unknown;
}

/** Other statuses from 400 to 498 are the request's. */
const byStatus: Readonly<Record<number, UpstreamFault>> = {
  400: "request",
  401: "key",
  402: "key",
  403: "key",
  404: "offer",
  405: "offer",
  408: "timeout",
  413: "request",
  422: "request",
  429: "limit",
  501: "request",
  503: "overload",
  504: "timeout",
  529: "overload",
};

/** By `code`, `type` or `status` in lower case, letters only: compatible servers spell them in many ways. */
const byName: ReadonlyMap<string, UpstreamFault> = new Map([
  ...named("request", [
    ...["invalidrequest", "invalidrequesterror", "invalidargument", "invalidparameter"],
    ...["invalidparametererror", "invalidprompt", "invalidtype", "invalidvalue"],
    ...["badrequest", "badrequesterror", "validationerror", "unprocessableentityerror"],
    ...["unsupportedvalue", "unsupportedparameter", "unsupportedmediatype", "unknownparameter"],
    ...["missingrequiredparameter", "notsupportederror", "notimplementederror"],
    ...["contextlengthexceeded", "contextwindowexceeded", "exceedcontextsizeerror"],
    ...["stringabovemaxlength", "arrayabovemaxlength", "requesttoolarge", "requesttoolargeerror"],
    ...["contentfilter", "contentpolicyviolation", "previousresponsenotfound"],
    ...["invalidimage", "invalidimageformat", "invalidimageurl", "invalidimagemode"],
    ...["invalidbase64image", "imagetoolarge", "imagetoosmall", "imageparseerror"],
    ...["imagecontentpolicyviolation", "imagefiletoolarge", "imagefilenotfound"],
    ...["unsupportedimagemediatype", "emptyimagefile", "failedtodownloadimage"],
  ]),
  ...named("offer", ["modelnotfound", "invalidmodel"]),
  ...named("key", [
    ...["authenticationerror", "permissionerror", "permissiondenied", "unauthenticated"],
    ...["invalidapikey", "invalidauthentication", "billingerror"],
  ]),
  ...named("limit", [
    ...["ratelimiterror", "ratelimitexceeded", "insufficientquota", "resourceexhausted"],
  ]),
  ...named("overload", ["overloaded", "overloadederror", "unavailable"]),
]);

/** A limit that no wait gets the request past. */
const TOO_LARGE = /too (large|long)|maximum context|must be reduced|reduce the length/i;

/** `status`: the HTTP status; a success for an error inside an answer that had begun. */
export function upstreamFault(status: number, error: ErrorWords | null): UpstreamFault {
  const { message, type, param, code } = error ?? {};
  // A server's status says less than the words beside it: many answer 500 to what they cannot do.
  const fault = faultNamed(code) ?? (status < 500 || status === 501 ? faultOf(status) : null) ??
    faultNamed(type) ?? faultNamed(error?.status) ?? faultOf(statusIn(error)) ?? faultOf(status) ??
    "open";
  if (fault === "limit" && TOO_LARGE.test(String(message))) return "request";
  // What is missing is something that the request names: a stored response, a file, a tool's model.
  const namesOther = typeof param === "string" && param !== "" && param !== "model";
  return fault === "offer" && namesOther ? "request" : fault;
}

/**
 * The error that stands in place of an answer or of a chunk: nested under `error`, as an object or as
 * text, or flat. Null: it is none.
 */
export function errorIn(answer: unknown): ErrorWords | null {
  if (typeof answer !== "object" || answer === null) return null;
  const { error, type, object } = answer as Record<string, unknown>;
  if (typeof error === "object" && error !== null) return error;
  if (typeof error === "string" && error !== "") return { message: error };
  return type === "error" || object === "error" ? answer : null;
}

/** The HTTP status that an error object names, as a number or as text. */
export function statusIn(error: ErrorWords | null): number | undefined {
  return [error?.code, error?.status].map(Number).find((one) =>
    Number.isInteger(one) && one >= 400 && one < 600
  );
}

/** The HTTP status that describes an error which came with a success. */
export function errorStatus(error: ErrorWords): number {
  return statusIn(error) ?? (upstreamFault(200, error) === "request" ? 400 : 502);
}

function faultNamed(name: unknown): UpstreamFault | null {
  if (typeof name !== "string" || name.length > 64) return null;
  return byName.get(name.toLowerCase().replace(/[^a-z0-9]/g, "")) ?? null;
}

/** 499 is not the request's: with it a node confirms that it has stopped. */
function faultOf(status: number | undefined): UpstreamFault | null {
  if (status === undefined) return null;
  return byStatus[status] ?? (status >= 400 && status < 499 ? "request" : null);
}

function named(
  fault: UpstreamFault,
  names: readonly string[],
): (readonly [string, UpstreamFault])[] {
  return names.map((name) => [name, fault] as const);
}
