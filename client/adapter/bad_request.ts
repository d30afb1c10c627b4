/** A request that a dialect cannot say: the caller's to mend, known before anyone is asked. */

import type { z } from "zod";
import { UpstreamFailure } from "./adapter.ts";

/** A 400 that names the field. `code` is what programs compare with. */
export function badRequest(
  param: string,
  message: string,
  code = "invalid_value",
): UpstreamFailure {
  const error = { message, type: "invalid_request_error", param, code };
  return new UpstreamFailure(400, message, { error });
}

/** A 400 for what one dialect knows and the other does not. */
export function unsupported(param: string, message: string): UpstreamFailure {
  return badRequest(param, message, "unsupported_value");
}

/** A 400 for a body that does not fit its shape: names the first field that is wrong. */
export function misshapen({ issues }: z.ZodError): UpstreamFailure {
  const { path, message } = issues[0]!;
  const param = path.map((step, i) =>
    typeof step === "number" ? `[${step}]` : i === 0 ? String(step) : `.${String(step)}`
  ).join("");
  return badRequest(param, `Cannot read ${param || "the request"}: ${message}`);
}
