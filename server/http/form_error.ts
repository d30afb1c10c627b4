/** A form with wrong values; the console shows each problem beside its field. */

import type { z } from "zod";
import type { FieldFault, FieldProblem } from "../../api/mod.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";

/** Of one form. A body has room for thousands of unknown members, and each would be named. */
const MAX_PROBLEMS = 20;
/** Of a name that the sender has made up. */
const MAX_NAME_CHARS = 100;

export class FormError extends ColinkError {
  /** `what`: the part of the request that the fields are in. */
  constructor(what: string, cause: z.core.$ZodError) {
    const fields = problemsOf(cause).slice(0, MAX_PROBLEMS);
    const texts = fields.map(({ param, message }) => `${param || what}: ${message}`);
    super("invalid_request", `Cannot read the ${what}: ${texts.join("; ")}`, {
      ...defined({ param: fields[0]?.param || undefined }),
      fields,
    });
  }
}

/** What is wrong with a form, field by field, by the codes that the console has texts for. */
function problemsOf(error: z.core.$ZodError): FieldProblem[] {
  return error.issues.flatMap((issue): FieldProblem[] => {
    const param = issue.path.join(".").slice(0, MAX_NAME_CHARS);
    const { message } = issue;
    switch (issue.code) {
      case "too_small":
      case "too_big": {
        const limit = Number(issue.code === "too_small" ? issue.minimum : issue.maximum);
        return [{ param, code: sizeFault(issue.code, issue.origin), message, limit }];
      }
      case "unrecognized_keys":
        // zod's own message names all of them, in each problem again.
        return issue.keys.slice(0, MAX_PROBLEMS).map((key) => ({
          param: [...issue.path, key].join(".").slice(0, MAX_NAME_CHARS),
          code: "unknown_field",
          message: `Unrecognized key: ${JSON.stringify(key.slice(0, MAX_NAME_CHARS))}`,
        }));
      case "invalid_type":
        return isMissing(issue)
          ? [{ param, code: "required", message: "is missing" }]
          : [{ param, code: "wrong_type", message }];
      case "invalid_value":
        return [{ param, code: "not_allowed", message }];
      default:
        return [{ param, code: "wrong_format", message }];
    }
  });
}

function sizeFault(code: "too_small" | "too_big", origin: string): FieldFault {
  const isLength = origin === "string" || origin === "array";
  if (code === "too_small") return isLength ? "too_short" : "too_small";
  return isLength ? "too_long" : "too_big";
}

/** zod reports a missing member only in its message. */
function isMissing({ message }: { message: string }): boolean {
  return /received undefined/.test(message);
}
