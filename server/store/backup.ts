/**
 * Copies of a whole database while gateways use it: from either kind into a file, which is a SQLite
 * database, and from such a file into an empty database of either kind. Each copy is compared with
 * its source, row counts and sums, before it gets its name or is committed.
 */

import { Database } from "bun:sqlite";
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import postgres from "postgres";
import { parseDatabaseUrl } from "../base/database_url.ts";
import { silentLog } from "../base/log.ts";
import { causeText, codeText } from "../base/trouble_cause.ts";
import { t } from "../texts.ts";
import { openStore } from "./open.ts";
import { openClient } from "./postgres_client.ts";
import { DATABASE_FILE } from "./sqlite.ts";

/** Where a database is. */
export interface DatabasePlace {
  /** Null: SQLite in `dataDir`. */
  databaseUrl: string | null;
  dataDir: string;
}

/** What belongs to a backup beside its tables. */
export interface BackupFacts {
  /** The time of the backup, UTC milliseconds. */
  createdAt: number;
  /** Tells whether another secret is the one under which the backup's tokens are sealed. */
  secretDigest: string;
  /** The secret itself, where the gateway has made it; null: the operator keeps it. */
  secret: string | null;
}

/** Rows by table. */
export type RowCounts = Record<string, number>;

/** A problem that the operator can fix; nothing has changed. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

const FACTS_TABLE = "colink_backup";
/** Made by the migrations of each database itself. */
const OWN_TABLES: ReadonlySet<string> = new Set(["colink_schema", FACTS_TABLE]);

const ROWS_AT_ONCE = 500;

/** Without the log of what was written last, which would lie beside it. */
const ONE_FILE = "pragma journal_mode = delete";

/** Writes a backup to a new file. Throws BackupError. */
export async function backUp(
  source: DatabasePlace,
  file: string,
  facts: BackupFacts,
): Promise<RowCounts> {
  if (existsSync(file)) {
    throw new BackupError(t`Cannot write ${file}: it exists already; name a new file`);
  }
  return await inFolderBeside(file, async (folder) => {
    const draft = join(folder, DATABASE_FILE);
    if (source.databaseUrl === null) copyFile(source.dataDir, draft);
    else await copyServer(source.databaseUrl, folder);
    const counts = seal(draft, facts);
    publish(draft, file);
    return counts;
  });
}

/** Reads what a backup says of itself. Throws BackupError for any other file. */
export function factsOf(file: string): BackupFacts {
  if (!existsSync(file)) throw new BackupError(t`Cannot read ${file}: there is no such file`);
  try {
    using database = new Database(file, { readonly: true });
    const row = database.query<{ facts: string }, []>(`select facts from ${FACTS_TABLE}`).get();
    return JSON.parse(row?.facts ?? "") as BackupFacts;
  } catch {
    throw new BackupError(t`Cannot read ${file}: it is no backup of a gateway, or damaged`);
  }
}

/** Fills an empty database from a backup, which may be an earlier version's. Throws BackupError, and NewerSchemaError. */
export async function restore(file: string, target: DatabasePlace): Promise<RowCounts> {
  const { databaseUrl, dataDir } = target;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const own = join(dataDir, DATABASE_FILE);
  if (databaseUrl === null && existsSync(own)) {
    throw new BackupError(
      t`Cannot restore to ${own}: it exists already; stop the gateway and move it away first`,
    );
  }
  return await inFolderBeside(own, async (folder) => {
    const draft = join(folder, DATABASE_FILE);
    vacuumInto(file, draft);
    factsOf(draft);
    await migrate({ databaseUrl: null, dataDir: folder });
    const counts = withoutFacts(draft);
    if (databaseUrl !== null) return await fillServer(draft, databaseUrl);
    publish(draft, own);
    return counts;
  });
}

/** Runs the work with a folder on the same disk, which is gone afterwards. */
async function inFolderBeside<T>(file: string, work: (folder: string) => Promise<T>): Promise<T> {
  let folder: string;
  try {
    folder = mkdtempSync(join(dirname(resolve(file)), ".co-link-"));
  } catch (error) {
    const { code } = error as { code?: string };
    throw new BackupError(
      code === "ENOENT"
        ? t`Cannot write ${file}: make the folder ${dirname(resolve(file))} first`
        : t`Cannot write to the folder ${dirname(resolve(file))} (${
          codeText(error)
        }): make sure that it is writable and has room`,
    );
  }
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A consistent copy, also during writes. */
function copyFile(dataDir: string, draft: string): void {
  const file = join(dataDir, DATABASE_FILE);
  if (!existsSync(file)) throw new BackupError(t`Cannot back up ${file}: there is no such file`);
  vacuumInto(file, draft);
}

function vacuumInto(file: string, draft: string): void {
  try {
    using database = new Database(file, { readonly: true });
    database.exec("pragma busy_timeout = 5000");
    database.query("vacuum into ?").run(draft);
    chmodSync(draft, 0o600);
  } catch (error) {
    throw new BackupError(t`Cannot copy ${file}: ${causeText(error)}`);
  }
}

/** Marks a draft as a backup. Throws BackupError where it is damaged. */
function seal(draft: string, facts: BackupFacts): RowCounts {
  using database = new Database(draft, { readwrite: true });
  const check = database.query<{ integrity_check: string }, []>("pragma integrity_check").get();
  if (check?.integrity_check !== "ok") {
    throw new BackupError(t`Cannot back up: the copy is damaged`);
  }
  database.exec(`create table ${FACTS_TABLE} (facts text not null)`);
  database.query(`insert into ${FACTS_TABLE} values (?)`).run(JSON.stringify(facts));
  database.exec(ONE_FILE);
  return countsOf(database);
}

function withoutFacts(draft: string): RowCounts {
  using database = new Database(draft, { readwrite: true });
  database.exec(`drop table ${FACTS_TABLE}`);
  database.exec(ONE_FILE);
  return countsOf(database);
}

/** Gives the draft its name. Linking never replaces a file that has come meanwhile. */
function publish(draft: string, file: string): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    throw new BackupError(t`Cannot write ${file} (${codeText(error)})`);
  }
}

