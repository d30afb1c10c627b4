/** The page of one node, in English. */

import { count, number } from "./words.ts";

export const node = {
  stateTitle: "State",
  factsTitle: "Facts",
  inFlight: (active: number, max: number) =>
    `${number.format(active)} of ${count(max, "slot", "slots")} in use`,
  facts: {
    connected: "Connected",
    lastSeen: "Last seen",
    firstSeen: "First seen",
    ownName: "Reported name",
    agent: "Version",
    skew: (gateway: string) => `the gateway is ${gateway}`,
  },
  speedTitle: "Models",
  speedHint: "By calls of the last 24 hours",
  speed: {
    model: "Model",
    calls: "Calls",
    errors: "Errors",
    p50: "First token p50",
    p95: "p95",
    rate: "Speed",
    perSecond: (tokens: string) => `${tokens} tokens/s`,
  },
  timelineTitle: "Events",
  nothingHappened: "Nothing yet.",
  earlier: (n: number) => `${count(n, "earlier event", "earlier events")}`,
  events: {
    connected: "Connected",
    disconnected: "Disconnected",
    offer: "Changed what it offers",
    penalized: "Cooling down",
    recovered: "Recovered",
    paused: "Paused",
    resumed: "Resumed",
    drain: "Asked to drain",
    renamed: "Renamed",
    approved: "Approved",
    unapproved: "Approval withdrawn",
    token_rotated: "Token rotated",
    notice: "The node reports",
  },
  pause: "Pause",
  resume: "Resume",
  drain: "Drain",
  rename: "Rename",
  rotate: "Rotate token",
  drainQuestion: {
    title: "Drain this node?",
    text:
      "It finishes its running calls and takes no new ones, until the node program is started again.",
  },
  rotateQuestion: {
    title: "Rotate this node’s token?",
    text:
      "The token it connects with is replaced: nodes that use it are disconnected within five seconds, until you put the new one into their config.yaml.",
  },
  name: "Name",
  nameHint: "Leave empty to use the node’s own name.",
  newToken: "The new node token",
  newTokenText: "It is shown only once. Put it into the node’s config.yaml as client_token.",
  missingTitle: "No such node",
  missingText: "It may have been removed, or the address is mistyped.",
  missingAction: "See all nodes",
} as const;
