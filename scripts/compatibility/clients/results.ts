/** The results of the newest run of each client, which docs/compatibility.md shows. */

import { readFileSync, writeFileSync } from "node:fs";
import { at } from "../../root.ts";
import type { ServerKind } from "./server_kind.ts";

/** What is tried, in this order. */
export const trials = [
  "list",
  "whole answer",
  "stream",
  "tools",
  "abort",
  "wrong key",
  "wrong model",
  "limit",
] as const;
export type Trial = typeof trials[number];

/** True: it works. A text: why not. Null: the client has no such thing. */
export type Outcome = true | string | null;

type Outcomes = Partial<Record<ServerKind, Partial<Record<Trial, Outcome>>>>;

export interface ClientResult {
  client: string;
  version: string;
  /** The day of the run, `2026-11-30`. */
  date: string;
  /** Why the client could not be obtained; absent: it could. */
  missing?: string;
  /** By model server; trials that concern the gateway alone are made with the first. */
  outcomes: Outcomes;
}

const path = at("scripts", "compatibility", "client_results.json");

export function readResults(): ClientResult[] {
  return JSON.parse(readFileSync(path, "utf8")) as ClientResult[];
}

/** Replaces the client's result. `order`: the clients, as they are listed. */
export function writeResult(result: ClientResult, order: readonly string[]): void {
  const all = [...readResults().filter(({ client }) => client !== result.client), result];
  const sorted = order.flatMap((name) => all.filter(({ client }) => client === name));
  writeFileSync(path, JSON.stringify(sorted, null, 2) + "\n");
}
