/** Budgets: what is used, what is left, in English. */

export const budgets = {
  title: "Budgets",
  lead:
    "What you have used, what is left, and when it opens again. Calls on your own nodes cost nothing.",
  noneTitle: "No budget limits you",
  noneText:
    "Give a key a budget on the keys page; administrators give them to accounts and groups.",
  budget: "Budget",
  ofAccount: "Your account",
  ofGroup: (name: string) => `Group ${name}, all members together`,
  ofKey: (name: string) => `Key ${name}`,
  names: {
    requests_per_minute: "Calls per minute",
    tokens_per_minute: "Tokens per minute",
    tokens_per_day: "Tokens per day",
    tokens_per_month: "Tokens per month",
    calls_at_once: "Concurrent calls",
    max_tokens: "Largest max_tokens of a call",
  },
  models: "Models",
  usedOf: (used: string, limit: string) => `${used} of ${limit}`,
  left: (left: string) => `${left} left.`,
  opens: (moment: string) => `Opens again ${moment}.`,
  near: "Over 80 %",
  full: "Used up",
  nearly: (name: string, whose: string, percent: number) =>
    `${whose}: ${percent} % of “${name}” is used.`,
  usedUp: (name: string, whose: string) => `${whose}: “${name}” is used up.`,
  keyHint: "For this key, within the account’s. Empty: no limit. Days and months begin by UTC.",
  userHint: "For all keys together. Empty: no limit. Days and months begin by UTC.",
  groupHint: "For all members together. Empty: no limit. Days and months begin by UTC.",
} as const;
