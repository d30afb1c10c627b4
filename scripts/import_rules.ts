/** The house's rules of direction, as tables: who may import whom, and who may name what. */

/** A room is a folder or a file; the longest prefix that fits a path is its room. */
export interface Room {
  path: string;
  /** Rooms that it may import besides itself. */
  may: readonly string[];
  /** Rooms of which it may import types only. */
  mayType?: readonly string[];
}

/** Files that say nothing but types, names and what all need alike: free for every room of the server. */
const free = [
  "server/error.ts",
  "server/log.ts",
  "server/log_file.ts",
  "server/config.ts",
  "server/clock.ts",
  "server/newest.ts",
];
/** Parts of those. */
const beneath = ["server/setting.ts", "server/timer_queues.ts"];
const everyServerRoom = [
  "server/http",
  "server/call",
  "server/node",
  "server/account",
  "server/limit",
  "server/cluster",
  "server/store",
];

export const rooms: readonly Room[] = [
  { path: "protocol", may: [] },
  { path: "web", may: [], mayType: ["protocol"] },
  { path: "client", may: ["protocol"] },
  {
    path: "server/http",
    may: ["server/call", "server/node", "server/account", ...below("limit")],
    // It hands the store on to the health page and never asks it anything itself.
    mayType: ["server/store", "server/cluster"],
  },
  { path: "server/call", may: ["server/node", "server/account", "server/store", ...below()] },
  { path: "server/cluster", may: ["server/node", "server/call", ...below("limit")] },
  { path: "server/node", may: below() },
  { path: "server/account", may: ["server/store", ...below()] },
  { path: "server/limit", may: free },
  { path: "server/store", may: free },
  ...free.map((path) => ({ path, may: [...free, ...beneath] })),
  ...beneath.map((path) => ({ path, may: [] })),
  // The entry files join the parts.
  { path: "server", may: [...everyServerRoom, ...below()] },
  { path: "mod.ts", may: ["server", "client", "protocol", ...free] },
  {
    // Measures the scheduler by itself.
    path: "scripts/bench/figure/choice.ts",
    may: ["scripts", "server/call", "server/node", ...below()],
  },
  {
    // Simulates one gateway among very many.
    path: "scripts/bench/cluster",
    may: ["scripts", "server", "server/call", "server/cluster", "server/node", ...below()],
  },
  {
    // Fills the store's own tables.
    path: "scripts/bench_usage/history.ts",
    may: ["server/store", ...below()],
  },
  {
    path: "scripts",
    may: [
      "server/http",
      "scripts/bench/figure/choice.ts",
      "scripts/bench/cluster",
      "scripts/bench_usage/history.ts",
      "scripts/soak",
    ],
    mayType: ["server", "client", "protocol"],
  },
  // Campaigns are nodes by the thousand, which dial as the product's do.
  { path: "scripts/soak", may: ["scripts", "client"] },
];

function below(...more: string[]): string[] {
  return ["protocol", ...free, ...more.map((room) => `server/${room}`)];
}

/** A package or a word that belongs to some places only. */
export interface Reserved {
  what: string;
  packages?: RegExp;
  words?: RegExp;
  /** Where the rule holds. */
  within: readonly string[];
  /** The places that it belongs to. */
  only: readonly string[];
}

export const reserved: readonly Reserved[] = [
  {
    what: "Hono",
    packages: /^(hono|@hono\/.*)(\/.*)?$/,
    within: ["server", "client", "protocol", "web"],
    only: ["server/http", "server/app.ts"],
  },
  {
    what: "the web's Request and Response",
    words: /\b(Request|Response)\b/,
    within: everyServerRoom.filter((room) => room !== "server/http"),
    only: ["server/http"],
  },
  {
    what: "SQL",
    packages: /^(postgres|kysely.*|bun:sqlite)$/,
    within: ["server", "client", "protocol", "web"],
    only: ["server/store"],
  },
  {
    what: "Redis",
    packages: /^(ioredis|rate-limiter-flexible)$/,
    within: ["server", "client", "protocol", "web"],
    only: ["server/limit", "server/cluster", "server/gateway.ts"],
  },
  {
    what: "Bun's server and its sockets",
    words: /\bServerWebSocket\b|\bBun\.serve\b|\bWebSocketHandler\b/,
    within: ["server", "protocol"],
    only: [
      "server/node/link.ts",
      "server/node/links.ts",
      "server/http/upgrade.ts",
      "server/cluster/peer_socket.ts",
      "server/gateway.ts",
      "server/sockets.ts",
      "server/main.ts",
    ],
  },
  {
    what: "the environment",
    words: /\bprocess\.env\b|\bBun\.env\b|\bimport\.meta\.env\b/,
    within: ["server", "client", "protocol", "web"],
    only: [
      "server/config.ts",
      "client/config.ts",
      // The entry files hand the environment over.
      "server/main.ts",
      "server/admin.ts",
      "client/main.ts",
      // Sets a variable of the runtime itself, for the process that it becomes.
      "client/connection_limit.ts",
    ],
  },
];
