/** What was probably asked for where the base URL of an SDK is a piece too short or too long. */

import { endpoints } from "./endpoints.ts";

const API = "/v1";

/** What SDKs append to their base URL, the longest first: `/chat/completions` ends in `/completions`, too. */
const endings = [...endpoints.map(({ path }) => path.slice(API.length)), "/models"]
  .toSorted((a, b) => b.length - a.length);

/** The path of `/v1` that ends as this one does, or that goes on as this one; null: there is none. */
export function nearPath(asked: string): string | null {
  const path = asked.replace(/\/+$/, "");
  const ending = endings.find((ending) => path.endsWith(ending));
  if (ending !== undefined) return API + ending;
  return endings.some((ending) => path.startsWith(`${ending}/`)) ? API + path : null;
}

/** What whoever asked for the path should do, as the end of a message; empty where nobody knows. */
export function nearPathHint(path: string): string {
  const near = nearPath(path);
  if (near === null) return "";
  const remedy = near === API + path ? `add ${API} to the base URL` : "mend the base URL";
  return `; did you mean ${near}? Then ${remedy}`;
}
