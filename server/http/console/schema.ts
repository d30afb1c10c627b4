/** Parts of the routes' descriptions, and what is wrong with a form. */

import { z } from "@hono/zod-openapi";
import { ErrorView, type FieldFault, type FieldProblem } from "../../../api/mod.ts";

const json = <T extends z.ZodType>(schema: T) => ({
  content: { "application/json": { schema } },
});

export const answers = <T extends z.ZodType>(schema: T) => ({
  200: { description: "Done", ...json(schema) },
  default: { description: "An error, in the shape of all errors", ...json(ErrorView) },
});

export const body = <T extends z.ZodType>(schema: T) => ({
  body: { ...json(schema), required: true },
});

/** A route that needs a session. */
export const session = [{ session: [] }];

/** An id in a path. */
export const idParam = { params: z.object({ id: z.string().min(1).max(200) }) };

/** What is wrong with a form, field by field, by the codes that the console has texts for. */
export function problemsOf(error: z.core.$ZodError): FieldProblem[] {
  return error.issues.flatMap((issue): FieldProblem[] => {
    const param = issue.path.join(".");
    const { message } = issue;
    switch (issue.code) {
      case "too_small":
      case "too_big": {
        const limit = Number(issue.code === "too_small" ? issue.minimum : issue.maximum);
        return [{ param, code: sizeFault(issue.code, issue.origin), message, limit }];
      }
      case "unrecognized_keys":
        return issue.keys.map((key) => ({
          param: [...issue.path, key].join("."),
          code: "unknown_field",
          message,
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
