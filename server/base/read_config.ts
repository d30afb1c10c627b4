/** Environment → Config, checked once. The only server file that reads the environment. */

import { readFileSync } from "node:fs";
import { closest, distance } from "fastest-levenshtein";
import { type Config, type Setting, settings, speaksTls } from "./config.ts";
import { keptSecret, SECRET_REQUIRED, secretProblem } from "./kept_secret.ts";
import { SettingError } from "./setting.ts";
import { codeText } from "./trouble_cause.ts";
import { t } from "../texts.ts";

/** Settings that are not valid; `problems` has a line for each of them, not only the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(t`Cannot start: ${problems.join("; ")}`);
  }
}

/** Words of a command that are not valid: nothing is wrong with the settings. */
export class UsageError extends ConfigError {}

/**
 * Reads and checks every setting. Where no secret is set, creates the data folder and a secret in it.
 * Throws ConfigError with a line for each setting that is not valid.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = (setting: Setting<unknown>) => env[setting.env]?.trim() || setting.fallback;
  const problems: string[] = [];
  const read = (setting: Setting<unknown>): unknown => {
    const value = given(setting);
    try {
      return setting.read(value);
    } catch (error) {
      return void problems.push(problem(setting, value, error));
    }
  };
  const config = Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [name, read(setting)]),
  ) as Config;
  problems.push(
    ...unknownNames(env),
    ...secretProblems(given(settings.jwtSecret), given(settings.databaseUrl)),
    ...tlsProblems(config),
    ...pathProblems(config),
    ...oidcProblems(config),
  );
  if (problems.length > 0) throw new ConfigError(problems);
  raiseLimits(config);
  if (config.jwtSecret === "") config.jwtSecret = secretOf(config.dataDir);
  deriveAddresses(config);
  return config;
}

/** Raises limits that others of the settings would make useless. */
function raiseLimits(config: Config): void {
  // A node that is pinged seldom answers seldom: a shorter limit would drop healthy nodes.
  config.silenceMs = Math.max(config.silenceMs, 2 * config.pingMs);
  // A body of the allowed size must find room in empty budgets.
  config.bodyBytesPerAccount = Math.max(config.bodyBytesPerAccount, config.maxBodyBytes);
  config.bodyBytes = Math.max(config.bodyBytes, config.maxBodyBytes);
  // So must what is held of one answer before it goes on to its caller, and behind it one more frame.
  const heldBytes = 2 * config.maxFrameBytes;
  config.answerBytesPerAccount = Math.max(config.answerBytesPerAccount, heldBytes);
  config.answerBytes = Math.max(config.answerBytes, heldBytes);
}

function deriveAddresses(config: Config): void {
  deriveHostAddresses(config);
  if (config.publicUrl === null) return;
  config.basePath ||= basePathOf(config.publicUrl);
  config.publicUrl = new URL(config.publicUrl).origin + config.basePath;
}

function basePathOf(url: string): string {
  return new URL(url).pathname.replace(/\/+$/, "");
}

function deriveHostAddresses(config: Config): void {
  // The type says what `port` is from here on.
  config.port ??= speaksTls(config) ? 443 : 8080;
  const [domain] = config.domains;
  if (domain === undefined) return;
  config.httpPort ??= 80;
  if (config.port === 0) return;
  config.publicUrl ??= `https://${domain}${config.port === 443 ? "" : `:${config.port}`}`;
}

/** A proxy that serves the gateway below another path than its own would have to change pages. */
function pathProblems({ publicUrl = null, basePath = "" }: Config): string[] {
  const given = publicUrl === null ? "" : basePathOf(publicUrl);
  return given === "" || basePath === "" || given === basePath ? [] : [
    t`${settings.basePath.env}: differs from the path of ${settings.publicUrl.env}; set one of them`,
  ];
}

