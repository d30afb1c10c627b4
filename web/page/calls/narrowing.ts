/** What a call's own values can narrow the list to, as the page's address has it. */

export const narrowings = ["model", "key", "node", "status", "endpoint"] as const;
export type Narrowing = typeof narrowings[number];
