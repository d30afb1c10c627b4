/** What a request gets that no route matches: the method that its path takes, or the path that was probably meant. */

import { isEndpoint } from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";
import { endpoints } from "./endpoints.ts";
import type { AppContext } from "./env.ts";
import { answerHeaders } from "./headers.ts";

const API = "/v1";
const MODELS = `${API}/models`;

/** What SDKs append to their base URL, the longest first: `/chat/completions` ends in `/completions`, too. */
const endings = [...endpoints.map(({ path }) => path), MODELS]
  .map((path) => path.slice(API.length))
  .toSorted((a, b) => b.length - a.length);

/** Parts of both APIs that SDKs have methods for, and that no node serves. */
const NOT_OFFERED =
  /^(\/v1)+\/(agents|assistants|audio|batches|complete|conversations|containers|environments|evals|files|fine_tuning|images|messages\/batches|organizations|realtime|responses\/(compact|input_tokens)|sessions|skills|threads|uploads|vector_stores|videos)(\/|$)/;

/** The error for such a request: `method_not_supported`, with the header `allow`, or `not_found`. */
export function unmatched(c: AppContext): ColinkError {
  const { method, path } = c.req;
  const allowed = methodOf(path.startsWith(`${API}${API}/`) ? path.slice(API.length) : path);
  if (allowed !== null) {
    answerHeaders(c).allow = allowed;
    return new ColinkError("method_not_supported", `Cannot ${method} ${path}: use ${allowed}`);
  }
  const why = NOT_OFFERED.test(path)
    ? "Co-Link does not offer this part of the API; /docs/api lists what there is"
    : `no such path${nearPathHint(path)}`;
  return new ColinkError("not_found", `Cannot ${method} ${path}: ${why}`);
}

/** The only method that a path of the inference API takes; null: there is no such path. */
function methodOf(path: string): "GET" | "POST" | null {
  if (isEndpoint(path)) return "POST";
  return path === MODELS || path.startsWith(`${MODELS}/`) ? "GET" : null;
}

/** The end of a message that says which path was probably meant; empty where none is near. */
export function nearPathHint(path: string): string {
  const near = nearPath(path);
  if (near === null) return "";
  const remedy = near === API + path ? `add ${API} to the base URL` : "correct the base URL";
  return `; did you mean ${near}? Then ${remedy}`;
}

/**
 * Finds the path that was meant where an SDK's base URL is a piece too short or too long: the path
 * of `/v1` that ends as `asked` does, or that `asked` continues. Null: there is none.
 */
export function nearPath(asked: string): string | null {
  const path = asked.replace(/\/+$/, "");
  const ending = endings.find((ending) => path.endsWith(ending));
  if (ending !== undefined) return API + ending;
  return endings.some((ending) => path.startsWith(`${ending}/`)) ? API + path : null;
}
