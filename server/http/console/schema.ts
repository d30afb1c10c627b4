/** How the routes of the API describe themselves: bodies, answers, and what is wrong with a form. */

import { z } from "@hono/zod-openapi";
import type { ErrorView, FieldFault, FieldProblem, MessageView } from "../../../api/mod.ts";

const Fault: z.ZodType<FieldFault> = z.enum([
  "required",
  "too_short",
  "too_long",
  "too_small",
  "too_big",
  "wrong_type",
  "wrong_format",
  "not_allowed",
  "unknown_field",
]);

const Problem: z.ZodType<FieldProblem> = z.object({
  param: z.string(),
  code: Fault,
  message: z.string(),
  limit: z.number().optional(),
}).openapi("FieldProblem");

const Failure: z.ZodType<ErrorView> = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
    fields: z.array(Problem).optional(),
  }),
}).openapi("Error");

export const Message: z.ZodType<MessageView> = z.object({ message: z.string() })
  .openapi("Message");

export const json = <T extends z.ZodType>(schema: T) => ({
  content: { "application/json": { schema } },
});

export const answers = <T extends z.ZodType>(schema: T) => ({
  200: { description: "Done", ...json(schema) },
  default: { description: "An error, in the shape of all errors", ...json(Failure) },
});

export const body = <T extends z.ZodType>(schema: T) => ({
  body: { ...json(schema), required: true },
});

/** Needs somebody who is signed in. */
export const session = [{ session: [] }];

/** UTC milliseconds. */
export const time = z.int().min(0).max(8_640_000_000_000_000);

/** As `time`, in a query. */
export const timeText = z.coerce.number().pipe(time);

/** How many entries a page takes, in a query. */
export const limitText = (most: number, fallback: number) =>
  z.coerce.number().int().min(1).max(most).default(fallback);

/** A name that people give, without what terminals and databases take for orders. */
export const label = (most: number) =>
  z.string().trim().min(1).max(most).regex(/^\P{Cc}*$/u, { error: "control characters in it" });

/** Names of models. */
export const modelList = z.array(z.string().min(1).max(256)).min(1).max(1000);

export const rpm = z.int().min(0).max(1_000_000);

/** An id in a path. */
export const idParam = { params: z.object({ id: z.string().min(1).max(200) }) };

/** What is wrong with a form, field by field, as the console has words for. */
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

/** zod says it in words only. */
function isMissing({ message }: { message: string }): boolean {
  return /received undefined/.test(message);
}
