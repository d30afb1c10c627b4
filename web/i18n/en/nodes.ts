/** The nodes’ pages, in English. */

import { count, number, wait } from "./words.ts";

export const nodes = {
  title: "Nodes",
  lead: "Machines that are connected now.",
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
} as const;
