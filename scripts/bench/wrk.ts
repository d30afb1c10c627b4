/** Load of calls that do not stream, made by wrk: it costs less than anything written here would. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../program.ts";
import type { Requirement } from "../testing/requirement.ts";
import { CHAT_PATH, type Target } from "./target.ts";

/** wrk, as a program that this benchmark needs. */
export const wrk = Object.freeze({
  name: "wrk",
  find: () => Bun.which("wrk"),
  debian: "wrk",
  brew: "wrk",
}) satisfies Requirement;

export interface WrkLoad {
  target: Target;
  body: string;
  connections: number;
  seconds: number;
  /** Where the script with the body is put. */
  folder: string;
}

export interface WrkResult {
  requests: number;
  perSecond: number;
}

/** Rejects when an answer was no 200, a connection was lost or a call took longer than 10 s. */
export async function loadWithWrk(load: WrkLoad): Promise<WrkResult> {
  const { target, body, connections, seconds, folder } = load;
  const bodyFile = join(folder, "wrk-body.json");
  const script = join(folder, "wrk.lua");
  writeFileSync(bodyFile, body);
  writeFileSync(script, scriptOf(target.token, bodyFile));
  const url = `http://127.0.0.1:${target.port}${CHAT_PATH}`;
  const flags = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script];
  const { code, output } = await run(["wrk", ...flags, url]);
  if (code !== 0) throw new Error(`wrk ended with exit code ${code}: ${output}`);
  return parseWrk(output);
}

/** Throws when wrk saw anything but good answers. */
export function parseWrk(output: string): WrkResult {
  const problem = /(Non-2xx or 3xx responses|Socket errors): .*/.exec(output)?.[0];
  if (problem !== undefined) throw new Error(`Cannot count wrk's calls: ${problem}`);
  const requests = Number(/(\d+) requests in /.exec(output)?.[1]);
  const perSecond = Number(/Requests\/sec: +([\d.]+)/.exec(output)?.[1]);
  if (!(requests > 0 && perSecond > 0)) {
    throw new Error(`Cannot count wrk's calls: it printed ${output}`);
  }
  return { requests, perSecond };
}

function scriptOf(token: string, bodyFile: string): string {
  return `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer ${token}"
wrk.body = io.open(${JSON.stringify(bodyFile)}, "rb"):read("*a")
`;
}