/** Settings about the sign-in provider that do not go together; reads the secret's file. */
function oidcProblems(config: Config): string[] {
  const { oidcIssuer: issuer, oidcClientSecretFile: file } = config;
  const isGiven = (value: unknown) => Array.isArray(value) ? value.length > 0 : Boolean(value);
  if (!issuer) {
    return oidcSettings
      .filter((name) => isGiven(config[name]))
      .map((name) => t`${settings[name].env}: needs ${settings.oidcIssuer.env} too`);
  }
  const problems: string[] = [];
  const { oidcClientId: id, oidcClientSecret: secret, oidcGroupsClaim: claim } = settings;
  if (!config.oidcClientId) problems.push(t`${id.env}: required with ${settings.oidcIssuer.env}`);
  if (!config.oidcGroupsClaim) {
    for (const name of ["oidcGroups", "oidcAdmins"] as const) {
      if (isGiven(config[name])) problems.push(t`${settings[name].env}: needs ${claim.env} too`);
    }
  }
  if (!file) return problems;
  if (config.oidcClientSecret) {
    return [...problems, t`${settings.oidcClientSecretFile.env}: set either it or ${secret.env}`];
  }
  try {
    config.oidcClientSecret = readFileSync(file, "utf8").trim();
    if (config.oidcClientSecret === "") throw new SettingError(t`the file is empty`);
  } catch (error) {
    problems.push(
      t`${settings.oidcClientSecretFile.env}: cannot read the secret (${codeText(error)})`,
    );
  }
  return problems;
}

/** Settings that are empty or off unless they were given. */
const oidcSettings = [
  "oidcClientId",
  "oidcClientSecret",
  "oidcClientSecretFile",
  "oidcScopes",
  "oidcGroupsClaim",
  "oidcGroups",
  "oidcAdmins",
  "oidcTrustEmail",
  "oidcOnly",
  "oidcLabel",
] as const;

/** Settings about certificates that do not go together. A setting that could not be read is undefined. */
function tlsProblems(
  { domains = [], tlsCert = "", tlsKey = "", httpPort = null }: Config,
): string[] {
  const { domains: domain, tlsCert: cert, tlsKey: key, httpPort: http } = settings;
  const isSecure = speaksTls({ domains, tlsCert });
  return [
    tlsCert !== "" && tlsKey === "" && t`${key.env}: required with ${cert.env}`,
    tlsKey !== "" && tlsCert === "" && t`${cert.env}: required with ${key.env}`,
    domains.length > 0 && tlsCert !== "" &&
    t`${domain.env}: fetches a certificate; set either it or ${cert.env}`,
    httpPort !== null && !isSecure &&
    t`${http.env}: redirects to HTTPS; set ${domain.env} or ${cert.env} too, or PORT alone`,
  ].filter((problem) => problem !== false);
}

function unknownNames(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>(Object.values(settings).map((setting) => setting.env));
  return Object.keys(env)
    .filter((name) => name.startsWith("COLINK_") && !known.has(name) && !OTHERS.test(name))
    .map((name) => {
      const near = closest(name, [...known]);
      return distance(name, near) <= MAX_EDITS
        ? t`${name}: no such setting; perhaps ${near}? --help lists all`
        : t`${name}: no such setting; --help lists all`;
    });
}

/** A name further away from an unknown one is no misspelling of it. */
const MAX_EDITS = 4;

/** Variables that other parts of the product read: the tests, the scripts, a build and the client. */
const OTHERS = /^COLINK_(TEST_.*|CLIENT_.*|RELEASE_.*|BUILD_.*|API_KEY)$/;

function secretProblems(secret: string, databaseUrl: string): string[] {
  if (secret === "" && databaseUrl === "") return [];
  const found = secret === "" ? SECRET_REQUIRED : secretProblem(secret);
  return found === null ? [] : [`${settings.jwtSecret.env}: ${found}`];
}

function secretOf(dataDir: string): string {
  try {
    return keptSecret(dataDir);
  } catch (error) {
    throw new ConfigError([problem(settings.dataDir, dataDir, error)]);
  }
}

/** Rethrows what is no SettingError. Text that may hold a password is not repeated. */
function problem({ env }: Setting<unknown>, given: string, error: unknown): string {
  if (!(error instanceof SettingError)) throw error;
  const shown = /_(URL|SECRET)$/.test(env) ? t`(not shown)` : JSON.stringify(given);
  return `${env}=${shown}: ${error.message}`;
}
