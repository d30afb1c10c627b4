/** `server doctor`: looks at what a gateway depends on, and says of each whether it is well, or cause and cure. */

import { isLoopback } from "./base/loopback.ts";
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type CommandDef, defineCommand } from "citty";
import { buildFacts } from "../release/mod.ts";
import { type Check, climb, failed, type Finding, ok, skipped, warning } from "../service/mod.ts";
import { SignInProvider } from "./account/oidc/sign_in_provider.ts";
import { Budgets } from "./base/budgets.ts";
import { systemClock } from "./base/clock.ts";
import { type Config, isSetting, speaksTls } from "./base/config.ts";
import { ConfigError, readConfig } from "./base/read_config.ts";
import { freeBytes, MIN_FREE_BYTES } from "./base/free_space.ts";
import { KEPT_ADMINISTRATOR } from "./base/kept_administrator.ts";
import { silentLog } from "./base/log.ts";
import { parseRedisUrl } from "./base/redis_url.ts";
import { programName } from "./base/program_name.ts";
import { causeText, causeTextOf, codeText } from "./base/trouble_cause.ts";
import { downloadDirs } from "./page_parts.ts";
import { createLimits } from "./limit/open.ts";
import { openStore } from "./store/open.ts";
import { reachableUrl, rememberedUrls } from "./urls.ts";
import { t } from "./texts.ts";

type Env = Readonly<Record<string, string | undefined>>;

const ANSWER_WITHIN_MS = 10_000;
const DIAL_WITHIN_MS = 2000;
/** About the difference that checks of a sign-in provider's tokens allow. */
const MAX_SKEW_MS = 60_000;

export function doctorCommand(env: Env): CommandDef {
  return defineCommand({
    meta: {
      name: "doctor",
      description: t`Check what the gateway depends on; each line with a cause and a cure`,
    },
    args: {
      report: {
        type: "boolean",
        description:
          t`Begin with versions and the names of the settings, to be shown to others; no secrets`,
      },
    },
    async run({ args }) {
      if (args.report) { for (const line of reportHead(env)) console.log(line); }
      process.exitCode = await examine(env, (line) => console.log(line)) ? 0 : 1;
    },
  }) as unknown as CommandDef;
}

/** Resolves with whether nothing has failed. */
async function examine(env: Env, say: (line: string) => void): Promise<boolean> {
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.problems.map((text) =>
      failed(text, t`${programName} --help lists every setting`)
    );
    return await climb([{ name: t`settings`, run: () => findings }], say);
  }
  return await climb(checksOf(config), say);
}

function checksOf(config: Config): Check[] {
  return [
    { name: t`settings`, run: () => ok(t`valid`) },
    { name: t`data folder`, run: () => dataFolder(config) },
    { name: t`disk`, run: () => disk(config) },
    { name: t`database`, run: () => database(config) },
    { name: "Redis", run: () => redis(config) },
    { name: t`sign-in provider`, run: () => signInProvider(config) },
    { name: t`clock`, run: () => clock(config) },
    { name: t`gateway`, run: () => listening(config) },
    { name: t`public address`, run: () => publicAddress(config) },
    { name: "TLS", run: () => tls(config) },
    { name: t`downloads`, run: () => downloads(config) },
    {
      name: t`version`,
      run: () =>
        ok(`${buildFacts.version}, Bun ${Bun.version}, ${process.platform} ${process.arch}`),
    },
  ];
}

function dataFolder({ dataDir }: Config): Finding {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok(dataDir);
  } catch (error) {
    return failed(
      t`${dataDir} cannot be read and written (${codeText(error)})`,
      t`give it to the gateway's user, or set COLINK_DATA_DIR to a folder of its own`,
    );
  }
}

async function disk({ dataDir }: Config): Promise<Finding> {
  const free = await freeBytes(dataDir);
  const text = t`${Math.round(free / 2 ** 20)} MiB free`;
  return free >= MIN_FREE_BYTES
    ? ok(text)
    : warning(text, t`make room at ${dataDir}: ended calls wait there while the database is away`);
}

