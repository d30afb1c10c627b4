/** Lifts the runtime's limit of concurrent requests where a node may need more: through a proxy. */

import { providerTypes } from "../adapter/provider_types.ts";
import type { NodeConfig, ProviderConfig } from "../config/config.ts";
import { type Env, proxyFor } from "../http/proxy_for.ts";
import type { Log } from "../world.ts";

/** Bun's `fetch` runs this many requests at a time; more wait silently. */
const BUN_DEFAULT = 256;
const VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";

type Process = Pick<NodeJS.Process, "argv" | "env" | "execPath" | "execve">;

/**
 * Bun reads its limit before any of our code runs, so the program replaces itself, once and in the
 * same process, with the limit in its environment. Returns if that is not needed or not possible.
 */
export function raiseConnectionLimit(config: NodeConfig, process: Process, log: Log): void {
  if (!isAboveLimit(config, process.env)) return;
  if (process.execve === undefined) return warnOfLimit(config, process.env, log);
  const script = Bun.isStandaloneExecutable ? [] : [Bun.main];
  const args = [process.execPath, ...script, ...process.argv.slice(2)];
  const limit = String(config.max_parallel);
  process.execve(process.execPath, args, { ...process.env, [VARIABLE]: limit });
}

/** Says what to do where a running node has got a configuration that needs more. */
export function warnOfLimit(config: NodeConfig, env: Env, log: Log): void {
  if (!isAboveLimit(config, env)) return;
  log.warn(
    {},
    `max_parallel is over ${
      limitOf(env)
    }, and a proxy leads to a provider: restart the node with ` +
      `${VARIABLE}=${config.max_parallel} in the environment`,
  );
}

/** Only providers behind a proxy are asked by `fetch`: see `PullingFetch`. */
function isAboveLimit({ max_parallel = 1, providers }: NodeConfig, env: Env): boolean {
  return max_parallel > limitOf(env) && providers.some((provider) => isBehindProxy(provider, env));
}

function limitOf(env: Env): number {
  return Number(env[VARIABLE] ?? BUN_DEFAULT);
}

function isBehindProxy({ type, proxy, base_url }: ProviderConfig, env: Env): boolean {
  if (proxy !== undefined) return proxy !== "none";
  return proxyFor(new URL(base_url ?? providerTypes[type].address.base), env) !== undefined;
}
