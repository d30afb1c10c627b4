/** The keys page, in English. */

import { counted } from "./words.ts";

export const keys = {
  title: "Keys",
  lead: "One for each program, so that each can be limited and replaced separately.",
  create: "Create a key",
  columns: {
    name: "Name",
    mayUse: "May use",
    lastUsed: "Last used",
    expires: "Expires",
  },
  nodeToken: "Node token",
  kinds: { api: "Calls models", client: "Connects nodes" },
  replaced: "replaced, works until it expires",
  never: "never",
  models: "Models",
  allModels: "All models",
  someModels: "Only these",
  notOffered: "not offered now",
  otherModels: "Other names, such as aliases",
  addModels: "Add",
  ownKey: "the account’s own key",
  /** Of tokens without a name, as headings of their rows. */
  own: { api: "Account’s own API key", client: "Account’s own node token" },
  unreadable:
    "The gateway’s signing secret (JWT_SECRET) has changed, so the account’s own tokens no longer work. Rotate them to get new ones.",
  use: (name: string) => `Use ${name}`,
  useText: {
    api: "Set these in the program that is to call models.",
    client:
      "Put it into the node’s config.yaml as client_token. Add node on the Nodes page does it for you.",
  },
  noLimit: "no limit",
  perMinute: (calls: string) => `${counted(calls, "call", "calls")} per minute`,
  noEnd: "never expires",
  nameHint: "What uses it: laptop, CI, notebook.",
  rpm: "Calls per minute",
  rpmHint: "For this key only. Leave empty to use the account’s limit.",
  route: "Nodes that it may use",
  routes: {
    any: "All that you may use",
    group: "Yours, and those shared with you by name",
    own: "Only your own",
  },
  lifetime: "Expires",
  lifetimes: {
    never: "Never",
    "30": "After 30 days",
    "90": "After 90 days",
    "365": "After a year",
    kept: "Unchanged",
  },
  problems: {
    nameMissing: "Give it a name.",
    rpmWrong: "Enter a whole number, or leave it empty.",
    noModel: "Choose at least one model, or all.",
  },
  created: (name: string) => `${name} is ready`,
  once: "The token is shown only once. Copy it to the program that uses it.",
  saved: "I have saved it",
  waiting: "Waiting for its first call…",
  received: "First call received:",
  firstByte: (time: string) => `first token after ${time}`,
  edit: (name: string) => `Change ${name}`,
  rotate: (name: string) => `Rotate ${name}`,
  rotateText: {
    api: "You get a new token. Choose how long the old one keeps working.",
    client:
      "You get a new token. Choose how long the old one keeps working; nodes are disconnected then, unless their config.yaml has the new one.",
  },
  rotateAction: "Rotate",
  overlap: "Keep the old one working",
  overlaps: {
    "0": "Not at all",
    "3600": "For another hour",
    "86400": "For another day",
    "604800": "For another week",
  },
  revoke: (name: string) => `Revoke ${name}`,
  revokeTitle: (name: string) => `Revoke ${name}?`,
  revokeText: "Programs that use it stop working within five seconds, open streams too.",
  revokeAction: "Revoke",
  stays: "The new token is in place, and stays copyable on this page.",
} as const;
