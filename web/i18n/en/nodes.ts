/** The nodes’ pages, in English. */

import type { NodeFault } from "../../../api/mod.ts";
import { count, number, wait } from "./words.ts";

export const nodes = {
  title: "Nodes",
  lead: "Machines that share their models, as they are now.",
  search: "Name or model",
  view: "Show",
  views: { all: "All", working: "Working", attention: "Attention", mine: "Yours" },
  noneShown: "No node fits. Take a word away, or show all.",
  mine: "yours",
  tryModel: (model: string) => `Try ${model} in the playground`,
  summary: (busy: number, slots: number) =>
    `${number.format(busy)} of ${count(slots, "slot", "slots")} in use`,
  slots: (active: number, max: number) => `${number.format(active)} / ${number.format(max)}`,
  slotsLabel: "Calls in flight",
  models: "Models",
  noModels: "Offers no model",
  more: (n: number) => `+${number.format(n)} more`,
  fewer: "Fewer",
  connected: (age: string) => `connected ${age}`,
  states: {
    ready: "Ready",
    busy: "Busy",
    probing: "On trial",
    penalized: "Penalised",
    draining: "Draining",
    paused: "Paused",
    unapproved: "Awaits approval",
    away: "Away",
  },
  /** Empty where what stands against the node says it all. */
  causes: {
    ready: "Takes calls.",
    busy: "Every slot is in use; new calls go to other nodes or wait.",
    probing: "",
    penalized: "",
    draining: "Finishes what runs and takes nothing new.",
    paused: "Its owner has paused it: it gets no calls until it is resumed.",
    unapproved: "It gets no calls until an administrator approves it.",
    away: "It is not connected.",
  },
  away: (why: string, seconds: number) => `${why} No calls for another ${wait(seconds)}.`,
  tried: (why: string) =>
    `${why} Its penalty is over; it gets one call at a time until one succeeds.`,
  ofModel: (model: string, text: string) => `${model}: ${text}`,
  unknownReason: "A call failed on it.",
  fullStop: ".",
  emptyTitle: "No node is connected",
  emptyText:
    "Run the client on a machine that has Ollama, vLLM, another model server or a provider’s key. It appears here within seconds.",
  emptySignedIn: "Get your config.yaml",
  emptySignedOut: "Create an account to add one",
  add: "Add a node",
  /** By the gateway’s code: what happened, and what its owner can do. */
  faults: {
    node_lost: {
      cause: "Its connection was lost in the middle of a call.",
      fix: "Look at the node’s log; a machine that sleeps loses its connection.",
    },
    node_silent: {
      cause: "It said nothing for too long.",
      fix: "See whether its model server still answers, and how long a model takes to load.",
    },
    node_protocol: {
      cause: "It spoke in a way that was not understood.",
      fix: "Update the client.",
    },
    upstream_auth: {
      cause: "The node’s provider refused the node’s own key.",
      fix: "Check api_key in its config.yaml, and the account’s credit.",
    },
    upstream_rate_limited: {
      cause: "The node’s provider limits it.",
      fix: "Lower max_parallel in its config.yaml.",
    },
    upstream_overloaded: {
      cause: "Its model server has too much to do, or is starting.",
      fix: "Lower max_parallel in its config.yaml.",
    },
    upstream_timeout: {
      cause: "Its model server, or a proxy before it, gave up waiting.",
      fix: "Raise the time limit there.",
    },
    upstream_error: {
      cause: "Its model server failed or cannot be reached.",
      fix:
        "See whether the model server is running and base_url is right, and look at the server’s log.",
    },
  } satisfies Record<NodeFault, { cause: string; fix: string }>,
  awaySince: (age: string) => `Last seen ${age}.`,
  /** How its connection ended, and what its owner can do. */
  goneBy: {
    lost: {
      cause: "It went without a goodbye.",
      fix: "It dials again by itself: look whether the machine sleeps or is offline.",
    },
    silent: {
      cause: "It stopped answering.",
      fix: "Look whether the machine sleeps or is overloaded.",
    },
    closed: { cause: "It was shut down.", fix: "Start the client again." },
    restarted: { cause: "The gateway restarted.", fix: "It dials again by itself." },
    revoked: {
      cause: "Its token is not valid any more.",
      fix: "Put the new node token into its config.yaml.",
    },
    protocol: { cause: "It broke the protocol.", fix: "Update the client." },
    replaced: { cause: "It came back on a new connection.", fix: "Nothing has to be done." },
  },
  adding: {
    title: "Add a node",
    programTitle: "Put the client on the machine",
    programText:
      "It is one file: bin/client (bin/client.exe on Windows) of a Co-Link build. It dials out, so no port has to be opened.",
    commandTitle: "Paste this into a terminal beside it",
    commandName: "Terminal",
    upstream: "What it serves",
    system: "Its system",
    upstreamHints: {
      Ollama: "Offers every model that Ollama has, and follows its list.",
      vLLM: "Offers every model that the server lists, and follows its list.",
      OpenAI: "Reads the key from OPENAI_API_KEY there; it never leaves the machine.",
      Claude: "Reads the key from ANTHROPIC_API_KEY there; it never leaves the machine.",
    },
    showToken: "Show the token",
    hideToken: "Hide the token",
    waiting: "Waiting for the machine to connect…",
    here: (name: string, models: number) =>
      `${name} is connected, with ${count(models, "model", "models")}.`,
    tryIt: "Talk to it",
    see: "See the node",
  },
} as const;
