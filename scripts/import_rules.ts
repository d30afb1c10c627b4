/** The house's rules of direction, as tables: who may import whom, and who may name what. */

/** A room is a folder or a file; the longest prefix that fits a path is its room. */
export interface Room {
  path: string;
  /** Rooms that it may import besides itself. */
  may: readonly string[];
  /** Rooms of which it may import types only. */
  mayType?: readonly string[];
}

const everyServerRoom = [
  "server/http",
  "server/call",
  "server/schedule",
  "server/node",
  "server/account",
  "server/limit",
  "server/cluster",
  "server/store",
  "server/tls",
];

/** What every room of the server may import. */
const base = ["server/base", "server/texts.ts", "protocol", "release", "text"];

/** What the node's rooms may import besides the rooms below them. */
const clientBase = [
  "client/world.ts",
  "client/http",
  "client/texts.ts",
  "protocol",
  "release",
  "text",
];

const insideAdapter = ["claude", "messages", "openai", "sse", "upstream"]
  .map((name) => `client/adapter/${name}`);

export const rooms: readonly Room[] = [
  { path: "protocol", may: [] },
  { path: "log", may: [] },
  { path: "release", may: [] },
  { path: "text", may: [] },
  { path: "service", may: ["text"] },
  { path: "api", may: [] },
  { path: "api/clients.ts", may: [] },
  { path: "web", may: ["api/clients.ts", "client/phrases.ts", "text"], mayType: ["api"] },
  // The entry files join the parts of the node.
  {
    path: "client",
    may: [
      ...clientBase,
      "log",
      "client/link",
      "client/run",
      "client/policy",
      "client/config",
      "client/adapter",
      "client/daemon",
      "client/setup",
      "service",
    ],
  },
  // The commands that people call; client/command.ts runs them.
  {
    path: "client/setup",
    may: [
      ...clientBase,
      "client",
      "client/daemon",
      "client/link",
      "client/policy",
      "client/config",
      "client/adapter",
      "service",
    ],
  },
  // The node as a long-running program.
  {
    path: "client/daemon",
    may: [
      ...clientBase,
      "client",
      "log",
      "client/link",
      "client/run",
      "client/policy",
      "client/config",
      "service",
    ],
  },
  { path: "client/http", may: [] },
  { path: "client/world.ts", may: ["log", "client/http"] },
  { path: "client/phrases.ts", may: [] },
  { path: "client/texts.ts", may: ["text", "client/phrases.ts"] },
  {
    path: "client/link",
    may: [...clientBase, "client/run", "client/adapter", "client/adapter/sse"],
    mayType: ["client/policy"],
  },
  {
    path: "client/run",
    may: [...clientBase, "client/config", "client/policy", "client/adapter"],
  },
  { path: "client/policy", may: [...clientBase, "client/config"] },
  { path: "client/config", may: ["protocol", "text", "client/adapter"] },
  // The contract, and one file for each type of provider; what the types share.
  { path: "client/adapter", may: [...clientBase, ...insideAdapter] },
  // A type of provider knows no other.
  ...["claude", "messages", "openai"].map((name) => ({
    path: `client/adapter/${name}`,
    may: [...clientBase, "client/adapter", "client/adapter/sse", "client/adapter/upstream"],
  })),
  {
    path: "client/adapter/upstream",
    may: [...clientBase, "client/adapter", "client/adapter/sse"],
  },
  { path: "client/adapter/sse", may: ["protocol", "client/http", "client/adapter"] },
  {
    path: "server/http",
    may: ["server/http/console", ...below("call", "schedule", "node", "account", "limit")],
    // It hands the store on to the health page and never queries the store itself.
    mayType: ["api", "server/store", "server/cluster"],
  },
  {
    // Loaded by the first request for it: nothing else may load the schemas at the gateway's start.
    path: "server/http/console",
    may: ["api", "server/http", ...below("account", "node")],
  },
  { path: "server/call", may: below("schedule", "node", "store") },
  { path: "server/schedule", may: below("node") },
  { path: "server/cluster", may: below("node", "schedule", "limit") },
  { path: "server/node", may: below(), mayType: ["api"] },
  { path: "server/account", may: below("store"), mayType: ["api"] },
  { path: "server/limit", may: below() },
  { path: "server/tls", may: below("store") },
  { path: "server/store", may: below(), mayType: ["api"] },
  { path: "server/base", may: ["log", "server/texts.ts"], mayType: ["api"] },
  { path: "server/texts.ts", may: ["text"] },
  // The entry files join the parts.
  {
    path: "server",
    may: [...everyServerRoom, "server/http/console", ...below(), "log", "service"],
    mayType: ["api"],
  },
  { path: "mod.ts", may: ["server", "client", "protocol", "server/base"], mayType: ["api"] },
  {
    // Measures the scheduler by itself.
    path: "scripts/bench/figure/choice.ts",
    may: ["scripts", ...below("call", "schedule", "node")],
  },
  {
    // Runs the scheduler in simulated time.
    path: "scripts/bench/simulation",
    may: ["scripts", ...below("call", "schedule", "node")],
  },
  {
    // Relays on the gateway's wire, and does nothing else.
    path: "scripts/bench/bare_relay.ts",
    may: ["scripts", "protocol"],
  },
  {
    // Simulates one gateway among very many.
    path: "scripts/bench/cluster",
    may: ["scripts", "server", ...below("call", "schedule", "cluster", "node")],
  },
  {
    // Fills the store's own tables.
    path: "scripts/bench_usage/history.ts",
    may: below("store"),
  },
  {
    path: "scripts/bench/figure/population.ts",
    may: ["scripts", ...below("store")],
  },
  {
    path: "scripts",
    may: [
      "api/clients.ts",
      "server/http",
      "release",
      "scripts/bench/figure/choice.ts",
      "scripts/bench/figure/population.ts",
      "scripts/bench/cluster",
      "scripts/bench/simulation",
      "scripts/bench_usage/history.ts",
      "scripts/soak",
    ],
    mayType: ["server", "client", "protocol", "api"],
  },
  // Campaigns start nodes by the thousand, which dial as the product's nodes do, and hostile ones.
  { path: "scripts/soak", may: ["scripts", "client", "client/adapter", "protocol"] },
];

