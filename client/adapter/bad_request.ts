/** Requests that cannot be sent upstream: the failures that tell callers which field to correct. */

import type { z } from "zod";
import { UpstreamFailure } from "./adapter.ts";

/** A 400 that names the field. `code` is the machine-readable error code. */
export function badRequest(
  param: string,
  message: string,
  code = "invalid_value",
): UpstreamFailure {
  const error = { message, type: "invalid_request_error", param, code };
  return new UpstreamFailure(400, message, { error });
}

/** A 400 for a field that the provider's dialect cannot express. */
export function unsupported(param: string, message: string): UpstreamFailure {
  return badRequest(param, message, "unsupported_value");
}

/** A 400 for a body of the wrong shape; names its first invalid field. */
export function invalidShape({ issues }: z.ZodError): UpstreamFailure {
  const { path, message } = issues[0]!;
  const param = path.map((step, i) =>
    typeof step === "number" ? `[${step}]` : i === 0 ? String(step) : `.${String(step)}`
  ).join("");
  return badRequest(param, `Cannot read ${param || "the request"}: ${message}`);
}
