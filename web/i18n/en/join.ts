/** The page on which a machine’s request to join is approved, in English. */

export const join = {
  title: "Let a machine join",
  lead: "A machine’s terminal shows a code; approve it here to make the machine a node of yours.",
  code: "Code",
  codeHint: "As the terminal shows it, such as 7KQ4-M2XP.",
  next: "Continue",
  machine: "Machine",
  address: "Its network address",
  asked: "Asked",
  account: "Joins the account",
  warning:
    "Approve only if this code is on a terminal in front of you: the machine can then connect nodes in your name, until you revoke its key.",
  approve: "Approve",
  deny: "Deny",
  approved: (machine: string) =>
    `${machine} has been approved. It continues by itself within seconds.`,
  denied: (machine: string) => `${machine} was denied, and gets no token.`,
} as const;