async function database({ databaseUrl, dataDir }: Config): Promise<Finding> {
  const name = databaseUrl === null ? t`SQLite in ${dataDir}` : "PostgreSQL";
  if (databaseUrl === null && !existsSync(join(dataDir, "colink.db"))) {
    return skipped(t`${name}: it is made when the gateway starts for the first time`);
  }
  const store = await openStore({ databaseUrl, dataDir, log: silentLog });
  try {
    await store.probe();
    const kept = await store.sharedItems.find(KEPT_ADMINISTRATOR, systemClock.now());
    return kept === null ? ok(t`${name} takes writes`) : warning(
      t`${name} takes writes; the sign-in provider no longer makes ${kept} an administrator, but there is no other`,
      t`make another account an administrator, or correct the groups at the provider`,
    );
  } catch (error) {
    return failed(
      t`${name}: ${causeText(error)}`,
      databaseUrl === null
        ? t`look at the folder's owner and the disk; a gateway that never started has made no tables yet`
        : t`check DATABASE_URL, that the server runs, and that this machine may connect; a gateway that never started has made no tables yet`,
    );
  } finally {
    await store.close();
  }
}

async function signInProvider(config: Config): Promise<Finding> {
  if (config.oidcIssuer === null) return skipped(t`not set: people sign in with passwords`);
  const provider = new SignInProvider({ config, clock: systemClock, budgets: new Budgets() });
  try {
    const { issuer, isLasting } = await provider.facts();
    return isLasting ? ok(t`${issuer} answers`) : warning(
      t`${issuer} answers, and lists no offline_access`,
      t`allow that scope there: without it, people and their keys lose access when the provider's session ends`,
    );
  } catch (error) {
    return failed(
      t`${config.oidcIssuer}: ${causeText(error)}`,
      t`check COLINK_OIDC_ISSUER, which its discovery document must repeat, and that this machine reaches it`,
    );
  }
}

/** Compares this machine's clock, which dates sessions, links and the ledger and checks a provider's tokens, with another one. */
async function clock(
  { oidcIssuer, domains, acmeDirectory }: Config,
): Promise<Finding> {
  const nowMs = Date.now();
  const cure =
    t`set this machine's clock, best by NTP: sign-ins, links and certificates are checked by it`;
  const { committedAt } = buildFacts;
  if (committedAt !== null && nowMs < Date.parse(committedAt)) {
    return warning(t`${isoMinute(nowMs)}, which is before this program was made`, cure);
  }
  const other = oidcIssuer ?? (domains.length > 0 ? acmeDirectory : null);
  if (other === null) return ok(t`${isoMinute(nowMs)}; there is no other to compare it with`);
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS / 2);
  const response = await fetch(other, { signal }).catch(() => null);
  await response?.body?.cancel();
  const date = Date.parse(response?.headers.get("date") ?? "");
  if (Number.isNaN(date)) return skipped(t`${other} does not say its time`);
  // A cache passes on the date at which it got the answer, and says how long ago that was.
  const ageMs = 1000 * (Number(response?.headers.get("age")) || 0);
  const skewMs = date + ageMs - Date.now();
  const text = t`${Math.round(Math.abs(skewMs) / 1000)} s from that of ${other}`;
  return Math.abs(skewMs) <= MAX_SKEW_MS ? ok(text) : warning(text, cure);
}

function isoMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

async function redis({ redisUrl, jwtSecret: secret }: Config): Promise<Finding> {
  if (redisUrl === null) return skipped(t`not set: limits in memory, one gateway`);
  const limits = await createLimits({
    redisUrl,
    secret,
    gateways: () => 1,
    clock: systemClock,
    log: silentLog,
  });
  try {
    const endMs = Date.now() + ANSWER_WITHIN_MS / 2;
    while (limits.limiter.trouble !== null && Date.now() < endMs) await Bun.sleep(100);
    const { trouble } = limits.limiter;
    return trouble === null ? ok(t`answers and takes writes`) : failed(
      /closed|not connected/.test(trouble)
        ? await dialTrouble(parseRedisUrl(redisUrl).hosts) ?? causeTextOf(trouble)
        : causeTextOf(trouble),
      t`check REDIS_URL, that Redis runs, and its maxmemory; until then each gateway counts for itself`,
    );
  } finally {
    await limits.close();
  }
}

/** Why a server cannot be dialled: clients of Sentinel and of a Redis Cluster only report that it closed. Null: all can be. */
async function dialTrouble(
  hosts: readonly { host: string; port: number }[],
): Promise<string | null> {
  const troubles = await Promise.all(hosts.map(async ({ host, port }) => {
    try {
      const dialled = Bun.connect({ hostname: host, port, socket: { data() {} } })
        .then((socket) => void socket.end());
      const isLate = await Promise.race([
        dialled.then(() => false),
        Bun.sleep(DIAL_WITHIN_MS).then(() => true),
      ]);
      // One that fails after all is late all the same.
      dialled.catch(() => {});
      return isLate ? causeTextOf(`${host}:${port} does not answer`) : null;
    } catch (error) {
      return `${host}:${port}: ${codeText(error)}`;
    }
  }));
  return troubles.find((trouble) => trouble !== null) ?? null;
}

