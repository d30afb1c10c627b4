/** The kinds of attack, as they are chosen on the command line, and what each does. */

export const KINDS = {
  "big-bodies": "bodies that unpack to 10 MiB, for a node that never answers",
  members: "bodies of a million members",
  poison: "prompts that a provider takes for its own failure",
  "failing-node": "a node that fails every call of others' model",
  packs: "packs of changes and of unknown frames",
  twins: "links that claim to be one node",
  pinning: "pieces of answers in messages of a megabyte",
  "list-readers": "readers of the list of nodes who never read",
  "absurd-counts": "a node that reports absurd counts",
  "sign-ins": "sign-ins with made-up addresses and with somebody else's",
  accounts: "new accounts",
  guesses: "guesses of keys, models and paths",
  malformed: "good and malformed frames in turns",
  dials: "dials under ever new identities",
  "forged-redis": "forged writes to Redis: addresses, penalties, old messages and garbage",
  "new-models": "a thousand model names that no node has",
  "list-pages": "pages of the list of nodes after ever new places",
  "stalled-streams": "callers who stop reading long streams",
} as const;

export type Kind = keyof typeof KINDS;
