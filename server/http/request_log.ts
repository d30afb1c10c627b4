/** The log for what a request causes besides a call's own line: so many lines a minute for its address. */

import { networkOf } from "../account/network.ts";
import type { Log } from "../base/log.ts";
import type { AppContext } from "./env.ts";
import type { AppParts } from "./parts.ts";

export function requestLog(
  { logs, origin }: Pick<AppParts, "logs" | "origin">,
  c: AppContext,
): Log {
  return logs.of({ address: networkOf(origin(c).address) });
}
