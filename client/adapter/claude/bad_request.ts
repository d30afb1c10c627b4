/** A request that cannot be told in Claude's words: the caller's to mend, known before anyone is asked. */

import { UpstreamFailure } from "../adapter.ts";

/** A 400 that names the field. `code` is what programs compare with. */
export function badRequest(
  param: string,
  message: string,
  code = "invalid_value",
): UpstreamFailure {
  const error = { message, type: "invalid_request_error", param, code };
  return new UpstreamFailure(400, message, { error });
}

/** A 400 for what OpenAI knows and Claude does not. */
export function unsupported(param: string, message: string): UpstreamFailure {
  return badRequest(param, message, "unsupported_value");
}
