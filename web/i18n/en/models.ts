/** The models page, in English. */

import { count, number } from "./words.ts";

export const models = {
  title: "Models",
  lead: "What you can call now, and who serves it.",
  search: "Model or node",
  count: (n: number) => count(n, "model", "models"),
  noneShown: "No matching models.",
  states: { ready: "Ready", busy: "Busy", unavailable: "Unavailable" },
  load: (active: number, slots: number) => `${number.format(active)} / ${number.format(slots)}`,
  waiting: (n: number) => `${count(n, "call waits", "calls wait")}`,
  abilities: "What it can do",
  anyAbility: "All",
  can: {
    chat: "Chat",
    embeddings: "Embeddings",
    tools: "Tools",
    vision: "Vision",
    thinking: "Thinking",
  },
  first: (time: string) => `first token ${time}`,
  lastDay: "Median and average of the last 24 hours",
  context: (tokens: string) => `${tokens} context`,
  tools: "tools",
  vision: "vision",
  thinking: "thinking",
  loaded: "in memory",
  notLoaded: "not in memory",
  /** By path. */
  endpoints: {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count tokens",
    "/v1/rerank": "reranking",
    "/v1/moderations": "moderations",
  },
  servers: "Nodes that serve it",
  try: "Try",
  snippet: "Snippet",
  call: (model: string) => `Call ${model}`,
  callText: "The copied text contains your real key.",
  emptyTitle: "No model is online",
  emptyText: "Models appear here as soon as a node connects.",
} as const;