async function migrate(place: DatabasePlace): Promise<void> {
  const store = await openStore({ ...place, log: silentLog });
  try {
    await store.migrate();
  } finally {
    await store.close();
  }
}

/** From a server into a new file of the same schema, in one snapshot. */
async function copyServer(databaseUrl: string, folder: string): Promise<void> {
  await migrate({ databaseUrl: null, dataDir: folder });
  using file = new Database(join(folder, DATABASE_FILE), { readwrite: true });
  const client = openClient(parseDatabaseUrl(databaseUrl), { max: 1, prepare: false });
  try {
    await client.begin("isolation level repeatable read read only", async (sql) => {
      const [version] = await sql.unsafe("select version from colink_schema");
      const own = file.query<{ version: number }, []>("select version from colink_schema").get();
      if (version?.version !== own?.version) {
        throw new BackupError(
          t`Cannot back up: the database has version ${version?.version} of the schema, this program ${own?.version}; use the gateway's own program`,
        );
      }
      for (const { name, columns } of tablesOf(file)) {
        const list = columns.map((column) => column.name).join(", ");
        const places = columns.map(() => "?").join(", ");
        const insert = file.prepare(`insert into ${name} (${list}) values (${places})`);
        const write = file.transaction((rows: postgres.Row[]) => {
          for (const row of rows) insert.run(...columns.map((column) => row[column.name]));
        });
        const rows = sql.unsafe(`select ${list} from ${name}`).cursor(ROWS_AT_ONCE);
        for await (const some of rows) write(some);
        await compare(file, name, columns, (query) => sql.unsafe(query));
      }
    });
  } finally {
    await client.end({ timeout: 1 });
  }
}

/** All tables in one transaction, which is committed if source and copy are alike. */
async function fillServer(draft: string, databaseUrl: string): Promise<RowCounts> {
  await migrate({ databaseUrl, dataDir: dirname(draft) });
  using file = new Database(draft, { readonly: true });
  const client = openClient(parseDatabaseUrl(databaseUrl), { max: 1, prepare: false });
  try {
    await client.begin(async (sql) => {
      for (const { name, columns } of tablesOf(file)) {
        // Until the end, no other client writes there.
        await sql.unsafe(`lock table ${name} in exclusive mode`);
        // A gateway that has started there has left its addresses, and nothing else.
        if (name === "shared_items") await sql.unsafe(`delete from ${name}`);
        const [found] = await sql.unsafe(`select 1 as one from ${name} limit 1`);
        if (found !== undefined) {
          throw new BackupError(
            t`Cannot fill the database: its table ${name} is not empty; name an empty database`,
          );
        }
        const list = columns.map((column) => column.name).join(", ");
        const insert = `insert into ${name} (${list}) select ${list} ` +
          `from json_populate_recordset(null::${name}, $1::text::json)`;
        const rows = file.query(`select ${list} from ${name}`).iterate();
        for (const some of inBatches(rows)) await sql.unsafe(insert, [JSON.stringify(some)]);
        await compare(file, name, columns, (query) => sql.unsafe(query));
      }
    });
    return countsOf(file);
  } finally {
    await client.end({ timeout: 1 });
  }
}

function* inBatches(rows: Iterable<unknown>): Generator<unknown[]> {
  let batch: unknown[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < ROWS_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

interface Column {
  name: string;
  isText: boolean;
}

function tablesOf(file: Database): { name: string; columns: Column[] }[] {
  const tables = file.query<{ name: string }, []>(
    "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name",
  ).all();
  return tables.filter(({ name }) => !OWN_TABLES.has(name)).map(({ name }) => ({
    name,
    columns: file.query<{ name: string; type: string }, []>(`pragma table_info(${name})`).all()
      .map((column) => ({ name: column.name, isText: column.type.toLowerCase() === "text" })),
  }));
}

function countsOf(file: Database): RowCounts {
  return Object.fromEntries(
    tablesOf(file).map(({ name }) => {
      const row = file.query<{ rows: number }, []>(`select count(*) as rows from ${name}`).get();
      return [name, row?.rows ?? 0];
    }),
  );
}

/** Sums stay small enough for every database: numbers by their remainder, texts by their length. */
const REMAINDER_OF = 1_000_003;

/** Throws BackupError unless the table has as many rows on both sides, with the same sum in each column. */
async function compare(
  file: Database,
  table: string,
  columns: readonly Column[],
  ask: (query: string) => PromiseLike<readonly Record<string, unknown>[]>,
): Promise<void> {
  const sums = columns.map(({ name, isText }, i) => {
    const value = isText ? `length(${name})` : `${name} % ${REMAINDER_OF}`;
    return `coalesce(sum(${value}), 0) as s${i}, count(${name}) as c${i}`;
  });
  const query = `select count(*) as rows, ${sums.join(", ")} from ${table}`;
  const [one] = file.query<Record<string, unknown>, []>(query).all();
  const [other] = await ask(query);
  const differs = Object.keys(one ?? {}).filter((key) =>
    Number(one?.[key]) !== Number(other?.[key])
  );
  if (one !== undefined && other !== undefined && differs.length === 0) return;
  throw new BackupError(
    t`Cannot copy: table ${table} differs from its copy in ${differs.length} sums; nothing was changed`,
  );
}
