/** The shapes that the console's API answers with. The console imports these types and nothing else of ours. */

export type * from "./api/account.ts";
export type * from "./api/admin.ts";
export type * from "./api/calls.ts";
export type * from "./api/error.ts";
export type * from "./api/keys.ts";
export type * from "./api/live.ts";
export type * from "./api/models.ts";
export type * from "./api/nodes.ts";
export type * from "./api/usage.ts";
