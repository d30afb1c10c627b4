/** What a network's parts spend in processor time, and how long its gateways' event loops wait for a core: as Linux counts them. */

import { SQL } from "bun";
import { existsSync, readFileSync } from "node:fs";
import type { ClusterGateway } from "../../../tests/harness/cluster.ts";
import { processes, treeCpuMs } from "../../bench/cpu.ts";

/** The processes that are watched, by their ids. */
export interface Parts {
  gateways: readonly number[];
  /** Null: not on this machine. */
  postgres: number | null;
  redis: number;
}

/** Milliseconds in each second. */
export interface Spent {
  /** All threads of all gateways. */
  gateways: number;
  /** Their event loops alone. */
  loops: number;
  postgres: number;
  redis: number;
  /** Event loops that had work, and no core to do it on. */
  withoutCore: number;
}

export async function partsOf(
  gateways: readonly ClusterGateway[],
  { databaseUrl, redis }: { databaseUrl: string; redis: number },
): Promise<Parts> {
  const sql = new SQL(databaseUrl, { max: 1 });
  try {
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    // While the connection stands: its process ends with it.
    const postgres = parentOf(row!.pid);
    return { gateways: gateways.map(({ program }) => program.pid), postgres, redis };
  } finally {
    await sql.end();
  }
}

export class Spending {
  readonly #first: Spent;
  readonly #startedMs = performance.now();

  private constructor(private readonly parts: Parts) {
    this.#first = soFar(parts);
  }

  static begin(parts: Parts): Spending {
    return new Spending(parts);
  }

  end(): Spent {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const last = soFar(this.parts);
    return mapped((part) => (last[part] - this.#first[part]) / seconds);
  }
}

/** What is spent beyond that. */
export function beyond(spent: Spent, rest: Spent): Spent {
  return mapped((part) => spent[part] - rest[part]);
}

export function shownSpent({ gateways, loops, postgres, redis, withoutCore }: Spent): string {
  const shown = (ms: number) => `${ms.toFixed(0)} ms`;
  return `a second: gateways ${shown(gateways)} of CPU (event loops ${shown(loops)}), PostgreSQL ${
    shown(postgres)
  }, Redis ${shown(redis)}; event loops waited ${shown(withoutCore)} for a core`;
}

function mapped(of: (part: keyof Spent) => number): Spent {
  return {
    gateways: of("gateways"),
    loops: of("loops"),
    postgres: of("postgres"),
    redis: of("redis"),
    withoutCore: of("withoutCore"),
  };
}

function soFar({ gateways, postgres, redis }: Parts): Spent {
  const all = processes();
  const loops = gateways.map(loopOf);
  return {
    gateways: sum(gateways.map((pid) => treeCpuMs(pid, all))),
    loops: sum(loops.map(({ ranMs }) => ranMs)),
    postgres: postgres === null ? 0 : treeCpuMs(postgres, all),
    redis: treeCpuMs(redis, all),
    withoutCore: sum(loops.map(({ waitedMs }) => waitedMs)),
  };
}

/** The first thread of a process is its event loop. */
function loopOf(pid: number): { ranMs: number; waitedMs: number } {
  const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8")
    .split(" ").map(Number);
  return { ranMs: ran / 1e6, waitedMs: waited / 1e6 };
}

/** PostgreSQL's first process starts one for each connection. Null: the server runs elsewhere. */
function parentOf(pid: number): number | null {
  const isLocal = existsSync(`/proc/${pid}`) &&
    readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("postgres");
  return isLocal ? processes().find((one) => one.pid === pid)?.parent ?? null : null;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
