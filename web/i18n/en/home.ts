/** The first page, in English. */

import { count, number } from "./words.ts";

export const home = {
  title: "Home",
  headline: "Everyone’s models behind one API address.",
  lead:
    "Machines connect out to this gateway and share their models; your programs use all of them through one OpenAI-compatible API.",
  seeNodes: "See nodes",
  nobodyOnline: "No node is online right now",
  cutOff: "Some gateways are unreachable; node information may be outdated",
  joinTitle: "How to join",
  steps: [
    {
      title: "Create an account",
      text: "You get an API key, which calls models, and a node token, which connects machines.",
    },
    {
      title: "Call a model",
      text: "Give any OpenAI SDK this address and your key. Nothing else in your program changes.",
    },
    {
      title: "Share a machine",
      text:
        "Run the node program on a machine with Ollama, vLLM or a provider’s API key. It connects out, so no port has to be opened, and provider keys never leave the machine.",
    },
  ],
  picture: (nodes: number) =>
    `Your program calls the gateway, and the gateway calls ${count(nodes, "node", "nodes")}`,
  pictureYou: "your program",
  pictureGateway: "Co-Link",
  overview: "Overview",
  welcome: "Welcome",
  checklistTitle: "First steps",
  dismiss: "Not now",
  load: (running: number, waiting: number) =>
    waiting === 0
      ? `${count(running, "call runs", "calls run")}`
      : `${count(running, "call runs", "calls run")}, ${number.format(waiting)} waiting`,
  showChecklist: (open: number) => `Show the first steps (${count(open, "is", "are")} open)`,
  daily: {
    day: "last 24 hours",
    days: (days: number) => `last ${count(days, "day", "days")}`,
    more: "More",
    usedTitle: "Your usage",
    nothingUsed: "No calls yet.",
    tryOne: "Try one in the playground",
    errorsTitle: "Your last errors",
    noErrors: "None of your calls failed.",
    nodesTitle: "Your nodes",
    noNodes: "None of your machines is connected yet.",
    givenTitle: "What your machines gave",
    nothingGiven: "They have served no calls yet.",
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
    invited: {
      title: "Invite someone",
      open: "Hand out a link; anyone who opens it can create an account here.",
      action: "Make an invite",
    },
    secure: {
      title: "Turn on TLS",
      open: "Without TLS, anyone on the network can read keys, prompts and answers.",
      action: "See how",
    },
  },
} as const;
