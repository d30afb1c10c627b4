/** Members that several bodies and queries have in common, with the limits that requests must keep. */

import { z } from "@hono/zod-openapi";

/** UTC milliseconds, in a body. */
export const time = z.int().min(0).max(8_640_000_000_000_000);

/** As `time`, in a query. */
export const timeText = z.coerce.number<number | string>().pipe(time);

/** Free text to filter by, in a query. */
export const filterText = z.string().max(300).optional();

/** How many entries a page takes, in a query. */
export const limitText = (max: number, fallback: number) =>
  z.coerce.number<number | string>().int().min(1).max(max).default(fallback);

// The characters that protocol/visible_name.ts refuses, too; a test compares them.
const visible = z.string().trim().regex(
  /^[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]*$/u,
  { error: "control characters or other invisible characters in it" },
);

/** Text that people write. Invisible characters are refused: terminals and databases may act on them, and readers be misled. */
export const note = (maxChars: number) => visible.max(maxChars);

/** A name that people give. */
export const label = (maxChars: number) => note(maxChars).min(1);

/** Names of models. */
export const modelList = z.array(z.string().min(1).max(256)).min(1).max(1000);

/** The part of an account or a group in what is scarce; 1 for most. */
export const weight = z.number().min(0.01).max(1000);

/** Calls per minute. */
export const rpm = z.int().min(0).max(1_000_000);

/** A member that is null where there is nothing: unlike `nullable()`, refers to a named shape in OpenAPI. */
export const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);

/** Describes a member whose shape has a name in OpenAPI; with `describe()` alone the shape would be repeated there. */
export const described = <T extends z.ZodType>(schema: T, text: string) =>
  z.union([schema]).describe(text);

/** Of a page: how long the list is beyond it. */
export const following = orNull(
  z.object({
    count: z.number(),
    exact: z.boolean().describe("False: there are more than `count`."),
  }),
).describe("How many entries come after this page; null: not counted, where that would take long.");
export type Following = z.infer<typeof following>;
