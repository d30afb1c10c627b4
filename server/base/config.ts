/** The settings: a row each, from which follow their types, their names and the text of `--help`. */

import { databaseUrl } from "./database_url.ts";
import { redisUrl } from "./redis_url.ts";
import {
  byModel,
  choice,
  cidrs,
  days,
  domains,
  folder,
  issuer,
  names,
  number,
  onOff,
  optional,
  pairs,
  path,
  type Reader,
  required,
  scopes,
  seconds,
  text,
  times,
  url,
  whole,
} from "./setting.ts";
import { t } from "../texts.ts";

export interface Setting<T> {
  /** The name of its environment variable. */
  env: string;
  /** The text that stands for an unset variable; empty where `readConfig` derives the value from other settings. */
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

/** The ways to choose a node; server/schedule/policy/registry.ts has one row each. */
export const policyNames = ["auto", "least-busy", "fastest", "affinity"] as const;

/** A row per setting: name, default, unit, purpose, reader. Durations are read as milliseconds. `--help` prints this table. */
export const settings = {
  /** Never null once read: see `readConfig`. */
  port: setting(
    "PORT",
    "",
    t`port`,
    t`Port to listen on; 0: any free port; unset: 8080, or 443 with a certificate`,
    optional(whole(0, 65535)),
  ),
  host: setting("COLINK_HOST", "0.0.0.0", t`address`, t`Listen on this address`, text),
  /** Null: taken from each request. */
  publicUrl: setting(
    "COLINK_PUBLIC_URL",
    "",
    "https://…",
    t`The address at which people reach this gateway; unset: as they typed it`,
    url("http", "https"),
  ),
  /** Below which all is served; empty: at the root. Once read, that of `publicUrl` where it is unset. */
  basePath: setting(
    "COLINK_BASE_PATH",
    "",
    t`path`,
    t`Serve everything below this path too, such as /co-link; unset: the path of COLINK_PUBLIC_URL`,
    path,
  ),
  /** Empty: no certificate is fetched. */
  domains: setting(
    "COLINK_DOMAIN",
    "",
    t`names, by comma`,
    t`Speak HTTPS under these names, with a certificate fetched and renewed by ACME`,
    domains,
  ),
  tlsCert: setting(
    "COLINK_TLS_CERT",
    "",
    t`file`,
    t`Speak HTTPS with this certificate chain (PEM), read again when it changes`,
    folder,
  ),
  tlsKey: setting(
    "COLINK_TLS_KEY",
    "",
    t`file`,
    t`The private key of COLINK_TLS_CERT (PEM)`,
    folder,
  ),
  /** Null: nothing listens for plain HTTP beside HTTPS. */
  httpPort: setting(
    "COLINK_HTTP_PORT",
    "",
    t`port`,
    t`With a certificate: redirect plain HTTP here; unset: 80 with COLINK_DOMAIN, else none`,
    optional(whole(0, 65535)),
  ),
  acmeDirectory: setting(
    "COLINK_ACME_DIRECTORY",
    "https://acme-v02.api.letsencrypt.org/directory",
    "https://…",
    t`The certificate authority that COLINK_DOMAIN asks`,
    required(url("https")),
  ),
  acmeEmail: setting(
    "COLINK_ACME_EMAIL",
    "",
    t`e-mail`,
    t`Where the certificate authority may write to`,
    text,
  ),
  trustedProxies: setting(
    "COLINK_TRUSTED_PROXIES",
    "",
    t`CIDRs, by comma`,
    t`Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed`,
    cidrs,
  ),
  dataDir: setting(
    "COLINK_DATA_DIR",
    "~/.local/share/co-link",
    t`folder`,
    t`SQLite file and generated secret`,
    folder,
  ),
  /** Null: `downloads` beside the executable, or in the data folder. */
  downloadsDir: setting(
    "COLINK_DOWNLOADS_DIR",
    "",
    t`folder`,
    t`The release's files, offered to nodes under /download/; unset: downloads/ beside the executable or in the data folder`,
    optional(folder),
  ),
  /** Null: SQLite in the data folder. */
  databaseUrl: setting(
    "DATABASE_URL",
    "",
    "postgres://…",
    t`PostgreSQL; unset: SQLite in the data folder`,
    databaseUrl,
  ),
  /** Null: limits in memory, and a single gateway. */
  redisUrl: setting(
    "REDIS_URL",
    "",
    "redis://…",
    t`Redis for limits and for more gateways; unset: one gateway, limits in memory`,
    redisUrl,
  ),
  /** Null: derived from the listening address. */
  advertiseUrl: setting(
    "COLINK_ADVERTISE_URL",
    "",
    "http://…",
    t`Where the other gateways on the same Redis reach this one; unset: its own address`,
    url("http", "https"),
  ),
  /** Session signatures, token digests and encryption keys derive from it. At least 32 bytes. */
  jwtSecret: setting(
    "JWT_SECRET",
    "",
    t`text`,
    t`Signs sessions and encrypts stored keys, 32 bytes or more; unset: made once and kept in the data folder (required with PostgreSQL)`,
    text,
  ),
  ledgerMs: setting(
    "COLINK_LEDGER_DAYS",
    "365",
    t`days`,
    t`Single calls are kept this long; 0: without limit`,
    days(0, 36_500),
  ),
  minutesMs: setting(
    "COLINK_MINUTE_ROLLUP_DAYS",
    "7",
    t`days`,
    t`Figures by the minute are kept this long; 0: without limit`,
    days(0, 36_500),
  ),
  auditMs: setting(
    "COLINK_AUDIT_DAYS",
    "365",
    t`days`,
    t`The audit log is kept this long; 0: without limit`,
    days(0, 36_500),
  ),
  registration: setting(
    "COLINK_REGISTRATION",
    "open",
    "open|invite|closed",
    t`Who may create an account`,
    choice("open", "invite", "closed"),
  ),
  defaultRpm: setting(
    "COLINK_DEFAULT_RPM",
    "60",
    t`calls/min`,
    t`Of each account without a limit of its own, all its keys together; 0 blocks`,
    whole(0, 1_000_000),
  ),
  /** Null: people sign in with passwords only. */
  oidcIssuer: setting(
    "COLINK_OIDC_ISSUER",
    "",
    "https://…",
    t`Sign-in with an OpenID Connect provider of your own: its issuer, as its discovery document has it`,
    issuer,
  ),
  oidcClientId: setting(
    "COLINK_OIDC_CLIENT_ID",
    "",
    t`text`,
    t`The client as which the provider knows this gateway`,
    text,
  ),
  /** Once read, that of its file where it is unset; empty: the provider has given none. */
  oidcClientSecret: setting(
    "COLINK_OIDC_CLIENT_SECRET",
    "",
    t`text`,
    t`That client's secret; unset: a public client, which PKCE alone protects`,
    text,
  ),
  oidcClientSecretFile: setting(
    "COLINK_OIDC_CLIENT_SECRET_FILE",
    "",
    t`file`,
    t`The file that holds the secret, in place of the setting above`,
    folder,
  ),
  /** Empty: see server/account/oidc/sign_in_provider.ts. */
  oidcScopes: setting(
    "COLINK_OIDC_SCOPES",
    "",
    t`words, by space`,
    t`What is asked of the provider; unset: openid email profile, and offline_access where it has that`,
    scopes,
  ),
  oidcGroupsClaim: setting(
    "COLINK_OIDC_GROUPS_CLAIM",
    "",
    t`claim`,
    t`Where the provider names a person's groups, such as groups or realm_access.roles; unset: nowhere`,
    text,
  ),
  oidcGroups: setting(
    "COLINK_OIDC_GROUPS",
    "",
    t`theirs=ours, by comma`,
    t`The provider's groups and the groups here that they lead to; unset: those of the same name`,
    pairs,
  ),
  oidcAdmins: setting(
    "COLINK_OIDC_ADMINS",
    "",
    t`names, by comma`,
    t`The provider's groups whose members are administrators`,
    names,
  ),
  oidcAccounts: setting(
    "COLINK_OIDC_ACCOUNTS",
    "any",
    "any|registration|existing",
    t`Who may sign in through the provider: any of its users, those who may register here, or those with an account`,
    choice("any", "registration", "existing"),
  ),
  oidcTrustEmail: setting(
    "COLINK_OIDC_TRUST_EMAIL",
    "off",
    "on|off",
    t`Whether addresses of which the provider does not say whether they are verified count as verified`,
    onOff,
  ),
  oidcOnly: setting(
    "COLINK_OIDC_ONLY",
    "off",
    "on|off",
    t`Whether sign-in and registration with a password are off`,
    onOff,
  ),
  oidcLabel: setting(
    "COLINK_OIDC_LABEL",
    "",
    t`text`,
    t`The provider's name on the sign-in page; unset: its host`,
    text,
  ),
  signInsPerMinute: setting(
    "COLINK_SIGN_INS_PER_MINUTE",
    "30",
    t`tries/min`,
    t`Sign-ins that one network may try`,
    whole(1, 1_000_000),
  ),
  accountsPerHour: setting(
    "COLINK_ACCOUNTS_PER_HOUR",
    "30",
    t`tries/h`,
    t`Accounts that one network may try to make`,
    whole(1, 1_000_000),
  ),
  joinsPerHour: setting(
    "COLINK_JOINS_PER_HOUR",
    "60",
    t`tries/h`,
    t`Machines of one network that may ask to join, and wrong join codes of a network or an account`,
    whole(1, 1_000_000),
  ),
  refusedPerMinute: setting(
    "COLINK_REFUSED_PER_MINUTE",
    "60",
    t`requests/min`,
    t`Requests to /v1 with a wrong key or for an unknown model that one network is not charged for`,
    whole(1, 1_000_000),
  ),
  maxBodyBytes: setting(
    "COLINK_MAX_BODY_BYTES",
    "10485760",
    "bytes",
    t`Largest request body`,
    whole(1024, 1 << 30),
  ),
  bodyBytesPerAccount: setting(
    "COLINK_BODY_BYTES_PER_ACCOUNT",
    "67108864",
    "bytes",
    t`Request bodies held for one account's calls; never less than one body`,
    whole(1024, 2 ** 40),
  ),
  bodyBytes: setting(
    "COLINK_BODY_BYTES",
    "268435456",
    "bytes",
    t`Request bodies held for all calls; never less than one body`,
    whole(1024, 2 ** 40),
  ),
  answerBytesPerAccount: setting(
    "COLINK_ANSWER_BYTES_PER_ACCOUNT",
    "67108864",
    "bytes",
    t`Whole answers held for one account's calls; never less than two frames`,
    whole(1024, 2 ** 40),
  ),
  answerBytes: setting(
    "COLINK_ANSWER_BYTES",
    "268435456",
    "bytes",
    t`Whole answers held for all calls; never less than two frames`,
    whole(1024, 2 ** 40),
  ),
  rememberedNodes: setting(
    "COLINK_REMEMBERED_NODES",
    "1000",
    t`nodes`,
    t`Nodes of one account that are remembered when they are gone, and new ones an hour`,
    whole(1, 1_000_000),
  ),
  offersPerAccount: setting(
    "COLINK_OFFERS_PER_ACCOUNT",
    "50000",
    t`offers`,
    t`Nodes of one account that are connected, and the models that they offer, counted together`,
    whole(1, 100_000_000),
  ),
  logLines: setting(
    "COLINK_LOG_LINES",
    "600",
    t`lines/min`,
    t`Log lines that one account or one address may cause besides its calls; one link, a tenth`,
    whole(10, 1_000_000),
  ),
  logLevel: setting(
    "COLINK_LOG_LEVEL",
    "info",
    t`level`,
    t`debug, info, warn, error or silent`,
    choice("debug", "info", "warn", "error", "silent"),
  ),
  language: setting(
    "COLINK_LANGUAGE",
    "",
    t`language`,
    t`en or zh: what the program says at a terminal; unset: the locale's (LC_ALL, LC_MESSAGES, LANG)`,
    optional(choice("en", "zh")),
  ),
  nodeApproval: setting(
    "COLINK_NODE_APPROVAL",
    "off",
    "on|off",
    t`Whether new nodes wait for an administrator's approval`,
    onOff,
  ),
  policy: setting(
    "COLINK_POLICY",
    "auto",
    t`policy`,
    t`How a node is chosen: ${policyNames.join(", ")}`,
    choice(...policyNames),
  ),
  policies: setting(
    "COLINK_POLICIES",
    "",
    t`model=policy, by comma`,
    t`Models with a policy of their own`,
    byModel(...policyNames),
  ),
  queuePerModel: setting(
    "COLINK_QUEUE_PER_MODEL",
    "200",
    t`calls`,
    t`Calls that may wait for one model`,
    whole(0, 100_000),
  ),
  queuePerAccount: setting(
    "COLINK_QUEUE_PER_ACCOUNT",
    "50",
    t`calls`,
    t`Calls that may wait for one account, all models together`,
    whole(0, 100_000),
  ),
  queueWaitMs: setting(
    "COLINK_QUEUE_SECONDS",
    "60",
    "s",
    t`Longest wait for a free slot`,
    seconds(0, 3600),
  ),
  fasterWaitMs: setting(
    "COLINK_MAX_WAIT_SECONDS",
    "5",
    "s",
    t`Longest wait for a faster node while a slower one has a slot free; 0: none waits`,
    seconds(0, 60),
  ),
  completionWeight: setting(
    "COLINK_COMPLETION_WEIGHT",
    "2",
    t`tokens`,
    t`Where calls wait: as how many tokens of a prompt one token of an answer counts`,
    number(0, 100),
  ),
  deadlineMs: setting(
    "COLINK_DEADLINE_SECONDS",
    "1800",
    "s",
    t`Longest duration of a call; X-Stainless-Timeout shortens it`,
    seconds(1, 86_400),
  ),
  firstTokenMs: setting(
    "COLINK_FIRST_TOKEN_SECONDS",
    "600",
    "s",
    t`Longest silence before a stream's first chunk`,
    seconds(0.1, 86_400),
  ),
  idleMs: setting(
    "COLINK_IDLE_SECONDS",
    "300",
    "s",
    t`Longest silence between two chunks`,
    seconds(0.1, 86_400),
  ),
  keepAliveMs: setting(
    "COLINK_KEEPALIVE_SECONDS",
    "10",
    "s",
    t`Comment sent into silent streams this often`,
    seconds(0.1, 3600),
  ),
  wholeKeepAliveMs: setting(
    "COLINK_WHOLE_KEEPALIVE_SECONDS",
    "45",
    "s",
    t`A whole answer that takes longer begins with white space`,
    seconds(0.1, 86_400),
  ),
  callerIdleMs: setting(
    "COLINK_CALLER_IDLE_SECONDS",
    "75",
    "s",
    t`A caller's connection is closed after this long without traffic or a running call; longer than a load balancer keeps its own`,
    times(1000, whole(1, 255)),
  ),
  stallMs: setting(
    "COLINK_STALL_SECONDS",
    "30",
    "s",
    t`A caller that reads nothing this long loses its call`,
    seconds(0.1, 3600),
  ),
  maxAnswerMb: setting(
    "COLINK_MAX_ANSWER_MB",
    "64",
    "MiB",
    t`Largest answer that does not stream`,
    whole(1, 1024),
  ),
  replayMs: setting(
    "COLINK_REPLAY_SECONDS",
    "300",
    "s",
    t`An answer to a request with an Idempotency-Key is kept in memory this long after its end; 0: never`,
    seconds(0, 3600),
  ),
  storedResponsesMs: setting(
    "COLINK_STORED_RESPONSES_SECONDS",
    "600",
    "s",
    t`A response that its caller asked to be stored is kept in memory this long after its end; 0: never`,
    seconds(0, 86_400),
  ),
  keptCallBytes: setting(
    "COLINK_KEPT_CALL_BYTES",
    "1048576",
    "bytes",
    t`The most that is kept of one answer for callers who come back`,
    whole(0, 1 << 30),
  ),
  keptAnswerBytes: setting(
    "COLINK_KEPT_ANSWER_BYTES",
    "67108864",
    "bytes",
    t`Answers kept in memory for callers who come back; beyond it, the oldest of the account that holds most are dropped`,
    whole(0, 2 ** 40),
  ),
  keptAnswerBytesPerAccount: setting(
    "COLINK_KEPT_ANSWER_BYTES_PER_ACCOUNT",
    "16777216",
    "bytes",
    t`Answers of one account kept for callers who come back; beyond it, its oldest are dropped`,
    whole(0, 2 ** 40),
  ),
  idempotencyKeys: setting(
    "COLINK_IDEMPOTENCY_KEYS",
    "10000",
    t`keys`,
    t`Idempotency-Keys of one account that are remembered at a time`,
    whole(1, 10_000_000),
  ),
  maxBufferedBytes: setting(
    "COLINK_MAX_BUFFERED_BYTES",
    "1048576",
    "bytes",
    t`Held for a caller that reads slowly`,
    whole(65536, 1 << 30),
  ),
  maxRetries: setting(
    "COLINK_MAX_RETRIES",
    "3",
    t`times`,
    t`Other nodes tried before the first byte`,
    whole(0, 10),
  ),
  cancelGraceMs: setting(
    "COLINK_CANCEL_GRACE_SECONDS",
    "60",
    "s",
    t`A cancelled call keeps its slot this long unless its node confirms`,
    seconds(0, 3600),
  ),
  drainMs: setting(
    "COLINK_DRAIN_SECONDS",
    "120",
    "s",
    t`After SIGTERM, running calls may end within this time`,
    seconds(0, 3600),
  ),
  penaltyMs: setting(
    "COLINK_PENALTY_SECONDS",
    "60",
    "s",
    t`A node at fault gets no calls this long; 0: no penalties`,
    seconds(0, 86_400),
  ),
  penaltyMaxMs: setting(
    "COLINK_PENALTY_MAX_SECONDS",
    "600",
    "s",
    t`Each further fault doubles that, up to this`,
    seconds(0, 86_400),
  ),
  resumeMs: setting(
    "COLINK_RESUME_SECONDS",
    "30",
    "s",
    t`The calls of a node whose link is lost wait this long for it to come back; 0: not at all`,
    seconds(0, 300),
  ),
  registerMs: setting(
    "COLINK_REGISTER_SECONDS",
    "5",
    "s",
    t`A node must register within this time`,
    seconds(0.1, 60),
  ),
  pingMs: setting(
    "COLINK_PING_SECONDS",
    "15",
    "s",
    t`Nodes are pinged this often`,
    seconds(0.1, 300),
  ),
  silenceMs: setting(
    "COLINK_SILENCE_SECONDS",
    "45",
    "s",
    t`A node that is silent this long is dropped; never less than two pings`,
    seconds(0.2, 900),
  ),
  maxFrameBytes: setting(
    "COLINK_MAX_FRAME_BYTES",
    "8388608",
    "bytes",
    t`Largest frame taken from a node, and largest whole answer of wire v1`,
    whole(65536, 1 << 30),
  ),
};

/** The environment variable of each setting, for messages that name it. */
export const settingNames = Object.freeze(
  Object.fromEntries(Object.entries(settings).map(([name, { env }]) => [name, env])),
) as Readonly<Record<keyof typeof settings, string>>;

/** Whether a variable of the environment is one of the settings. */
export function isSetting(name: string): boolean {
  return Object.values(settings).some(({ env }) => env === name);
}

/** All settings, with defaults filled in: each member has the type that its row's reader returns. */
export type Config =
  & { -readonly [K in Exclude<keyof typeof settings, "port">]: Value<typeof settings[K]> }
  & { port: number };

type Value<S> = S extends Setting<infer T> ? T : never;

/** Whether the gateway itself speaks TLS. */
export function speaksTls({ domains, tlsCert }: Pick<Config, "domains" | "tlsCert">): boolean {
  return domains.length > 0 || tlsCert !== "";
}

/** The headings of `--help`, and the setting before which each stands: the sections of docs/configuration.md. */
const headings: Readonly<Record<string, string>> = {
  PORT: t`Where it listens`,
  COLINK_DATA_DIR: t`What it keeps, and where`,
  COLINK_REGISTRATION: t`Who may come in, and how much`,
  COLINK_POLICY: t`Which node gets a call`,
  COLINK_QUEUE_PER_MODEL: t`Calls that wait`,
  COLINK_DEADLINE_SECONDS: t`Calls that run`,
  COLINK_PENALTY_SECONDS: t`Nodes`,
};

/** The lines of `--help` that list every setting, by kind; a heading is not indented. */
export function settingsHelp(): string {
  const rows = Object.values(settings).map(({ env, fallback, unit, help }) =>
    [env, fallback || t`(unset)`, unit, help] as const
  );
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => Bun.stringWidth(row[column]!)))
  );
  const padded = (cell: string, column: number) =>
    cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell)));
  return rows.flatMap((row) => {
    const heading = headings[row[0]];
    const line = `  ${row.map(padded).join("  ")}`;
    return heading === undefined ? [line] : [`\n${heading}\n`, line];
  }).join("\n").trim();
}
