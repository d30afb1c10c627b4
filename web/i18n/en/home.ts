/** The first page, in English. */

import { count, number } from "./words.ts";

export const home = {
  title: "Home",
  headline: "Many people’s models, one address.",
  lead:
    "Machines with models on them dial out to this gateway. Your programs call all of them through one OpenAI-compatible API.",
  seeNodes: "See nodes",
  nobodyOnline: "Nobody is online right now",
  cutOff: "This gateway cannot reach all others: what it shows of them may be old",
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
  welcome: "Welcome",
  checklistTitle: "First steps",
  dismiss: "Not now",
  load: (running: number, waiting: number) =>
    waiting === 0
      ? `${count(running, "call runs", "calls run")}`
      : `${count(running, "call runs", "calls run")}, ${number.format(waiting)} waiting`,
  doors: {
    talk: { title: "Talk to a model", text: "One, or two side by side" },
    look: { title: "See what is used", text: "Calls, tokens, errors, speed" },
    key: { title: "Create a key", text: "For a program of yours" },
    share: { title: "Share a machine", text: "One paste into its terminal" },
  },
  done: "done",
  toDo: "to do",
  checks: {
    online: {
      title: "A model is online",
      open: "No node is connected yet. Add one, or wait for somebody else’s.",
      action: "Add a node",
    },
    called: {
      title: "Make your first call",
      open: "The playground makes it for you, and shows the code.",
      action: "Open the playground",
    },
    provided: {
      title: "Share a machine",
      open: "Connect one node and serve a first call with it.",
      action: "Add a node",
    },
    secure: {
      title: "Turn on TLS",
      open:
        "Without it, anybody on the way can read tokens, prompts and answers. See docs/deployment.md.",
      action: "",
    },
  },
} as const;
