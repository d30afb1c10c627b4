/** A PostgreSQL server for tests: nothing in it outlives them, so nothing is synced to disk. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../free_port.ts";
import { run } from "../program.ts";
import { requirements } from "./requirement.ts";
import { type Service, startService, temporaryFolder } from "./service.ts";

const settings = {
  listen_addresses: "127.0.0.1",
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "300",
};

export async function startPostgres(port: number = freePort()): Promise<Service> {
  const programs = requirements.postgres.find();
  if (programs === null) throw new Error("Cannot start PostgreSQL: not found");
  const folder = temporaryFolder("postgres");
  const data = join(folder, "data");
  try {
    if (isRoot()) await must(["chown", await owner(), folder]);
    await must([
      ...await asOwner(),
      join(programs, "initdb"),
      `--pgdata=${data}`,
      "--username=postgres",
      "--auth=trust",
      "--no-sync",
      "--encoding=UTF8",
      "--locale=C",
    ], folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const options = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  return await startService({
    name: "PostgreSQL",
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    command: [
      ...await asOwner(),
      join(programs, "postgres"),
      ...["-D", data, "-p", String(port), "-k", folder],
      ...options,
    ],
    // SIGTERM would wait until the last client has gone.
    stopSignal: "SIGINT",
    ready: /ready to accept connections/,
    folder,
  });
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** PostgreSQL refuses to run as root. */
async function asOwner(): Promise<string[]> {
  if (!isRoot()) return [];
  const user = await owner();
  const group = (await run(["id", "-g", user])).output.trim();
  return ["setpriv", `--reuid=${user}`, `--regid=${group}`, "--clear-groups", "--"];
}

async function owner(): Promise<string> {
  const { code } = await run(["id", "-u", "postgres"]);
  return code === 0 ? "postgres" : "nobody";
}

async function must(command: string[], cwd?: string): Promise<void> {
  const { code, output } = await run(command, { cwd });
  if (code !== 0) throw new Error(`Cannot start PostgreSQL: ${command[0]}: ${output}`);
}
