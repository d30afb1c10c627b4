/** Environment → Config, checked once. The only server file that reads the environment. */

import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  byModel,
  choice,
  cidrs,
  days,
  type Reader,
  seconds,
  times,
  Unexpected,
  url,
  whole,
} from "./setting.ts";

const redisSchemes = ["", "s"].flatMap((s) =>
  ["", "-sentinel", "-cluster"].map((form) => `redis${s}${form}`)
);

const policyNames = ["least-busy", "fastest", "affinity"] as const;
type PolicyName = typeof policyNames[number];

/** Everything that can be set, with defaults filled in. Durations are milliseconds. */
export interface Config {
  port: number;
  host: string;
  /** Null: SQLite in the data folder. */
  databaseUrl: string | null;
  /** Null: limits in memory, and one gateway. */
  redisUrl: string | null;
  /** Where other gateways reach this one; null: found out. */
  advertiseUrl: string | null;
  /** Signs sessions; token digests and encryption keys are derived from it. At least 32 bytes. */
  jwtSecret: string;
  dataDir: string;
  /** The address that people reach the gateway by; null: taken from each request. */
  publicUrl: string | null;
  defaultRpm: number;
  registration: "open" | "invite" | "closed";
  /** Whether new nodes wait for an administrator's approval. */
  nodeApproval: boolean;
  /** How long calls, and figures by the minute, are kept; 0: for ever. */
  ledgerMs: number;
  minutesMs: number;
  auditMs: number;
  /** CIDRs of proxies whose X-Forwarded-For is believed. */
  trustedProxies: string[];
  logLevel: "debug" | "info" | "warn" | "error" | "silent";
  maxBodyBytes: number;
  maxFrameBytes: number;
  maxRetries: number;
  queuePerModel: number;
  queuePerAccount: number;
  queueWaitMs: number;
  deadlineMs: number;
  firstTokenMs: number;
  idleMs: number;
  keepAliveMs: number;
  callerIdleMs: number;
  stallMs: number;
  maxBufferedBytes: number;
  penaltyMs: number;
  penaltyMaxMs: number;
  /** How a node is chosen among those that could take a call. */
  policy: PolicyName;
  /** By model, where it is another one. */
  policies: ReadonlyMap<string, PolicyName>;
  cancelGraceMs: number;
  pingMs: number;
  silenceMs: number;
  registerMs: number;
  drainMs: number;
}

/** A setting's text was not what was expected; `problems` names every one, not only the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(`Cannot start: ${problems.join("; ")}`);
  }
}

interface Setting<T = unknown> {
  env: string;
  /** As `--help` shows it; the empty string: not set. */
  fallback: string;
  unit: string;
  help: string;
  read: Reader<T>;
}

function setting<T>(
  env: string,
  fallback: string,
  unit: string,
  help: string,
  read: Reader<T>,
): Setting<T> {
  return { env, fallback, unit, help, read };
}

const text: Reader<string> = (given) => given;

