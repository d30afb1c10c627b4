/** The dashboard, in English. */

import { counted, number } from "./words.ts";

export const dashboard = {
  title: "Dashboard",
  memberSince: (day: string) => `Member since ${day}`,
  totals: "Totals",
  callsMade: "Calls made",
  callsMadeHint: "with your API keys, since the start",
  callsProvided: "Calls served",
  callsProvidedHint: "by your nodes, since the start",
  side: "View",
  sides: { made: "My calls", provided: "Served by my nodes" },
  range: "Range",
  ranges: {
    "15m": "15 min",
    "1h": "1 h",
    "24h": "24 h",
    "7d": "7 d",
    "30d": "30 d",
    "90d": "90 d",
  },
  trend: "Over time",
  shown: "What the chart shows",
  figures: {
    calls: "Calls",
    tokens: "Tokens",
    speed: "Speed",
    errors: "Errors",
    firstToken: "Time to first token",
  },
  lines: {
    all: "all",
    others: "others",
    prompt: "prompt",
    completion: "completion",
    errors: "errors",
    p50: "p50",
    p95: "p95",
  },
  against: "vs. previous period",
  asides: {
    speed: (perSecond: number) => `${number.format(perSecond)} tokens/s`,
    tokens: (prompt: number, completion: number) =>
      `${number.format(prompt)} in, ${number.format(completion)} out`,
    tokensShort: (tokens: string) => counted(tokens, "token", "tokens"),
    share: (share: string) => `${share} of calls`,
    failed: (share: string) => `${share} failed`,
    p50: (time: string) => `p50 ${time}`,
    p95: (time: string) => `p95 ${time}`,
  },
  asTable: "Table",
  export: "Export",
  exportText: {
    own: "Every day’s calls and tokens by key and model, as CSV",
    all: "Every day’s calls and tokens by account, group and model, as CSV",
  },
  time: "Time",
  by: {
    model: "By model",
    key: "By key",
    node: "By node",
    account: "By account",
    group: "By group",
  },
  gone: "(deleted)",
  goneAccount: "deleted account",
  narrowed: "Filtered by",
  widen: (name: string) => `Remove filter: ${name}`,
  nothing: {
    made: {
      title: "No calls yet",
      text: "Your calls appear here within a second. Make your first one in the playground.",
      action: "Open the playground",
    },
    provided: {
      title: "Your machines have served no calls yet",
      text: "Connect a machine; the calls it serves appear here.",
      action: "Add a node",
    },
  },
} as const;
