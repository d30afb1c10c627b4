/** A page's data that did not come: said once, and not where the banner already says it. */

import type { ApiError } from "../api.ts";
import { ErrorNotice } from "./Notice.tsx";

interface Props {
  error: ApiError | null;
  /** For what is not asked again by itself. */
  retry?: () => void;
}

export function Failure({ error, retry }: Props) {
  return error && error.code !== "unreachable" ? <ErrorNotice error={error} retry={retry} /> : null;
}
