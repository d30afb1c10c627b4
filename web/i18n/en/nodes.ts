/** The nodes page, in English. */

import type { NodeFault, NodeSentenceCode } from "../../../api/mod.ts";
import { count, number, wait } from "./words.ts";

export const nodes = {
  title: "Nodes",
  lead: "Machines that share their models, live.",
  search: "Name, model, owner, GPU",
  view: "Show",
  views: { all: "All", working: "Working", attention: "Needs attention", mine: "Yours" },
  sort: "Sort",
  sorts: {
    trouble: "Trouble first",
    name: "By name",
    models: "Most models first",
    speed: "Fastest first",
    load: "Busiest first",
    version: "By version",
  },
  heads: {
    name: "Node",
    trouble: "State",
    models: "Models",
    speed: "Speed",
    load: "Load",
    version: "Version, machine",
  },
  /** Of a column that is sorted against its usual direction. */
  reversed: "in reverse order",
  inFlight: (active: number, max: number) =>
    `${number.format(active)} of ${count(max, "slot", "slots")} in use`,
  lastDay: "By calls of the last 24 hours",
  perSecond: (tokens: string) => `${tokens} tokens/s`,
  pause: "Pause",
  resume: "Resume",
  longAway: (n: number) => `${count(n, "node", "nodes")} away for more than a day`,
  forget: "Forget",
  forgetNode: (name: string) => `Forget ${name}?`,
  forgetText:
    "It leaves the lists, with its name, its events and what was decided about it. Should it connect again, it is a new node.",
  noneShown: "No matching nodes.",
  mine: "yours",
  seeModel: (model: string) => `${model} in the list of models`,
  summary: (busy: number, slots: number) =>
    `${number.format(busy)} of ${count(slots, "slot", "slots")} in use`,
  slots: (active: number, max: number) => `${number.format(active)} / ${number.format(max)}`,
  slotsLabel: "Calls in flight",
  models: "Models",
  noModels: "Offers no model",
  more: (n: number) => `+${number.format(n)} more`,
  fewer: "Fewer",
  sharing: {
    everyone: "for everyone",
    you: "only you",
    owner: "only its owner",
    names: (names: string) => `for ${names}`,
  },
  connected: (age: string) => `connected ${age}`,
  states: {
    ready: "Ready",
    busy: "Busy",
    probing: "Recovering",
    penalized: "Cooling down",
    draining: "Draining",
    paused: "Paused",
    unapproved: "Awaits approval",
    reconnecting: "Reconnecting",
    away: "Offline",
  },
  /** Empty where the penalty’s own text says it all. */
  causes: {
    ready: "Takes calls.",
    busy: "Every slot is in use; new calls go to other nodes or wait.",
    probing: "",
    penalized: "",
    draining: "Finishes its running calls and takes no new ones.",
    paused: "Paused by its owner: it gets no calls until it is resumed.",
    unapproved: "It gets no calls until an administrator approves it.",
    reconnecting: "Its connection is lost; its calls wait for it.",
    away: "It is not connected.",
  },
  /** What the node program says, by its code. */
  says: {
    outside_hours: () => "It is outside its owner’s hours.",
    on_battery: () => "The machine runs on battery.",
    battery_low: (percent) => `The battery is not above ${percent} %.`,
    in_use: () => "Its owner uses the machine.",
    own_programs: () => "Its owner’s own programs come first.",
    gpu_memory: (size) => `Other programs leave less than ${size} of graphics memory.`,
    cpu_load: (limit) => `Other programs’ load of the processor is not ${limit}.`,
    tokens_used: () => "It has given the tokens that its owner lends a day.",
    calls_used: () => "It has taken the calls that its owner lends an hour.",
    paused_by_owner: () => "Its owner has paused it.",
    pause_file: () => "Another program of its owner’s asks for a pause.",
    first_look: () => "It looks at the machine first.",
    unknown_power: () => "It cannot find out whether the machine is on mains.",
    unknown_use: () => "It cannot find out whether the machine is in use.",
    unknown_programs: () => "It cannot find out which programs run.",
    unknown_gpu_memory: () => "It cannot find out how much graphics memory other programs use.",
    unknown_cpu_load: () => "It cannot find out how busy the processor is.",
    config_refused: (problem) =>
      `config.yaml was changed and cannot be used; the one before stays in use. ${problem}`,
    other: () => "Other reasons.",
  } satisfies Record<NodeSentenceCode, (value: string) => string>,
  reconnectingFor: (seconds: number) =>
    `Reconnecting, ${wait(seconds)} left: the connection was lost, and running calls wait for it.`,
  pausedUntil: (why: string, until: string) => `${why} Expected back ${until}.`,
  away: (why: string, seconds: number) => `${why} No calls for another ${wait(seconds)}.`,
  tried: (why: string) =>
    `${why} It has cooled down; it gets one call at a time until one succeeds.`,
  ofModel: (model: string, text: string) => `${model}: ${text}`,
  unknownReason: "A call failed on it.",
  fullStop: ".",
  /** Between two sentences. */
  gap: " ",
  emptyTitle: "No node is connected",
  emptyText:
    "Run the node program on a machine that has Ollama, vLLM, another model server or a provider’s key. It appears here within seconds.",
  emptySignedOut: "Create an account to add one",
  add: "Add a node",
  /** By the gateway’s code: what happened, and what the node’s owner can do. */
  faults: {
    node_lost: {
      cause: "Its connection was lost in the middle of a call.",
      fix: "Check the node’s log; a machine that goes to sleep loses its connection.",
    },
    node_silent: {
      cause: "No response for too long.",
      fix: "Check whether its model server still answers, and how long a model takes to load.",
    },
    node_protocol: {
      cause: "It sent invalid data.",
      fix: "Update the node program.",
    },
    upstream_auth: {
      cause: "The provider rejected the node’s key.",
      fix: "Check api_key in its config.yaml, and the account’s credit.",
    },
    upstream_rate_limited: {
      cause: "The provider limits the node’s rate.",
      fix: "Lower max_parallel in its config.yaml.",
    },
    upstream_overloaded: {
      cause: "Its model server is overloaded or still starting.",
      fix: "Lower max_parallel in its config.yaml.",
    },
    upstream_timeout: {
      cause: "Its model server, or a proxy before it, gave up waiting.",
      fix: "Raise the time limit there.",
    },
    upstream_error: {
      cause: "Its model server failed or cannot be reached.",
      fix:
        "Check whether the model server is running and base_url is right, and look at the server’s log.",
    },
  } satisfies Record<NodeFault, { cause: string; fix: string }>,
  awaySince: (age: string) => `Last seen ${age}.`,
  /** By how the connection ended: what happened, and what the node’s owner can do. */
  goneBy: {
    lost: {
      cause: "The connection dropped.",
      fix: "It reconnects automatically; check whether the machine is asleep or offline.",
    },
    silent: {
      cause: "It stopped answering.",
      fix: "Check whether the machine is asleep or overloaded.",
    },
    closed: { cause: "It was shut down.", fix: "Start the node program again." },
    restarted: { cause: "The gateway restarted.", fix: "It reconnects automatically." },
    revoked: {
      cause: "Its token is no longer valid.",
      fix: "Put the new node token into its config.yaml.",
    },
    protocol: { cause: "It broke the protocol.", fix: "Update the node program." },
    replaced: { cause: "It came back on a new connection.", fix: "Nothing to do." },
  },
  adding: {
    title: "Add a node",
    commandTitle: "Paste this into the machine’s terminal",
    commandText:
      "It installs the node program, finds the machine’s models and connects. The code in it is good for one machine, for 15 minutes; no port has to be opened.",
    byHand: "By hand, with a node token",
    system: "The machine",
    systems: {
      unix: "Linux · macOS",
      windows: "Windows",
      installed: "Has the node program",
    },
    waiting: "Waiting for the machine to connect…",
    here: (name: string, models: number) =>
      `${name} is connected, with ${count(models, "model", "models")}.`,
    tryIt: "Talk to it",
    see: "See the node",
  },
} as const;
