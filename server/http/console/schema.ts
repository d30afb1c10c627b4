/** Parts of the routes' descriptions. */

import { z } from "@hono/zod-openapi";
import { ErrorView } from "../../../api/mod.ts";

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
