/** The first page, in English. */

import { count } from "./words.ts";

export const home = {
  title: "Home",
  headline: "Many people’s models, one address.",
  lead:
    "Machines with models on them dial out to this gateway. Your programs call all of them through one OpenAI-compatible API.",
  nobodyOnline: "Nobody is online right now",
  joinTitle: "How to join",
  steps: [
    {
      title: "Make an account",
      text: "You get two tokens: one that calls models, one that connects machines.",
    },
    {
      title: "Call a model",
      text: "Give any OpenAI SDK this address and your key. Nothing else in your program changes.",
    },
    {
      title: "Share a machine",
      text:
        "Run the client beside Ollama, vLLM or an API key. It dials out, so it needs no open port, and provider keys never leave it.",
    },
  ],
  picture: (nodes: number) =>
    `Your program calls the gateway, and the gateway calls ${count(nodes, "node", "nodes")}`,
  pictureYou: "your program",
  pictureGateway: "Co-Link",
  welcome: "Welcome back",
  checklistTitle: "First steps",
  checklistDone: "All done. The network is yours to use.",
  done: "done",
  toDo: "to do",
  checks: {
    online: {
      title: "A model is online",
      open: "No node is connected yet. Share a machine, or wait for somebody else’s.",
      action: "See nodes",
    },
    called: {
      title: "Make your first call",
      open: "Copy a ready line from the dashboard and run it.",
      action: "Get the line",
    },
    provided: {
      title: "Share a machine",
      open: "Connect one node and serve a first call with it.",
      action: "Get the config",
    },
  },
} as const;