/** One row a setting: name, default, unit, what it is for, what is accepted. `--help` prints this table. */
const settings = {
  port: setting("PORT", "8080", "port", "Listen here; 0 takes a free one", whole(0, 65535)),
  host: setting("COLINK_HOST", "0.0.0.0", "address", "Listen on this address", text),
  databaseUrl: setting(
    "DATABASE_URL",
    "",
    "postgres://…",
    "PostgreSQL; unset: SQLite in the data folder",
    url("postgres", "postgresql"),
  ),
  redisUrl: setting(
    "REDIS_URL",
    "",
    "redis://…",
    "Redis for limits and for more gateways; unset: one gateway, limits in memory",
    url(...redisSchemes),
  ),
  advertiseUrl: setting(
    "COLINK_ADVERTISE_URL",
    "",
    "http://…",
    "Where the other gateways on the same Redis reach this one; unset: its own address",
    url("http", "https"),
  ),
  jwtSecret: setting(
    "JWT_SECRET",
    "",
    "text",
    "Signs sessions and seals tokens, 32 bytes or more; unset: made once and kept in the data folder (required with PostgreSQL)",
    text,
  ),
  dataDir: setting(
    "COLINK_DATA_DIR",
    "~/.local/share/co-link",
    "folder",
    "SQLite file and generated secret",
    text,
  ),
  publicUrl: setting(
    "COLINK_PUBLIC_URL",
    "",
    "https://…",
    "The address that people reach this gateway by; unset: as they typed it",
    url("http", "https"),
  ),
  defaultRpm: setting(
    "COLINK_DEFAULT_RPM",
    "60",
    "calls/min",
    "Of each account without a limit of its own, all its keys together; 0 blocks",
    whole(0, 1_000_000),
  ),
  registration: setting(
    "COLINK_REGISTRATION",
    "open",
    "open|invite|closed",
    "Who may make an account",
    choice("open", "invite", "closed"),
  ),
  nodeApproval: setting(
    "COLINK_NODE_APPROVAL",
    "off",
    "on|off",
    "Whether new nodes wait for an administrator's approval",
    (given) => choice("on", "off")(given) === "on",
  ),
  ledgerMs: setting(
    "COLINK_LEDGER_DAYS",
    "365",
    "days",
    "Calls are kept one by one for this long; 0: for ever",
    days(0, 36_500),
  ),
  minutesMs: setting(
    "COLINK_MINUTE_ROLLUP_DAYS",
    "7",
    "days",
    "Figures by the minute are kept for this long; 0: for ever",
    days(0, 36_500),
  ),
  auditMs: setting(
    "COLINK_AUDIT_DAYS",
    "365",
    "days",
    "The audit log is kept this long; 0: for ever",
    days(0, 36_500),
  ),
  trustedProxies: setting(
    "COLINK_TRUSTED_PROXIES",
    "",
    "CIDRs, by comma",
    "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
    cidrs,
  ),
  logLevel: setting(
    "COLINK_LOG_LEVEL",
    "info",
    "level",
    "debug, info, warn, error or silent",
    choice("debug", "info", "warn", "error", "silent"),
  ),
  maxBodyBytes: setting(
    "COLINK_MAX_BODY_BYTES",
    "10485760",
    "bytes",
    "Largest request body",
    whole(1024, 1 << 30),
  ),
  maxFrameBytes: setting(
    "COLINK_MAX_FRAME_BYTES",
    "8388608",
    "bytes",
    "Largest frame taken from a node, and largest answer that does not stream",
    whole(65536, 1 << 30),
  ),
  maxRetries: setting(
    "COLINK_MAX_RETRIES",
    "3",
    "times",
    "Other nodes tried before the first byte",
    whole(0, 10),
  ),
  queuePerModel: setting(
    "COLINK_QUEUE_PER_MODEL",
    "200",
    "calls",
    "May wait for one model",
    whole(0, 100_000),
  ),
  queuePerAccount: setting(
    "COLINK_QUEUE_PER_ACCOUNT",
    "50",
    "calls",
    "May wait for one account, all models together",
    whole(0, 100_000),
  ),
  queueWaitMs: setting(
    "COLINK_QUEUE_SECONDS",
    "60",
    "s",
    "Longest wait for a free slot",
    seconds(0, 3600),
  ),
  deadlineMs: setting(
    "COLINK_DEADLINE_SECONDS",
    "1800",
    "s",
    "A call's longest life; X-Stainless-Timeout shortens it",
    seconds(1, 86_400),
  ),
  firstTokenMs: setting(
    "COLINK_FIRST_TOKEN_SECONDS",
    "600",
    "s",
    "Longest silence before a stream's first chunk",
    seconds(0.1, 86_400),
  ),
  idleMs: setting(
    "COLINK_IDLE_SECONDS",
    "300",
    "s",
    "Longest silence between two chunks",
    seconds(0.1, 86_400),
  ),
  keepAliveMs: setting(
    "COLINK_KEEPALIVE_SECONDS",
    "10",
    "s",
    "Comment sent into silent streams this often",
    seconds(0.1, 3600),
  ),
  callerIdleMs: setting(
    "COLINK_CALLER_IDLE_SECONDS",
    "30",
    "s",
    "A caller's connection is closed when it carries nothing this long while no call runs on it",
    times(1000, whole(1, 255)),
  ),
  stallMs: setting(
    "COLINK_STALL_SECONDS",
    "30",
    "s",
    "A caller that reads nothing this long loses its call",
    seconds(0.1, 3600),
  ),
  maxBufferedBytes: setting(
    "COLINK_MAX_BUFFERED_BYTES",
    "1048576",
    "bytes",
    "Held for a caller that reads slowly",
    whole(65536, 1 << 30),
  ),
  penaltyMs: setting(
    "COLINK_PENALTY_SECONDS",
    "60",
    "s",
    "A faulty node gets no calls this long; 0: it is never kept from them",
    seconds(0, 86_400),
  ),
  penaltyMaxMs: setting(
    "COLINK_PENALTY_MAX_SECONDS",
    "600",
    "s",
    "Each further fault doubles that, up to this",
    seconds(0, 86_400),
  ),
  policy: setting(
    "COLINK_POLICY",
    "least-busy",
    "policy",
    "How a node is chosen: least-busy, fastest or affinity",
    choice(...policyNames),
  ),
  policies: setting(
    "COLINK_POLICIES",
    "",
    "model=policy, by comma",
    "Models with a policy of their own",
    byModel(...policyNames),
  ),
  cancelGraceMs: setting(
    "COLINK_CANCEL_GRACE_SECONDS",
    "60",
    "s",
    "A cancelled call keeps its slot this long unless its node confirms",
    seconds(0, 3600),
  ),
  pingMs: setting(
    "COLINK_PING_SECONDS",
    "15",
    "s",
    "Nodes are pinged this often",
    seconds(0.1, 300),
  ),
  silenceMs: setting(
    "COLINK_SILENCE_SECONDS",
    "45",
    "s",
    "A node that is silent this long is dropped; never less than two pings",
    seconds(0.2, 900),
  ),
  registerMs: setting(
    "COLINK_REGISTER_SECONDS",
    "5",
    "s",
    "A node must have registered within",
    seconds(0.1, 60),
  ),
  drainMs: setting(
    "COLINK_DRAIN_SECONDS",
    "120",
    "s",
    "Running calls may end within, after SIGTERM",
    seconds(0, 3600),
  ),
} satisfies { [K in keyof Config]: Setting<unknown> };

