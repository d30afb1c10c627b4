/**
 * The contract of the console's API: zod schemas and the types inferred from them. The console imports
 * types only. Times are UTC milliseconds.
 */

export * from "./account.ts";
export * from "./admin.ts";
export * from "./budget.ts";
export * from "./calls.ts";
export * from "./error.ts";
export type { Following } from "./fields.ts";
export * from "./groups.ts";
export * from "./joins.ts";
export * from "./keys.ts";
export * from "./live.ts";
export * from "./models.ts";
export * from "./names.ts";
export * from "./nodes.ts";
export * from "./overview.ts";
export * from "./usage.ts";
