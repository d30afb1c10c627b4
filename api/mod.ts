/** The shapes that the console's API answers with. The console imports these types and nothing else of ours. */

export type * from "./account.ts";
export type * from "./admin.ts";
export type * from "./calls.ts";
export type * from "./error.ts";
export type * from "./keys.ts";
export type * from "./live.ts";
export type * from "./models.ts";
export type * from "./nodes.ts";
export type * from "./usage.ts";