/** Secrets that stand in examples and tutorials. */
const WELL_KNOWN_SECRET = /^(.)\1*$|changeme|change-me|your[-_ ]?(jwt[-_ ]?)?secret|supersecret/i;

/**
 * Reads and checks every setting. Makes the data folder, and in it the secret, where none is given.
 * Throws ConfigError with one problem a line for all settings that are wrong.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [field, { env: name, fallback, read }] of Object.entries(settings)) {
    const given = env[name]?.trim() || fallback;
    try {
      values[field] = read(given);
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error;
      problems.push(`${name}=${shown(name, given)}: ${error.message}`);
    }
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith("COLINK_") && !isKnown(name)) {
      problems.push(`${name}: no such setting; --help lists all`);
    }
  }
  problems.push(...secretProblems(env));
  if (problems.length > 0) throw new ConfigError(problems);
  const config = values as unknown as Config;
  // Who is asked seldom can answer seldom: a shorter silence would drop every healthy node.
  config.silenceMs = Math.max(config.silenceMs, 2 * config.pingMs);
  config.dataDir = config.dataDir.replace(/^~(?=\/|$)/, homedir());
  if (config.jwtSecret === "") config.jwtSecret = keptSecret(config.dataDir);
  return config;
}

/** The lines of `--help` that list every setting. */
export function settingsHelp(): string {
  const rows = Object.values(settings).map(({ env, fallback, unit, help }) => ({
    env,
    fallback: fallback === "" ? "(unset)" : fallback,
    unit,
    help,
  }));
  const width = (pick: (row: typeof rows[number]) => string) =>
    Math.max(...rows.map((row) => pick(row).length));
  const [w1, w2, w3] = [width((r) => r.env), width((r) => r.fallback), width((r) => r.unit)];
  return rows.map((r) =>
    `  ${r.env.padEnd(w1)}  ${r.fallback.padEnd(w2)}  ${r.unit.padEnd(w3)}  ${r.help}`
  ).join("\n");
}

/** Variables that other parts of the product read: the tests', the scripts' and the client's own. */
function isKnown(name: string): boolean {
  return Object.values(settings).some((setting) => setting.env === name) ||
    name.startsWith("COLINK_TEST_") || name.startsWith("COLINK_CLIENT_") ||
    name === "COLINK_API_KEY";
}

function secretProblems(env: Readonly<Record<string, string | undefined>>): string[] {
  const secret = env.JWT_SECRET?.trim() ?? "";
  if (secret === "") {
    return env.DATABASE_URL?.trim()
      ? [
        "JWT_SECRET: required with DATABASE_URL, the same for all gateways; make one with: openssl rand -hex 32",
      ]
      : [];
  }
  if (isShort(secret)) {
    return ["JWT_SECRET: shorter than 32 bytes; make one with: openssl rand -hex 32"];
  }
  return WELL_KNOWN_SECRET.test(secret)
    ? ["JWT_SECRET: a value from an example; make one with: openssl rand -hex 32"]
    : [];
}

/** Values that may hold a password are not repeated. */
function shown(name: string, text: string): string {
  return name.endsWith("_URL") || name.endsWith("_SECRET") ? "(not shown)" : JSON.stringify(text);
}

function isShort(secret: string): boolean {
  return new TextEncoder().encode(secret).length < 32;
}

/** Throws ConfigError where it can neither be read nor made. */
function keptSecret(dataDir: string): string {
  const path = join(dataDir, "secret");
  try {
    if (!existsSync(path)) makeSecret(dataDir, path);
    const secret = readFileSync(path, "utf8").trim();
    if (!isShort(secret)) return secret;
  } catch (error) {
    const state = (error as { code?: string }).code ?? String(error);
    throw new ConfigError([
      `COLINK_DATA_DIR="${dataDir}": expected a folder that can be written and read (${state})`,
    ]);
  }
  throw new ConfigError([
    `COLINK_DATA_DIR="${dataDir}": its file "secret" is damaged; restore it, or delete it: then ` +
    "every token and session that was made with it is void",
  ]);
}

function makeSecret(dataDir: string, path: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const draft = `${path}.${crypto.randomUUID()}`;
  writeFileSync(draft, Buffer.from(bytes).toString("hex") + "\n", { mode: 0o600, flag: "wx" });
  try {
    // Appears whole or not at all, and never in the place of one that is there.
    linkSync(draft, path);
  } catch (error) {
    // Another process that started at the same moment made it first: use that one.
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(draft);
  }
}
