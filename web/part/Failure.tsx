/** The error of a page's data; nothing while the gateway is unreachable, which the banner already says. */

import type { ApiError } from "../api.ts";
import { ErrorNotice } from "./Notice.tsx";

interface Props {
  error: ApiError | null;
  /** For data that is not polled. */
  retry?: () => void;
}

export function Failure({ error, retry }: Props) {
  return error && error.code !== "unreachable" ? <ErrorNotice error={error} retry={retry} /> : null;
}
