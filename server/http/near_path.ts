/** What was probably asked for where the base URL of an SDK is a piece too short or too long. */

import { endpoints } from "./endpoints.ts";

const API = "/v1";

/** What SDKs append to their base URL, the longest first: `/chat/completions` ends in `/completions`, too. */
const endings = [...endpoints.map(({ path }) => path.slice(API.length)), "/models"]
  .toSorted((a, b) => b.length - a.length);

/** The path of `/v1` that ends as this one does, or null. */
export function nearPath(path: string): string | null {
  const ending = endings.find((ending) => path.endsWith(ending));
  return ending === undefined ? null : API + ending;
}
