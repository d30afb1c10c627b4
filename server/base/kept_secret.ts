/** The gateway's secret: judged where it is set, and otherwise made once and kept in the data folder. */

import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SettingError } from "./setting.ts";
import { codeText } from "./trouble_cause.ts";
import { t } from "../texts.ts";

/** Secrets from examples and tutorials. */
const WELL_KNOWN = /^(.)\1*$|changeme|change-me|your[-_ ]?(jwt[-_ ]?)?secret|supersecret/i;

const ADVICE = t`make one with: openssl rand -hex 32`;

/** What is wrong with a secret from the environment; null: nothing. The text never repeats it. */
export function secretProblem(secret: string): string | null {
  if (isShort(secret)) return t`shorter than 32 bytes; ${ADVICE}`;
  return WELL_KNOWN.test(secret) ? t`a value from an example; ${ADVICE}` : null;
}

export const SECRET_REQUIRED = t`required with DATABASE_URL, the same for all gateways; ${ADVICE}`;

function isShort(secret: string): boolean {
  return new TextEncoder().encode(secret).length < 32;
}

/** The secret of a data folder, made now if there is none. Throws SettingError about the folder. */
export function keptSecret(dataDir: string): string {
  const path = join(dataDir, "secret");
  let secret: string;
  try {
    if (!existsSync(path)) makeSecret(dataDir, path);
    secret = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new SettingError(
      t`expected a folder that can be written and read (${codeText(error)})`,
    );
  }
  if (!isShort(secret)) return secret;
  throw new SettingError(
    t`its file "secret" is damaged; restore it, or delete it: then every token and session that was made with it is void`,
  );
}

/** Whether a data folder's own secret is this one; it may have none. */
export function isKept(dataDir: string, secret: string): boolean {
  const path = join(dataDir, "secret");
  return existsSync(path) && readFileSync(path, "utf8").trim() === secret;
}

/** Puts a secret in the place of a data folder's own, under which nothing is sealed yet. */
export function keepSecret(dataDir: string, secret: string): void {
  const draft = join(dataDir, `secret.${crypto.randomUUID()}`);
  writeFileSync(draft, secret + "\n", { mode: 0o600, flag: "wx" });
  renameSync(draft, join(dataDir, "secret"));
}

function makeSecret(dataDir: string, path: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const draft = `${path}.${crypto.randomUUID()}`;
  writeFileSync(draft, Buffer.from(bytes).toString("hex") + "\n", { mode: 0o600, flag: "wx" });
  try {
    // Linking is atomic and never replaces a file: the secret appears whole, and an existing one stays.
    linkSync(draft, path);
  } catch (error) {
    // Another process that started at the same moment made the secret first.
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(draft);
  }
}