function below(...more: string[]): string[] {
  return [...base, ...more.map((room) => `server/${room}`)];
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
    within: ["server", "client", "protocol", "log", "web"],
    only: ["server/http", "server/app.ts"],
  },
  {
    // A schema that is made before @hono/zod-openapi is loaded has no description for the document.
    what: "zod from elsewhere than @hono/zod-openapi",
    packages: /^(zod|hono|@hono\/(?!zod-openapi$).*)(\/.*)?$/,
    within: ["api"],
    only: ["client"],
  },
  {
    what: "the web's Request and Response",
    words: /\b(Request|Response)\b/,
    within: everyServerRoom.filter((room) => room !== "server/http"),
    // Those of the sign-in provider, of which the gateway is a client.
    only: ["server/http", "server/account/oidc/bounded_fetch.ts"],
  },
  {
    what: "SQL",
    packages: /^(postgres|kysely.*|bun:sqlite)$/,
    within: ["server", "client", "protocol", "log", "api", "web"],
    only: ["server/store"],
  },
  {
    what: "Redis",
    packages: /^(ioredis|rate-limiter-flexible)$/,
    within: ["server", "client", "protocol", "log", "api", "web"],
    only: ["server/limit", "server/cluster"],
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
      "server/listener.ts",
      "server/sockets.ts",
    ],
  },
  {
    what: "the environment",
    words: /\bprocess\.env\b|\bBun\.env\b|\bimport\.meta\.env\b/,
    within: ["server", "client", "protocol", "log", "api", "web"],
    only: [
      "server/base/read_config.ts",
      "client/config/config.ts",
      // The entry files hand the environment over.
      "server/main.ts",
      "server/admin.ts",
      "server/backup.ts",
      "client/main.ts",
      // Sets a variable of the runtime itself, for the process that it becomes.
      "client/run/connection_limit.ts",
      "client/world.ts",
      // Becomes another version of the program, with the environment of this one.
      "client/daemon/daemon.ts",
      "text/mod.ts",
    ],
  },
];
