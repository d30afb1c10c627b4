/** A page's data that did not come: said once, and not where the banner already says it. */

import type { ApiError } from "../api.ts";
import { ErrorNotice } from "./Notice.tsx";

export function Failure({ error }: { error: ApiError | null }) {
  return error && error.code !== "unreachable" ? <ErrorNotice error={error} /> : null;
}
