/** `server backup`, `restore` and `migrate`: the whole database, whether the gateway runs or not. */

import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineCommand } from "citty";
import type { Config } from "./base/config.ts";
import { ConfigError, readConfig } from "./base/read_config.ts";
import { databaseUrl } from "./base/database_url.ts";
import { isKept, keepSecret } from "./base/kept_secret.ts";
import { LAST_BACKUP } from "./base/last_backup.ts";
import { silentLog } from "./base/log.ts";
import { SettingError } from "./base/setting.ts";
import {
  backUp,
  BackupError,
  type BackupFacts,
  factsOf,
  restore,
  type RowCounts,
} from "./store/backup.ts";
import { openStore } from "./store/open.ts";
import { t } from "./texts.ts";

/** For so long the last backup is remembered. */
const REMEMBERED_MS = 10 * 365 * 24 * 60 * 60_000;

const file = { type: "positional", required: true, valueHint: "FILE" } as const;

export const backupCommand = defineCommand({
  meta: {
    name: "backup",
    description: t`Write everything to a new file, also while the gateway runs`,
  },
  args: { file: { ...file, description: t`Must not exist` } },
  async run({ args }) {
    const config = readConfig(process.env);
    const counts = await backUp(config, args.file, factsFor(config));
    await noteBackup(config);
    console.log(t`${args.file}: ${described(counts)}, readable by you alone`);
    console.log(
      isKept(config.dataDir, config.jwtSecret)
        ? t`It holds the gateway's secret: keep it as you keep that.`
        : t`It is of use only with the gateway's JWT_SECRET, which is not in it.`,
    );
  },
});

export const restoreCommand = defineCommand({
  meta: {
    name: "restore",
    description: t`Fill the configured database, which must be empty, from a backup`,
  },
  args: { file: { ...file, description: t`A file that "backup" has written` } },
  async run({ args }) {
    const config = readConfig(process.env);
    const facts = factsOf(args.file);
    const secret = secretFor(facts, config);
    const counts = await restore(args.file, config);
    if (secret !== null) keepSecret(config.dataDir, secret);
    const at = new Date(facts.createdAt).toISOString();
    console.log(t`restored the state of ${at}: ${described(counts)}; start the gateway`);
  },
});

export const migrateCommand = defineCommand({
  meta: {
    name: "migrate",
    description: t`Copy everything from SQLite to an empty PostgreSQL, also while the gateway runs`,
  },
  args: {
    to: {
      type: "string",
      required: true,
      valueHint: "postgres://…",
      description: t`The PostgreSQL; its password may be given as PGPASSWORD in the environment`,
    },
  },
  async run({ args }) {
    const config = readConfig(process.env);
    const target = checkedTarget(args.to);
    if (config.databaseUrl !== null) {
      throw new ConfigError([t`DATABASE_URL: the gateway uses PostgreSQL already; unset it`]);
    }
    const folder = mkdtempSync(join(tmpdir(), "co-link-"));
    try {
      const copy = join(folder, "copy");
      await backUp(config, copy, factsFor(config));
      const counts = await restore(copy, { databaseUrl: target, dataDir: folder });
      console.log(t`copied and compared: ${described(counts)}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const secret = isKept(config.dataDir, config.jwtSecret)
      ? t`the content of ${join(config.dataDir, "secret")}`
      : t`the same as now`;
    console.log(
      t`Stop the gateway now: what it writes from here on is not copied. Start it again with DATABASE_URL set to that PostgreSQL, and JWT_SECRET to ${secret}.`,
    );
  },
});

/** Lets the gateway know, which warns of old backups. A backup is one also where this cannot be written down. */
async function noteBackup({ databaseUrl, dataDir }: Config): Promise<void> {
  const at = Date.now();
  const store = await openStore({ databaseUrl, dataDir, log: silentLog });
  try {
    await store.sharedItems.put({
      name: LAST_BACKUP,
      value: String(at),
      expiresAt: at + REMEMBERED_MS,
    });
  } catch {
    console.error(
      t`This backup could not be recorded in the database: the gateway may warn of an older one.`,
    );
  } finally {
    await store.close();
  }
}

function factsFor({ dataDir, jwtSecret }: Config): BackupFacts {
  return {
    createdAt: Date.now(),
    secretDigest: digestOf(jwtSecret),
    secret: isKept(dataDir, jwtSecret) ? jwtSecret : null,
  };
}

/** The secret that the data folder needs; null: the configured one fits. Throws BackupError where none does. */
function secretFor({ secret, secretDigest }: BackupFacts, config: Config): string | null {
  if (digestOf(config.jwtSecret) === secretDigest) return null;
  const isOwn = config.databaseUrl === null && isKept(config.dataDir, config.jwtSecret);
  if (isOwn && secret !== null) return secret;
  throw new BackupError(
    t`Cannot restore: its tokens are sealed under another secret; set JWT_SECRET to that of the gateway that was backed up`,
  );
}

function digestOf(secret: string): string {
  return createHmac("sha256", secret).update("co-link backup").digest("hex");
}

function checkedTarget(text: string): string {
  try {
    const url = databaseUrl(text);
    if (url !== null) return url;
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    throw new ConfigError([`--to: ${error.message}`]);
  }
  throw new ConfigError([t`--to: expected postgres://…`]);
}

function described(counts: RowCounts): string {
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const { accounts = 0, ledger = 0 } = counts;
  return t`${rows} rows, with ${accounts} accounts and ${ledger} calls`;
}