async function listening(config: Config): Promise<Finding> {
  const { host, port } = config;
  if (port === 0) return skipped(t`PORT=0: its port is known only to itself`);
  const isSecure = speaksTls(config);
  const configured = reachableUrl(host, port, isSecure ? "https" : "http");
  // The certificate is for its name, not for this machine's own address.
  const tls = { rejectUnauthorized: !isSecure };
  let url = configured;
  let response = await answerOf(`${url}/readyz`, tls);
  if (response === null) {
    // PORT may be set for the gateway, and not in this shell.
    url = await lastUrl(config) ?? configured;
    if (url !== configured) response = await answerOf(`${url}/readyz`, tls);
  }
  if (response === null) {
    return failed(
      t`nothing answers at ${configured}`,
      t`start it: ${programName}, or ${programName} service install`,
    );
  }
  const ready = await response.json().catch(() => null) as { status?: string } | null;
  if (ready?.status === undefined) {
    return failed(t`another program answers at ${url}`, t`set PORT to a free one`);
  }
  return ready.status === "ok"
    ? ok(t`ready at ${url}`)
    : warning(t`${ready.status} at ${url}`, t`see which check of ${url}/readyz is not ok`);
}

/** The address on this machine of the gateway that was started last; null: that is not known. */
async function lastUrl(config: Config): Promise<string | null> {
  // In PostgreSQL it may be another machine's; opening a SQLite file that is not there would make one.
  if (config.databaseUrl !== null || !existsSync(join(config.dataDir, "colink.db"))) return null;
  try {
    const store = await openStore({ ...config, log: silentLog });
    try {
      return (await rememberedUrls(store, { ...config, publicUrl: null }))[0] ?? null;
    } finally {
      await store.close();
    }
  } catch {
    return null;
  }
}

async function publicAddress({ publicUrl }: Config): Promise<Finding> {
  if (publicUrl === null) {
    return warning(
      t`COLINK_PUBLIC_URL is not set`,
      t`set it to the address that people use: snippets and links then name it`,
    );
  }
  const response = await answerOf(`${publicUrl.replace(/\/+$/, "")}/livez`);
  if (response?.ok) return ok(t`${publicUrl} answers, seen from this machine`);
  return failed(
    t`${publicUrl} ${
      response === null ? t`does not answer` : t`answers ${response.status}`
    }, seen from this machine`,
    t`check its DNS entry, the proxy before the gateway and the firewall; some routers do not let a machine reach its own public address: try from outside`,
  );
}

function tls(config: Config): Finding {
  const { publicUrl, host } = config;
  if (speaksTls(config)) return ok(t`the gateway speaks HTTPS by itself`);
  if (publicUrl?.startsWith("https:")) return ok(t`the public address is encrypted`);
  const isLocal = isLoopback(host) && publicUrl === null;
  return isLocal ? ok(t`listens on this machine only`) : warning(
    t`others reach this gateway without encryption: keys, prompts and answers can be read on the way`,
    t`${programName} --domain NAME serves HTTPS by itself; docs/deployment.md has proxies`,
  );
}

function downloads(config: Config): Finding {
  const folders = downloadDirs(config);
  const found = folders.find((folder) => existsSync(join(folder, "SHA256SUMS")));
  return found !== undefined ? ok(t`${found} has a release for new machines`) : warning(
    t`no node programs in ${
      folders.join(t` or `)
    }: the command of "Add a node" finds nothing to install`,
    t`copy bin/downloads there, which this makes: npx bun@1.4.5 run release`,
  );
}

async function answerOf(
  url: string,
  tls: { rejectUnauthorized?: boolean } = {},
): Promise<Response | null> {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    return await fetch(url, { signal, tls } as RequestInit);
  } catch {
    return null;
  }
}

/** What helps others to help; names of settings, no values. */
function reportHead(env: Env): string[] {
  const set = Object.keys(env).filter((name) => isSetting(name) && env[name]);
  return [
    `Co-Link gateway ${buildFacts.version}`,
    `Bun ${Bun.version}, ${process.platform} ${process.arch}`,
    `Settings that are set: ${set.join(", ") || "none"}`,
    "",
  ];
}
