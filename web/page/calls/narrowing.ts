/** The filters that a call's own values offer, by their names in the page's address. */

export const narrowings = ["model", "key", "node", "status", "endpoint"] as const;
export type Narrowing = typeof narrowings[number];
