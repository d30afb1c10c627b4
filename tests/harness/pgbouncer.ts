/** pgbouncer in transaction mode before the tests' PostgreSQL. */

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/free_port.ts";
import { Program } from "../../scripts/program.ts";
import { requirements } from "../../scripts/testing/requirement.ts";
import { endAfterTests, temporaryFolder } from "./cleanup.ts";

const READY_WITHIN_MS = 60_000;

/**
 * Resolves with the database's URL by way of it. Few sessions are shared by all, so that hardly two
 * statements of a client run in the same one. `ignores`: settings of a session that it takes and drops.
 */
export async function startPgbouncer(databaseUrl: string, ignores = ""): Promise<string> {
  const program = requirements.pgbouncer.find();
  if (program === null) throw new Error("Cannot start pgbouncer: not found");
  const { hostname, port: ownPort, username, password, pathname } = new URL(databaseUrl);
  const port = freePort();
  const folder = temporaryFolder();
  const config = join(folder, "pgbouncer.ini");
  writeFileSync(
    config,
    `[databases]
* = host=${hostname} port=${ownPort || 5432} user=${username}${password && ` password=${password}`}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = ${ignores}
`,
  );
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chmodSync(folder, 0o755);
  const words = [program, ...isRoot ? ["-u", "nobody"] : [], config];
  const running = new Program("pgbouncer", words, { cwd: folder });
  endAfterTests(() => running.kill());
  await running.line((line) => /process up/.test(line) || undefined, READY_WITHIN_MS);
  return `postgres://colink@127.0.0.1:${port}${pathname}`;
}
