/** The model servers, by what they offer. */
export const serverKinds = ["chat", "responses", "claude"] as const;
export type ServerKind = typeof serverKinds[number];
